package transducer_test

import (
	"encoding/json"
	"math"
	"os"
	"path/filepath"
	"slices"
	"testing"

	"github.com/asr-backend/asr-backend/asr/ctc"
	"github.com/asr-backend/asr-backend/asr/ort"
	"github.com/asr-backend/asr-backend/asr/transducer"
	"github.com/asr-backend/asr-backend/internal/npy"
	"github.com/asr-backend/asr-backend/internal/oracle"
	"github.com/asr-backend/asr-backend/internal/oracle/onnx"
	"github.com/asr-backend/asr-backend/timeline"

	"go.uber.org/goleak"
)

// library is the ONNX Runtime all tests share: a process can open one.
var library *ort.Runtime

func TestMain(m *testing.M) {
	var exit func(code int)
	library, exit = onnx.Open()
	goleak.VerifyTestMain(m, goleak.Cleanup(exit))
}

// expected is what NeMo decodes of a recording.
type expected struct {
	IDs, Frames, Durations []int
	LogProbs               []float64 `json:"log_probs"`
	Confidence             []float64 `json:"token_confidence"`
}

// The two trained models give NeMo's pieces, rows, durations, probabilities and confidences, in
// both layouts, however many rows are asked at once and whatever parts they come in.
func TestModelsGiveWhatNeMoGives(t *testing.T) {
	oracle.NeedLibrary(t)
	for _, kind := range []string{"hybrid", "tdt"} {
		var file struct {
			Blank ctc.Piece
			Clips map[string]expected
		}
		raw, err := os.ReadFile(oracle.Data(t, "transducer", kind, "expected.json"))
		if err == nil {
			err = json.Unmarshal(raw, &file)
		}
		if err != nil || len(file.Clips) < 6 {
			t.Fatal(err, len(file.Clips))
		}
		for _, layout := range []string{"onnx-asr", "sherpa"} {
			t.Run(kind+" "+layout, func(t *testing.T) {
				m := open(t, kind, layout)
				for clip, want := range file.Clips {
					a, err := npy.Read(oracle.Data(t, "transducer", kind, clip+".rows.npy"))
					if err != nil {
						t.Fatal(err)
					}
					for _, c := range []struct{ ahead, part int }{{1, 1 << 20}, {12, 1 << 20}, {5, 1}, {3, 7}} {
						compare(t, clip, decode(t, m, file.Blank, a.Float32(), c.ahead, c.part), want, file.Blank, kind == "tdt")
					}
				}
			})
		}
	}
}

// files returns those of a model of testdata/transducer.
func files(t *testing.T, kind, layout string) transducer.Files {
	t.Helper()
	source := func(name string) *ort.Source {
		return &ort.Source{Path: oracle.Data(t, "transducer", kind, filepath.Join(layout, name))}
	}
	if layout == "sherpa" {
		return transducer.Files{Decoder: source("decoder.onnx"), Joiner: source("joiner.onnx")}
	}
	return transducer.Files{Joint: source("decoder_joint-model.onnx")}
}

func open(t *testing.T, kind, layout string) *transducer.Model {
	t.Helper()
	m, err := transducer.Open(library, files(t, kind, layout), ort.SessionOptions{})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := m.Close(); err != nil {
			t.Error(err)
		}
	})
	return m
}

func decode(t *testing.T, m *transducer.Model, blank ctc.Piece, rows []float32, ahead, part int) []transducer.Label {
	t.Helper()
	n := m.Networks(ahead)
	defer func() {
		if err := n.Close(); err != nil {
			t.Error(err)
		}
	}()
	d, err := transducer.NewDecoder(n, transducer.Options{Blank: blank, RowWidth: m.RowWidth, Durations: durations(m.Width - int(blank) - 1), Ahead: ahead}, 0)
	if err != nil {
		t.Fatal(err)
	}
	var labels []transducer.Label
	for size := part * m.RowWidth; len(rows) > 0; rows = rows[min(size, len(rows)):] {
		if labels, err = d.Push(t.Context(), rows[:min(size, len(rows))], labels); err != nil {
			t.Fatal(err)
		}
	}
	return labels
}

// exponential returns a confidence as NeMo's default normalises entropy, given ours, which is linear
// in it.
func exponential(linear float64, blank ctc.Piece) float64 {
	most := math.Pow(float64(blank)+1, 1-ctc.Alpha) - 1
	least := math.Exp(-most / (1 - ctc.Alpha))
	return (math.Exp(-(1-linear)*most/(1-ctc.Alpha)) - least) / (1 - least)
}

func compare(t *testing.T, clip string, got []transducer.Label, want expected, blank ctc.Piece, tdt bool) {
	t.Helper()
	var ids, frames, durations []int
	for i, l := range got {
		ids, frames, durations = append(ids, int(l.Piece)), append(frames, int(l.Row)), append(durations, int(l.Duration))
		if i >= len(want.IDs) {
			continue
		}
		if math.Abs(float64(l.LogProb)-want.LogProbs[i]) > 1e-3 {
			t.Errorf("%s: label %d has log-probability %v, want %v", clip, i, l.LogProb, want.LogProbs[i])
		}
		if c := exponential(float64(l.Confidence), blank); math.Abs(c-want.Confidence[i]) > 1e-3 {
			t.Errorf("%s: label %d has confidence %v, as NeMo normalises it %v, want %v", clip, i, l.Confidence, c, want.Confidence[i])
		}
	}
	if !slices.Equal(ids, want.IDs) || !slices.Equal(frames, want.Frames) || tdt && !slices.Equal(durations, want.Durations) {
		t.Errorf("%s: pieces %v in rows %v for %v, want %v in %v for %v", clip, ids, frames, durations, want.IDs, want.Frames, want.Durations)
	}
}

// durations are the first n.
func durations(n int) (out []timeline.Row) {
	for d := range n {
		out = append(out, timeline.Row(d))
	}
	return out
}

// Once it has run, a decoder allocates nothing, however many rows come and pieces are written.
func TestDecodingAllocatesNothing(t *testing.T) {
	for _, layout := range []string{"onnx-asr", "sherpa"} {
		m := open(t, "tdt", layout)
		a, err := npy.Read(oracle.Data(t, "transducer", "tdt", "LJ001-0024.rows.npy"))
		if err != nil {
			t.Fatal(err)
		}
		rows := a.Float32()
		n := m.Networks(transducer.DefaultAhead)
		defer func() {
			if err := n.Close(); err != nil {
				t.Error(err)
			}
		}()
		const blank = 144
		d, err := transducer.NewDecoder(n, transducer.Options{Blank: blank, RowWidth: m.RowWidth, Durations: durations(5)}, 0)
		if err != nil {
			t.Fatal(err)
		}
		labels, ctx := make([]transducer.Label, 0, 10000), t.Context()
		written := 0
		push := func() {
			if labels, err = d.Push(ctx, rows, labels[:0]); err != nil {
				t.Fatal(err)
			}
			written += len(labels)
		}
		push() // tensors are made when they are first needed
		push()
		if n := testing.AllocsPerRun(5, push); n > 0 {
			t.Errorf("%s: %v allocations for %d rows", layout, n, len(rows)/m.RowWidth)
		}
		if written < 100 {
			t.Errorf("%s: only %d pieces were written", layout, written)
		}
	}
}
