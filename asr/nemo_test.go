package asr_test

import (
	"encoding/json"
	"math"
	"os"
	"slices"
	"testing"

	"github.com/asr-backend/asr-backend/asr"
	"github.com/asr-backend/asr-backend/asr/ctc"
	"github.com/asr-backend/asr-backend/asr/ort"
	"github.com/asr-backend/asr-backend/audio"
	"github.com/asr-backend/asr-backend/internal/npy"
	"github.com/asr-backend/asr-backend/internal/oracle"
	"github.com/asr-backend/asr-backend/timeline"
)

// TestFromSoundToTextAsNeMo compares everything up to the text with NeMo's PyTorch model
// on speech at normal level, at -50 dB and from a telephone. See testdata/models/README.md.
func TestFromSoundToTextAsNeMo(t *testing.T) {
	raw, err := os.ReadFile(oracle.Data(t, "models", "tiny-random", "fixtures", "expected.json"))
	if err != nil {
		t.Fatal(err)
	}
	var expected struct {
		Clips map[string]struct {
			Samples   timeline.Sample `json:"samples"`
			Rows      int             `json:"rows"`
			GreedyIDs []ctc.Piece     `json:"greedy_ids"`
			Text      string          `json:"text"`
		} `json:"clips"`
	}
	if err := json.Unmarshal(raw, &expected); err != nil {
		t.Fatal(err)
	}
	b := bundle(t, "tiny-random")
	r := recognizer(t, b, asr.Options{})
	for name, want := range expected.Clips {
		t.Run(name, func(t *testing.T) {
			stream, err := audio.Open(t.Context(), oracle.Data(t, "models", "tiny-random", "fixtures", name+".wav"), audio.Options{FFmpeg: audio.NoFFmpeg})
			if err != nil {
				t.Fatal(err)
			}
			defer stream.Close()
			var rows []float32
			results, err := r.Recognize(t.Context(), stream, asr.Request{LogProbs: func(_ int, _ timeline.Row, lp []float32) error {
				rows = append(rows, lp...)
				return nil
			}})
			if err != nil {
				t.Fatal(err)
			}
			got := results[0]
			if got.Samples != want.Samples || len(got.Rows) != want.Rows {
				t.Fatalf("got %d samples, %d rows; want %d, %d", got.Samples, len(got.Rows), want.Samples, want.Rows)
			}
			single, exact := fixture(t, name+".logprobs.npy"), fixture(t, name+".exact.npy")
			if d := distance(rows, exact.Data); d > logProbTolerance {
				t.Errorf("from NeMo on features in float64: %.3g, want at most %.3g", d, logProbTolerance)
			}
			own := distance(exact.Float32(), single.Data) // NeMo's own rounding of features
			if d, allowed := distance(rows, single.Data), max(logProbTolerance, 2*own); d > allowed {
				t.Errorf("from NeMo on features in float32: %.3g, want at most %.3g", d, allowed)
			}
			ids := make([]ctc.Piece, len(got.Rows))
			for i := range ids {
				ids[i] = got.Rows[i].Best
			}
			if !slices.Equal(ids, want.GreedyIDs) {
				t.Errorf("greedy pieces: got %v, want %v", ids, want.GreedyIDs)
			}
			var pieces []ctc.Piece
			for _, token := range ctc.Greedy(got.Rows, b.Vocabulary.Blank(), 0) {
				pieces = append(pieces, token.Piece)
			}
			if text := b.Vocabulary.Text(pieces); text != want.Text {
				t.Errorf("text: got %q, want %q", text, want.Text)
			}
		})
	}
}

// TestModelOnNeMosFeatures leaves our features out of the comparison.
func TestModelOnNeMosFeatures(t *testing.T) {
	oracle.NeedLibrary(t)
	feats, want := fixture(t, "tel8k.feats.npy"), fixture(t, "tel8k.logprobs.npy")
	session, err := library.NewSession(ort.Source{Path: oracle.Data(t, "models", "tiny-random", "model.onnx")},
		ort.Names{Features: "audio_signal", Lengths: "length", LogProbs: "logprobs"}, ort.SessionOptions{})
	if err != nil {
		t.Fatal(err)
	}
	defer session.Close()
	b, err := library.NewBuffers(1, feats.Shape[0], feats.Shape[1], want.Shape[0], want.Shape[1])
	if err != nil {
		t.Fatal(err)
	}
	defer b.Close()
	copy(b.Features, feats.Float32())
	b.Lengths[0] = int64(feats.Shape[1])
	if err := session.Run(t.Context(), b); err != nil {
		t.Fatal(err)
	}
	if d := distance(b.LogProbs, want.Data); d > logProbTolerance {
		t.Errorf("got %.3g, want at most %.3g", d, logProbTolerance)
	}
}

// logProbTolerance is the bound on log-probabilities in float32.
const logProbTolerance = 1e-3

func fixture(t *testing.T, name string) *npy.Array {
	t.Helper()
	a, err := npy.Read(oracle.Data(t, "models", "tiny-random", "fixtures", name))
	if err != nil {
		t.Fatal(err)
	}
	return a
}

// distance is the largest difference of two tensors.
func distance(got []float32, want []float64) float64 {
	if len(got) != len(want) {
		return math.Inf(1)
	}
	worst := 0.0
	for i := range got {
		worst = max(worst, math.Abs(float64(got[i])-want[i]))
	}
	return worst
}
