package transcribe_test

import (
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"flag"
	"fmt"
	"math"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/asr-backend/asr-backend/align"
	"github.com/asr-backend/asr-backend/align/verbalize"
	"github.com/asr-backend/asr-backend/asr"
	"github.com/asr-backend/asr-backend/asr/ctc"
	"github.com/asr-backend/asr-backend/asr/mel"
	"github.com/asr-backend/asr-backend/asr/ort"
	"github.com/asr-backend/asr-backend/asr/sentencepiece"
	"github.com/asr-backend/asr-backend/internal/npy"
	"github.com/asr-backend/asr-backend/internal/oracle"
	"github.com/asr-backend/asr-backend/internal/tones"
	"github.com/asr-backend/asr-backend/timeline"
	"github.com/asr-backend/asr-backend/transcribe"
	"github.com/asr-backend/asr-backend/transcript"

	"github.com/google/go-cmp/cmp"
)

var update = flag.Bool("update", false, "write the output of a new generation to testdata/generation")

// A version promises that equal versions give equal answers, and the generation is the part
// of it that a person has to change. Here it must change if words, times or confidences do.
//
// The output is the same on every CPU: the toy model is a maximum of each row and saturates,
// and rows of a real model come from a file.
func TestAGenerationHasOneOutput(t *testing.T) {
	var got bytes.Buffer
	fmt.Fprintln(&got, "# The toy model on a recording of tones: its transcript, and a text with mistakes.")
	writeTones(t, &got)
	fmt.Fprintln(&got, "# Rows of a trained model: its words, regions, and a text with mistakes.")
	writeRows(t, &got)
	compareGeneration(t, fmt.Sprintf("%d.txt", transcribe.Generation), "generation in transcribe.go", got.Bytes())
}

// compareGeneration holds an output to the one that is kept for its generation, a constant.
func compareGeneration(t *testing.T, file, constant string, got []byte) {
	t.Helper()
	path := filepath.Join("testdata", "generation", file)
	want, err := os.ReadFile(path)
	if os.IsNotExist(err) && *update {
		if err := os.WriteFile(path, got, 0o644); err != nil {
			t.Fatal(err)
		}
		return
	}
	if err != nil {
		t.Fatalf("%v; the generation is new: run go test ./transcribe -run %s -update and commit the file that it writes", err, t.Name())
	}
	if diff := cmp.Diff(strings.Split(string(want), "\n"), strings.Split(string(got), "\n")); diff != "" {
		t.Errorf("The output of this generation has changed (digest %s, want %s). If that is meant, add one to %s, so that predictions get a new version, run this test with -update, and delete %s. Never change that file.\n%s",
			digest(got), digest(want), constant, path, diff)
	}
}

func digest(b []byte) string {
	sum := sha256.Sum256(b)
	return hex.EncodeToString(sum[:6])
}

// toy returns the toy model, which is closed at the end of the test.
func toy(t *testing.T) *asr.Recognizer {
	t.Helper()
	oracle.NeedLibrary(t)
	bundle, err := asr.OpenBundle(oracle.Data(t, "models", "toys", "tones"), "")
	if err != nil {
		t.Fatal(err)
	}
	r, err := asr.New(t.Context(), library, bundle, asr.Options{Provider: ort.CPU, Threads: 1})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := r.Close(); err != nil {
			t.Error(err)
		}
	})
	return r
}

// writeTones writes what the whole program makes of a recording, in milliseconds.
func writeTones(t *testing.T, w *bytes.Buffer) {
	t.Helper()
	r := toy(t)
	recording := tones.Recording{Seconds: 35}
	source := transcribe.Source{Reader: bytes.NewReader(recording.WAV()), Name: "tones"}
	tr, err := transcribe.New(r, transcribe.Options{})
	if err != nil {
		t.Fatal(err)
	}
	k, err := tr.Recognize(t.Context(), source, transcribe.Request{KeepLogProbs: true})
	if err != nil {
		t.Fatal(err)
	}
	defer func() {
		if err := k.Close(); err != nil {
			t.Error(err)
		}
	}()
	writeTranscript(w, k.Transcript())
	said := recording.Regions()
	said[2] = "One two four three four, three" // a word too many at two places
	said[4] = "one four"                       // two words too few
	said[6] = "one four three four"            // a word that is another one
	a, err := k.Align(t.Context(), &transcript.Transcript{Segments: []transcript.Segment{{Text: strings.Join(said, "\n"), Channel: transcript.Mixed}}}, "en")
	if err != nil {
		t.Fatal(err)
	}
	fmt.Fprintf(w, "%d words, %d found\n", a.Words, a.Found)
	for i := range a.Mismatches {
		fmt.Fprintln(w, a.Mismatches[i].Verdict, &a.Mismatches[i])
	}
	writeTranscript(w, a.Transcript)
}

func writeTranscript(w *bytes.Buffer, t *transcript.Transcript) {
	for _, s := range t.Segments {
		fmt.Fprintf(w, "%d %d %.2f\n", s.Start.Milliseconds(), s.End.Milliseconds(), s.Confidence)
		for _, x := range s.Words {
			fmt.Fprintf(w, "  %d %d (%d %d) %.2f %s\n", x.Start.Milliseconds(), x.End.Milliseconds(), x.SpikeStart.Milliseconds(), x.SpikeEnd.Milliseconds(), x.Confidence, x.Text)
		}
	}
	fmt.Fprintf(w, "%d %.2f %q\n", t.Duration.Milliseconds(), t.Confidence, t.Diagnostics.Warnings)
}

// writeRows writes what package align makes of rows that are not saturated, in samples.
func writeRows(t *testing.T, w *bytes.Buffer) {
	t.Helper()
	f, err := os.Open(oracle.Data(t, "align", "tokenizer.model"))
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	tokenizer, err := sentencepiece.Read(f)
	if err != nil {
		t.Fatal(err)
	}
	rows := readRows(t, "librispeech.npy", "ljspeech.npy", "librispeech.npy")
	noise := len(rows)
	for range 25 { // two seconds that the model finds no words in
		row := slices.Repeat([]float32{-20}, len(rows[0]))
		row[len(row)-1] = 0
		rows = append(rows, row)
	}
	var pieces []string
	for p := range len(rows[0]) - 1 {
		pieces = append(pieces, tokenizer.Piece(ctc.Piece(p)))
	}
	v, err := ctc.NewVocabulary(pieces)
	if err != nil {
		t.Fatal(err)
	}
	e := &align.Emissions{LogProbs: func(i timeline.Row) []float32 { return rows[i] }}
	e.Vocabulary, e.First, e.Samples = v, 1000, timeline.Row(len(rows)).Sample()
	measure := ctc.NewMeasure(v.Width())
	for i, row := range rows {
		r := ctc.Summarize(row, v.Blank(), measure)
		e.Rows = append(e.Rows, r)
		for k := range timeline.FramesPerRow { // loud where it is not blank, with an edge in each row
			level := 20 + 80*(1-math.Exp(float64(r.Blank)))
			if i >= noise {
				level = 100
			}
			if (i+int(k))%5 == 0 {
				level /= 2
			}
			e.Levels = append(e.Levels, mel.Level(level))
		}
	}
	words := e.Words()
	for _, region := range align.Regions(words, align.RegionOptions{}) {
		writeWords(w, region)
	}
	fmt.Fprintln(w, "without words:", e.Unrecognized(words))
	text := "I really liked that umbrella account of himself better than anything else, he said. Has never 17 been. " +
		"I liked мир that account of himself better than anything else he said"
	a, err := e.Align(t.Context(), verbalize.New(tokenizer, v, "en").Reference(text))
	if err != nil {
		t.Fatal(err)
	}
	writeWords(w, a.Words)
	for _, m := range a.Mismatches {
		fmt.Fprintf(w, "%v %d %d, words %d to %d, %q\n", m.Verdict, m.Span.Start, m.Span.End, m.From, m.To, m.Recognized)
	}
}

func writeWords(w *bytes.Buffer, words []align.Word) {
	for _, x := range words {
		fmt.Fprintf(w, "%d %d (%d %d) %.4f %v %s\n", x.Span.Start, x.Span.End, x.Spike.Start, x.Spike.End, x.Confidence, x.Verdict, x.Text)
	}
	fmt.Fprintln(w)
}

// readRows returns the log-probabilities of files, one after the other.
func readRows(t *testing.T, names ...string) [][]float32 {
	t.Helper()
	var rows [][]float32
	for _, name := range names {
		a, err := npy.Read(oracle.Data(t, "align", name))
		if err != nil {
			t.Fatal(err)
		}
		width, data := a.Shape[1], a.Float32()
		for i := range a.Shape[0] {
			rows = append(rows, data[i*width:][:width])
		}
	}
	return rows
}
