package asr_test

import (
	"encoding/json"
	"errors"
	"fmt"
	"math"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/asr-backend/asr-backend/asr"
	"github.com/asr-backend/asr-backend/asr/ort"
	"github.com/asr-backend/asr-backend/asr/transducer"
	"github.com/asr-backend/asr-backend/audio"
	"github.com/asr-backend/asr-backend/internal/npy"
	"github.com/asr-backend/asr-backend/internal/oracle"
	"github.com/asr-backend/asr-backend/timeline"
)

// decoded is what NeMo decodes of a recording of testdata/transducer.
type decoded struct {
	Text        string
	IDs, Frames []int
	Order       []string // of a long one: its clips,
	Times, Gap  int      // how often they come, and the samples of silence after each
	RowCount    int      `json:"row_count"`
}

// nemoWindow is how the long recording was cut for NeMo.
var nemoWindow = asr.Window{Rows: 320, Context: 40}

func nemoDecoded(t *testing.T, kind string) (clips map[string]decoded, long decoded) {
	t.Helper()
	var file struct {
		Clips map[string]decoded
		Long  decoded
	}
	raw, err := os.ReadFile(oracle.Data(t, "transducer", kind, "expected.json"))
	if err == nil {
		err = json.Unmarshal(raw, &file)
	}
	if err != nil {
		t.Fatal(err)
	}
	return file.Clips, file.Long
}

// tokens returns the pieces and rows of a result.
func tokens(r *asr.Result) (ids, frames []int) {
	for _, x := range r.Tokens {
		ids, frames = append(ids, int(x.Piece)), append(frames, int(x.First))
	}
	return ids, frames
}

// Transducers of both kinds, in both layouts, give NeMo's pieces in NeMo's rows, from the recording
// on: of clips, and of a recording of several windows.
func TestTransducersGiveWhatNeMoGives(t *testing.T) {
	for _, kind := range []string{"hybrid", "tdt"} {
		for _, layout := range []string{"onnx-asr", "sherpa"} {
			t.Run(kind+" "+layout, func(t *testing.T) {
				b := bundle(t, "..", "transducer", kind, layout)
				r := recognizer(t, b, asr.Options{Window: nemoWindow})
				several := recognizer(t, b, asr.Options{Window: nemoWindow, Batch: 3, Threads: 2})
				want, long := nemoDecoded(t, kind)
				for clip, w := range want {
					got := recognizeClip(t, r, clip)
					if ids, frames := tokens(got); !slices.Equal(ids, w.IDs) || !slices.Equal(frames, w.Frames) {
						t.Errorf("%s: pieces %v in rows %v, want %v in %v", clip, ids, frames, w.IDs, w.Frames)
					}
					var words []string
					for _, x := range got.Output.Words(got.TextTokens()) {
						words = append(words, x.Text)
					}
					if text := strings.Join(words, " "); text != w.Text {
						t.Errorf("%s: %q, want %q", clip, text, w.Text)
					}
				}
				samples := joinClips(t, long)
				for name, r := range map[string]*asr.Recognizer{"one": r, "batches": several} {
					results, err := r.Recognize(t.Context(), &recording{n: timeline.Sample(len(samples)), sample: func(i timeline.Sample) float32 { return samples[i] }}, asr.Request{})
					if err != nil {
						t.Fatal(err)
					}
					ids, frames := tokens(results[0])
					if !slices.Equal(ids, long.IDs) || !slices.Equal(frames, long.Frames) || len(results[0].Rows) != long.RowCount {
						t.Errorf("%s: %d rows with %d pieces, want %d with %d; the first that differs is number %d", name, len(results[0].Rows), len(ids), long.RowCount, len(long.IDs), firstDifferent(ids, long.IDs))
					}
				}
			})
		}
	}
}

// clipSamples returns the samples of a clip.
func clipSamples(t *testing.T, clip string) []float32 {
	t.Helper()
	s, err := audio.Open(t.Context(), oracle.Data(t, "transducer", "clips", clip+".flac"), audio.Options{})
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	var samples []float32
	for {
		block, err := s.Next()
		if err != nil {
			return samples
		}
		samples = append(samples, block.Channels[0]...)
	}
}

func recognizeClip(t *testing.T, r *asr.Recognizer, clip string) *asr.Result {
	t.Helper()
	samples := clipSamples(t, clip)
	results, err := r.Recognize(t.Context(), &recording{n: timeline.Sample(len(samples)), sample: func(i timeline.Sample) float32 { return samples[i] }}, asr.Request{})
	if err != nil {
		t.Fatal(err)
	}
	return results[0]
}

// joinClips returns the samples of a long recording.
func joinClips(t *testing.T, long decoded) []float32 {
	t.Helper()
	var samples []float32
	for range long.Times {
		for _, clip := range long.Order {
			samples = append(append(samples, clipSamples(t, clip)...), make([]float32, long.Gap)...)
		}
	}
	return samples
}

// A stretch without sound says nothing, and what follows is decoded as it is without it, but for
// its place.
func TestATransducerPassesOverSilence(t *testing.T) {
	r := recognizer(t, bundle(t, "..", "transducer", "hybrid", "onnx-asr"), asr.Options{})
	clip := clipSamples(t, "LJ001-0002")
	silence := int((5 * asr.DefaultWindow.Rows).Sample())
	samples := append(append(slices.Clone(clip), make([]float32, silence-len(clip))...), clip...)
	results, err := r.Recognize(t.Context(), &recording{n: timeline.Sample(len(samples)), sample: func(i timeline.Sample) float32 { return samples[i] }}, asr.Request{})
	if err != nil {
		t.Fatal(err)
	}
	between := 0
	for _, x := range results[0].Tokens {
		if x.First > asr.DefaultWindow.Rows && x.First < 4*asr.DefaultWindow.Rows {
			between++
		}
	}
	if n := len(results[0].Tokens); results[0].Skipped < 3 || n < 5 || between > 0 {
		t.Errorf("%d windows are silent; %d pieces, %d of them in the silence", results[0].Skipped, n, between)
	}
}

// What a transducer cannot do is said.
func TestTransducersHaveNoLogProbs(t *testing.T) {
	r := recognizer(t, bundle(t, "..", "transducer", "tdt", "sherpa"), asr.Options{})
	samples := clipSamples(t, "LJ001-0002")
	_, err := r.Recognize(t.Context(), &recording{n: timeline.Sample(len(samples)), sample: func(i timeline.Sample) float32 { return samples[i] }},
		asr.Request{LogProbs: func(int, timeline.Row, []float32) error { return nil }})
	if !errors.Is(err, asr.ErrNoCTC) {
		t.Errorf("got %v", err)
	}
}

// Graphs that do not belong together are refused with a sentence.
func TestTransducersAreRefused(t *testing.T) {
	oracle.NeedLibrary(t)
	hybrid, tdt := oracle.Data(t, "transducer", "hybrid"), oracle.Data(t, "transducer", "tdt")
	for want, files := range map[string]map[string]string{
		"columns but the vocabulary has": {
			"encoder.onnx": hybrid + "/sherpa/encoder.onnx", "decoder.onnx": hybrid + "/sherpa/decoder.onnx", "joiner.onnx": hybrid + "/sherpa/joiner.onnx", "tokens.txt": "",
		},
		"the decoder gives": {
			"encoder.onnx": tdt + "/sherpa/encoder.onnx", "decoder.onnx": hybrid + "/sherpa/decoder.onnx", "joiner.onnx": tdt + "/sherpa/joiner.onnx", "tokens.txt": tdt + "/sherpa/tokens.txt",
		},
		"the decoder has 2 inputs": {
			"encoder-model.onnx": tdt + "/onnx-asr/encoder-model.onnx", "decoder_joint-model.onnx": tdt + "/onnx-asr/encoder-model.onnx", "vocab.txt": tdt + "/onnx-asr/vocab.txt",
		},
	} {
		dir := t.TempDir()
		for name, from := range files {
			content := []byte(manyPieces(200))
			if from != "" {
				var err error
				if content, err = os.ReadFile(from); err != nil {
					t.Fatal(err)
				}
			}
			if err := os.WriteFile(filepath.Join(dir, name), content, 0o600); err != nil {
				t.Fatal(err)
			}
		}
		r, err := asr.New(t.Context(), library, open(t, dir), asr.Options{Provider: ort.CPU})
		if err == nil {
			_ = r.Close()
		}
		if err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("got %v, want %q", err, want)
		}
	}
}

// manyPieces is a vocabulary of so many pieces.
func manyPieces(n int) string {
	var b strings.Builder
	for i := range n {
		fmt.Fprintf(&b, "p%d %d\n", i, i)
	}
	fmt.Fprintf(&b, "<blk> %d\n", n)
	return b.String()
}

// firstDifferent returns the first index at which two lists differ.
func firstDifferent(a, b []int) int {
	for i := range min(len(a), len(b)) {
		if a[i] != b[i] {
			return i
		}
	}
	return min(len(a), len(b))
}

// A duration that leads beyond the end of the recording is cut off there, in every place where
// a recording may end.
func TestDurationsEndWithTheRecording(t *testing.T) {
	r := recognizer(t, bundle(t, "..", "transducer", "tdt", "onnx-asr"), asr.Options{})
	samples := clipSamples(t, "LJ001-0020")
	for n := timeline.Sample(timeline.SamplesPerRow); n < timeline.Sample(len(samples)); n += 3 * timeline.SamplesPerRow {
		results, err := r.Recognize(t.Context(), &recording{n: n, sample: func(i timeline.Sample) float32 { return samples[i] }}, asr.Request{})
		if err != nil {
			t.Fatal(err)
		}
		for _, x := range results[0].Tokens {
			if x.First > x.Last || int(x.Last) >= len(results[0].Rows) {
				t.Errorf("%d samples: %+v in %d rows", n, x, len(results[0].Rows))
			}
		}
	}
}

// The scores of an int8 joint depend on the rows that are asked at once, so rows are asked one by one:
// the pieces are those that one row after another gives, whatever the windows.
func TestAnInt8TransducerIsAskedRowByRow(t *testing.T) {
	oracle.NeedLibrary(t)
	dir := t.TempDir()
	joint := oracle.Data(t, "transducer", "tdt", "int8", "decoder_joint-model.int8.onnx")
	copyFiles(t, dir, map[string]string{
		"encoder-model.int8.onnx":       oracle.Data(t, "transducer", "tdt", "onnx-asr", "encoder-model.onnx"),
		"decoder_joint-model.int8.onnx": joint,
		"vocab.txt":                     oracle.Data(t, "transducer", "tdt", "onnx-asr", "vocab.txt"),
	})
	b := open(t, dir)
	r := recognizer(t, b, asr.Options{})
	m, err := transducer.Open(library, transducer.Files{Joint: &ort.Source{Path: joint}}, ort.SessionOptions{})
	if err != nil {
		t.Fatal(err)
	}
	defer m.Close()
	decode := func(clip string, ahead int) (ids []int, logProbs []float64) {
		t.Helper()
		a, err := npy.Read(oracle.Data(t, "transducer", "tdt", clip+".rows.npy"))
		if err != nil {
			t.Fatal(err)
		}
		n := m.Networks(ahead)
		defer n.Close()
		d, err := transducer.NewDecoder(n, transducer.Options{Blank: b.Vocabulary.Blank(), RowWidth: m.RowWidth, Durations: []timeline.Row{0, 1, 2, 3, 4}, Ahead: ahead}, 0)
		if err != nil {
			t.Fatal(err)
		}
		labels, err := d.Push(t.Context(), a.Float32(), nil)
		if err != nil {
			t.Fatal(err)
		}
		for _, l := range labels {
			ids, logProbs = append(ids, int(l.Piece), int(l.Row)), append(logProbs, float64(l.LogProb))
		}
		return ids, logProbs
	}
	others := 0.0
	clips, _ := nemoDecoded(t, "tdt")
	for clip := range clips {
		var got []int
		for _, token := range recognizeClip(t, r, clip).Tokens {
			got = append(got, int(token.Piece), int(token.First))
		}
		want, alone := decode(clip, 1)
		if !slices.Equal(got, want) {
			t.Errorf("%s: pieces and rows %v, want %v", clip, got, want)
		}
		for i, token := range recognizeClip(t, r, clip).Tokens {
			if d := math.Abs(float64(token.LogProb) - alone[i]); d > 0.01 {
				t.Errorf("%s: log-probability %d differs by %v", clip, i, d)
			}
		}
		// On CPUs without VNNI twice as many have to be asked for to show it.
		for _, ahead := range []int{transducer.DefaultAhead, 2 * transducer.DefaultAhead} {
			_, together := decode(clip, ahead)
			for i := range min(len(together), len(alone)) {
				others = max(others, math.Abs(together[i]-alone[i]))
			}
		}
	}
	if others < 0.02 {
		t.Errorf("the rows that are asked at once change log-probabilities by %v: they do not matter", others)
	}
}
