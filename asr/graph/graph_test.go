package graph_test

import (
	"bytes"
	"errors"
	"io"
	"math"
	"math/rand/v2"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/asr-backend/asr-backend/asr/ctc"
	"github.com/asr-backend/asr-backend/asr/graph"
	"github.com/asr-backend/asr-backend/asr/ort"
	"github.com/asr-backend/asr-backend/internal/oracle"
	"github.com/asr-backend/asr-backend/internal/oracle/onnx"
)

var library *ort.Runtime

func TestMain(m *testing.M) {
	var exit func(code int)
	library, exit = onnx.Open()
	exit(m.Run())
}

// exported is a FastConformer that NeMo has exported.
func exported(t testing.TB) []byte {
	t.Helper()
	data, err := os.ReadFile(filepath.Join(oracle.Data(t, "models"), "tiny-random", "model.onnx"))
	if err != nil {
		t.Fatal(err)
	}
	return data
}

func TestAGraphIsWrittenAsItWasRead(t *testing.T) {
	data := exported(t)
	m, err := graph.Parse(data)
	if err != nil {
		t.Fatal(err)
	}
	if !bytes.Equal(m.Bytes(), data) {
		t.Error("the file differs")
	}
}

// runNoise runs a graph on a batch of windows of noise, of which so many frames are valid each.
func runNoise(t *testing.T, source ort.Source, names ort.Names, frames, width int, lengths ...int64) *ort.Buffers {
	t.Helper()
	s, err := library.NewSession(source, names, ort.SessionOptions{})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { s.Close() })
	b, err := library.NewBuffers(len(lengths), 80, frames, frames/8, width)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { b.Close() })
	noise := rand.New(rand.NewPCG(1, 2))
	for i := range b.Features {
		b.Features[i] = float32(noise.NormFloat64())
	}
	copy(b.Lengths, lengths)
	if err := s.Run(t.Context(), b); err != nil {
		t.Fatal(err)
	}
	return b
}

// What is rewritten computes the same, also where frames are padded. With fixed sizes, ONNX Runtime
// merges other nodes and rounds otherwise; values are down to -17.
func TestRewrittenGraphsComputeTheSame(t *testing.T) {
	oracle.NeedLibrary(t)
	data := exported(t)
	signature, err := library.Inspect(ort.Source{Data: data})
	if err != nil {
		t.Fatal(err)
	}
	const batch, bands, frames = 2, 80, 2560
	features, lengths, out := signature.Inputs[0], signature.Inputs[1], signature.Outputs[0]
	width := int(out.Dims[2])
	names := ort.Names{Features: features.Name, Lengths: lengths.Name, LogProbs: out.Name}
	run := func(data []byte, second int64) []float32 {
		return runNoise(t, ort.Source{Data: data}, names, frames, width, frames, second).LogProbs
	}
	fix := func(m *graph.Model) error {
		return errors.Join(m.FixInput(features.Name, batch, bands, frames), m.FixInput(lengths.Name, batch))
	}
	for name, c := range map[string]struct {
		rewrite func(m *graph.Model) error
		second  int64 // the length of the second window
		bound   float64
	}{
		"expand": {func(m *graph.Model) error {
			n, err := m.ExpandTiles()
			if n != 1 {
				t.Errorf("%d nodes were replaced, want 1", n)
			}
			return err
		}, 2501, 0},
		"fixed": {fix, 2501, 2e-4},
		"positions": {func(m *graph.Model) error {
			n, err := m.PadPositions(features.Name)
			if n != 4 {
				t.Errorf("%d of four layers were rewritten", n)
			}
			return err
		}, 2501, 1e-5},
		"no masks": {func(m *graph.Model) error {
			n, err := m.DropMasks(features.Name, lengths.Name)
			if n < 10 {
				t.Errorf("%d nodes were dropped", n)
			}
			return err
		}, frames, 2e-4},
		"no masks, fixed": {func(m *graph.Model) error {
			_, err := m.DropMasks(features.Name, lengths.Name)
			_, failed := m.PadPositions(features.Name)
			return errors.Join(err, failed, fix(m))
		}, frames, 2e-4},
		// Random weights make more of rounding than trained ones do: up to 0.17 here. ONNX Runtime's own
		// converter (onnxruntime.transformers.float16 of 1.31) is 5.9 off at 2,501 frames, which it counts in fp16.
		"fp16": {func(m *graph.Model) error { return m.Half(features.Name, lengths.Name, graph.Weights{}) }, 2501, 0.5},
		"fp16 all": {func(m *graph.Model) error {
			_, err := m.ExpandTiles()
			return errors.Join(err, m.Half(features.Name, lengths.Name, graph.Weights{}), fix(m))
		}, 2501, 0.5},
	} {
		t.Run(name, func(t *testing.T) {
			m, err := graph.Parse(data)
			if err == nil {
				err = c.rewrite(m)
			}
			if err != nil {
				t.Fatal(err)
			}
			want, got := run(data, c.second), run(m.Bytes(), c.second)
			for i := range got {
				if d := math.Abs(float64(got[i]) - float64(want[i])); !(d <= c.bound) {
					t.Fatalf("value %d is %v, want %v", i, got[i], want[i])
				}
			}
			after, err := library.Inspect(ort.Source{Data: m.Bytes()})
			if err != nil {
				t.Fatal(err)
			}
			if dims := after.Inputs[0].Dims; strings.HasSuffix(name, "fixed") && !slices.Equal(dims, []int64{batch, bands, frames}) {
				t.Errorf("the input has the shape %v", dims)
			}
			if strings.HasPrefix(name, "fp16") && 10*len(m.Bytes()) > 7*len(data) {
				t.Errorf("%d bytes have become %d", len(data), len(m.Bytes()))
			}
		})
	}
}

// Weights may lie beside the graph, before and after. ONNX Runtime finds them there.
func TestWeightsBesideAGraph(t *testing.T) {
	oracle.NeedLibrary(t)
	data := exported(t)
	signature, err := library.Inspect(ort.Source{Data: data})
	if err != nil {
		t.Fatal(err)
	}
	features, lengths := signature.Inputs[0].Name, signature.Inputs[1].Name
	parse := func() *graph.Model {
		m, err := graph.Parse(data)
		if err != nil {
			t.Fatal(err)
		}
		return m
	}
	inside := parse()
	if err := inside.Half(features, lengths, graph.Weights{}); err != nil {
		t.Fatal(err)
	}
	dir := t.TempDir()
	write := func(name string, do func(w io.Writer)) {
		f, err := os.Create(filepath.Join(dir, name))
		if err != nil {
			t.Fatal(err)
		}
		do(f)
		if err := f.Close(); err != nil {
			t.Fatal(err)
		}
	}
	moved := parse()
	write("full.data", func(w io.Writer) {
		if err := moved.MoveWeights(w, "full.data"); err != nil {
			t.Fatal(err)
		}
	})
	if small := len(moved.Bytes()); 5*small > 3*len(data) {
		t.Errorf("%d bytes are left of %d", small, len(data))
	}
	if err := moved.Clone().Half(features, lengths, graph.Weights{}); err == nil {
		t.Error("weights that are not there were converted")
	}
	again := moved.Clone()
	if err := again.Half(features, lengths, graph.Weights{Files: os.DirFS(dir)}); err != nil || !bytes.Equal(again.Bytes(), inside.Bytes()) {
		t.Errorf("weights beside the graph give another file: %v", err)
	}
	write("half.data", func(w io.Writer) {
		if err := moved.Half(features, lengths, graph.Weights{Files: os.DirFS(dir), Beside: w, BesideName: "half.data"}); err != nil {
			t.Fatal(err)
		}
	})
	write("half.onnx", func(w io.Writer) {
		if _, err := w.Write(moved.Bytes()); err != nil {
			t.Fatal(err)
		}
	})
	names := ort.Names{Features: features, Lengths: lengths, LogProbs: signature.Outputs[0].Name}
	rows := func(source ort.Source) []float32 {
		return runNoise(t, source, names, 400, int(signature.Outputs[0].Dims[2]), 400).LogProbs
	}
	if !slices.Equal(rows(ort.Source{Path: filepath.Join(dir, "half.onnx")}), rows(ort.Source{Data: inside.Bytes()})) {
		t.Error("weights beside the graph compute something else")
	}
}

func TestWhatIsNoGraphIsAnError(t *testing.T) {
	for _, data := range []string{"", "no ONNX file", "\x08\x07", "\x3a\x05\x01"} {
		if _, err := graph.Parse([]byte(data)); err == nil {
			t.Errorf("%q was read", data)
		}
	}
	m, err := graph.Parse(exported(t))
	if err != nil {
		t.Fatal(err)
	}
	if err := m.FixInput("no_such_input", 1); err == nil {
		t.Error("an input that is not there got a shape")
	}
}

// FuzzParse looks for files that are read, and that a rewriting then fails on.
func FuzzParse(f *testing.F) {
	f.Add([]byte("\x3a\x02\x0a\x00"))
	f.Add([]byte("\x3a\x14\x0a\x12\x0a\x01a\x0a\x01b\x12\x01a\x22\x06Expand"))
	f.Add([]byte("\x3a\x08\x0a\x06\x22\x04Tile"))
	f.Add([]byte("\x08\x08\x3a\x12\x0a\x0e\x0a\x01a\x0a\x01b\x12\x01c\x22\x04Tile\x5a\x00"))
	f.Fuzz(func(t *testing.T, data []byte) {
		m, err := graph.Parse(data)
		if err != nil {
			return
		}
		if _, err := graph.Parse(m.Bytes()); err != nil {
			t.Errorf("what was written cannot be read: %v", err)
		}
		_, _ = m.ExpandTiles() // an error or not, but no panic
		_ = m.FixInput("a", 1, 2, 3)
		_, _ = m.DropMasks("a", "b")
		_, _ = m.PadPositions("a")
		_ = m.Clone().Half("a", "b", graph.Weights{})
		if _, err := graph.Parse(m.Bytes()); err != nil {
			t.Errorf("what was rewritten cannot be read: %v", err)
		}
	})
}

// The summary of a row is what package ctc makes of it.
func TestRowsAreSummedUpAsOutsideOfTheGraph(t *testing.T) {
	oracle.NeedLibrary(t)
	data := exported(t)
	signature, err := library.Inspect(ort.Source{Data: data})
	if err != nil {
		t.Fatal(err)
	}
	const batch, frames, rows = 2, 400, 50
	output := signature.Outputs[0]
	width := int(output.Dims[2])
	m, err := graph.Parse(data)
	if err != nil {
		t.Fatal(err)
	}
	sums, err := m.SumRows(output.Name, width-1, ctc.Alpha)
	if err != nil {
		t.Fatal(err)
	}
	names := ort.Names{Features: signature.Inputs[0].Name, Lengths: signature.Inputs[1].Name, LogProbs: output.Name}
	run := func(data []byte, names ort.Names) *ort.Buffers {
		return runNoise(t, ort.Source{Data: data}, names, frames, width, frames, frames)
	}
	whole := run(data, names)
	names.Sums = []string{sums.Best, sums.Top, sums.Blank, sums.Power}
	got := run(m.Bytes(), names)
	measure, pieces := ctc.NewMeasure(width), 0
	for i := range batch * rows {
		want := ctc.Summarize(whole.LogProbs[i*width:(i+1)*width], ctc.Piece(width-1), measure)
		row := measure.Row(ctc.Sums{Best: got.Best[i], Top: got.Top[i], Blank: got.Blank[i], Power: got.Power[i]}, ctc.Piece(width-1))
		if row.Best != want.Best || row.LogProb != want.LogProb || row.Blank != want.Blank || math.Abs(float64(row.Confidence-want.Confidence)) > 1e-6 {
			t.Errorf("row %d: %+v, want %+v", i, row, want)
		}
		if want.Best != ctc.Piece(width-1) {
			pieces++
		}
	}
	if pieces == 0 {
		t.Error("all rows are blank: confidence was not compared")
	}
}
