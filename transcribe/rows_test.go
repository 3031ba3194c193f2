package transcribe_test

import (
	"bytes"
	"fmt"
	"testing"

	"github.com/asr-backend/asr-backend/align"
	"github.com/asr-backend/asr-backend/asr"
	"github.com/asr-backend/asr-backend/asr/beam"
	"github.com/asr-backend/asr-backend/asr/ctc"
	"github.com/asr-backend/asr-backend/asr/ort"
	"github.com/asr-backend/asr-backend/audio"
	"github.com/asr-backend/asr-backend/internal/npy"
	"github.com/asr-backend/asr-backend/internal/oracle"
	"github.com/asr-backend/asr-backend/internal/tones"
	"github.com/asr-backend/asr-backend/models"
	"github.com/asr-backend/asr-backend/timeline"
	"github.com/asr-backend/asr-backend/transcribe"
)

// As TestAGenerationHasOneOutput, for rows that are kept: the toy model's, and what is kept of the
// log-probabilities of a trained model.
func TestRowsOfAGenerationAreTheSame(t *testing.T) {
	r := toy(t)
	var got bytes.Buffer
	write := func(row timeline.Row, best ctc.Piece, pieces []ctc.Candidate) {
		if fmt.Fprintf(&got, "%d: %d", row, best); len(pieces) > 0 {
			fmt.Fprint(&got, " of")
		}
		for _, p := range pieces {
			fmt.Fprintf(&got, " %d %.2f", p.Piece, p.LogProb)
		}
		fmt.Fprintln(&got)
	}
	fmt.Fprintln(&got, "# The toy model on a recording of tones.")
	source := transcribe.Source{Reader: bytes.NewReader(tones.Recording{Seconds: 35}.WAV()), Name: "tones"}
	_, err := on(t, r, transcribe.Options{}).Transcribe(t.Context(), source, transcribe.Request{Request: asr.Request{
		Search: func(_ int, row timeline.Row, r *ctc.Row, pieces []ctc.Candidate, _ float32) error {
			write(row, r.Best, pieces)
			return nil
		}}})
	if err != nil {
		t.Fatal(err)
	}
	fmt.Fprintln(&got, "# Log-probabilities of a trained model.")
	for i, logProbs := range readRows(t, "librispeech.npy") {
		var c ctc.Candidates
		blank, measure := ctc.Piece(len(logProbs)-1), ctc.NewMeasure(len(logProbs))
		row := ctc.Summarize(logProbs, blank, measure)
		c.Append(logProbs, row, blank, measure)
		pieces, _ := c.Row(0)
		write(timeline.Row(i), row.Best, pieces)
	}
	compareGeneration(t, fmt.Sprintf("rows-%d.txt", transcribe.RowsGeneration), "rowsGeneration and generation in package transcribe", got.Bytes())
}

func TestRowsVersionsChangeWithWhatChangesRows(t *testing.T) {
	bundle, err := models.Open(models.DefaultName, "")
	if err != nil {
		t.Fatal(err)
	}
	weight := float32(0.25)
	version := func(o transcribe.Options, a asr.Options, digest, lm string) string {
		return o.RowsVersion(a.Identity(bundle, digest, lm))
	}
	plain := version(transcribe.Options{}, asr.Options{}, "model", "lm")
	if len(plain) != 16 {
		t.Errorf("version %q", plain)
	}
	for name, same := range map[string]string{
		"another language model": version(transcribe.Options{}, asr.Options{}, "model", "other"),
		"other weights":          version(transcribe.Options{}, asr.Options{Decoding: asr.Decoding{LMWeight: &weight, Beam: 8}}, "model", "lm"),
		"no search":              version(transcribe.Options{}, asr.Options{Decoding: asr.Decoding{LM: asr.LMNone}}, "model", ""),
		"hotwords":               version(transcribe.Options{Hotwords: []beam.Phrase{{Text: "Wolpert"}}, NBest: 5}, asr.Options{}, "model", "lm"),
		"regions":                version(transcribe.Options{Regions: align.RegionOptions{NoSentences: true}, FFmpeg: "off"}, asr.Options{}, "model", "lm"),
		"a GPU":                  version(transcribe.Options{}, asr.Options{Provider: ort.CUDA, Batch: 4}, "model", "lm"),
	} {
		if same != plain {
			t.Errorf("%s: another version", name)
		}
	}
	seen := map[string]string{plain: "the first"}
	for name, other := range map[string]string{
		"another model":  version(transcribe.Options{}, asr.Options{}, "other", "lm"),
		"another window": version(transcribe.Options{}, asr.Options{Window: asr.Window{Rows: 200, Context: 40}}, "model", "lm"),
		"TF32":           version(transcribe.Options{}, asr.Options{TF32: true}, "model", "lm"),
		"split channels": version(transcribe.Options{Channels: audio.Split}, asr.Options{}, "model", "lm"),
		"another track":  version(transcribe.Options{Track: 2}, asr.Options{}, "model", "lm"),
	} {
		if before, ok := seen[other]; ok {
			t.Errorf("%s has the version of %s", name, before)
		}
		seen[other] = name
	}
	transducer, err := asr.OpenBundle(oracle.Data(t, "transducer", "hybrid/both"), "")
	if err != nil {
		t.Fatal(err)
	}
	if v := (transcribe.Options{}).RowsVersion(asr.Options{}.Identity(transducer, "model", "")); v != "" {
		t.Errorf("a transducer has the version %q", v)
	}
}

// BenchmarkKeptCandidates shows what it costs to keep candidates of rows that no search looks at, a row.
func BenchmarkKeptCandidates(b *testing.B) {
	rows, err := npy.Read(oracle.Data(b, "align", "librispeech.npy"))
	if err != nil {
		b.Fatal(err)
	}
	width, data := rows.Shape[1], rows.Float32()
	blank, measure := ctc.Piece(width-1), ctc.NewMeasure(width)
	for _, keep := range []bool{false, true} {
		b.Run(fmt.Sprint("candidates=", keep), func(b *testing.B) {
			var s ctc.Saved
			n, bytes := 0, 0
			for b.Loop() {
				s = ctc.Saved{}
				for i := range rows.Shape[0] {
					logProbs := data[i*width:][:width]
					row := ctc.Summarize(logProbs, blank, measure)
					if s.Rows = append(s.Rows, row); keep {
						s.Candidates.Append(logProbs, row, blank, measure)
					}
				}
				n, bytes = n+len(s.Rows), bytes+len(s.Encode())
			}
			b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(n), "ns/row")
			b.ReportMetric(float64(bytes)/float64(n), "bytes/row")
			b.ReportMetric(0, "ns/op")
		})
	}
}
