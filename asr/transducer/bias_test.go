package transducer_test

import (
	"encoding/json"
	"os"
	"slices"
	"strconv"
	"testing"

	"github.com/asr-backend/asr-backend/asr/beam"
	"github.com/asr-backend/asr-backend/asr/ctc"
	"github.com/asr-backend/asr-backend/asr/transducer"
	"github.com/asr-backend/asr-backend/internal/npy"
	"github.com/asr-backend/asr-backend/internal/oracle"
	"github.com/asr-backend/asr-backend/lm"
)

// tdtVocabulary is that of testdata/transducer/tdt.
func tdtVocabulary(t *testing.T) *ctc.Vocabulary {
	t.Helper()
	f, err := os.Open(oracle.Data(t, "transducer", "tdt", "sherpa", "tokens.txt"))
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	v, err := ctc.ReadVocabulary(f)
	if err != nil {
		t.Fatal(err)
	}
	return v
}

// A language model of pieces changes what is written as it does with NeMo, at every weight; blank
// stays blank.
func TestALanguageModelCountsAsInNeMo(t *testing.T) {
	var want map[string]map[string]struct{ IDs, Frames []int }
	raw, err := os.ReadFile(oracle.Data(t, "transducer", "tdt", "fused.json"))
	if err == nil {
		err = json.Unmarshal(raw, &want)
	}
	if err != nil || len(want) < 3 {
		t.Fatal(len(want), err)
	}
	v := tdtVocabulary(t)
	words, err := lm.Open(oracle.Data(t, "transducer", "tdt", "pieces.arpa"))
	if err != nil {
		t.Fatal(err)
	}
	defer words.Close()
	for _, layout := range []string{"onnx-asr", "sherpa"} {
		m := open(t, "tdt", layout)
		n := m.Networks(transducer.DefaultAhead)
		defer func() {
			if err := n.Close(); err != nil {
				t.Error(err)
			}
		}()
		for weight, clips := range want {
			w, err := strconv.ParseFloat(weight, 32)
			if err != nil {
				t.Fatal(err)
			}
			bias, err := beam.NewBias(v, beam.BiasOptions{Model: words, Weight: float32(w)})
			if err != nil {
				t.Fatal(err)
			}
			for clip, want := range clips {
				a, err := npy.Read(oracle.Data(t, "transducer", "tdt", clip+".rows.npy"))
				if err != nil {
					t.Fatal(err)
				}
				d, err := transducer.NewDecoder(n, transducer.Options{Blank: v.Blank(), RowWidth: m.RowWidth, Durations: durations(5), Bias: bias}, 0)
				if err != nil {
					t.Fatal(err)
				}
				labels, err := d.Push(t.Context(), a.Float32(), nil)
				if err != nil {
					t.Fatal(err)
				}
				var ids, frames []int
				for _, l := range labels {
					ids, frames = append(ids, int(l.Piece)), append(frames, int(l.Row))
				}
				if !slices.Equal(ids, want.IDs) || !slices.Equal(frames, want.Frames) {
					t.Errorf("%s, weight %s, %s: pieces %v in rows %v, want %v in %v", layout, weight, clip, ids, frames, want.IDs, want.Frames)
				}
			}
		}
	}
}
