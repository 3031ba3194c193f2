package fastconformer_test

import (
	"errors"
	"fmt"
	"math"
	"math/rand/v2"
	"os"
	"path/filepath"
	"testing"

	"github.com/asr-backend/asr-backend/asr/fastconformer"
	"github.com/asr-backend/asr-backend/asr/graph"
	"github.com/asr-backend/asr-backend/asr/ort"
	"github.com/asr-backend/asr-backend/internal/oracle"
	"github.com/asr-backend/asr-backend/internal/oracle/onnx"

	"go.uber.org/goleak"
)

var library *ort.Runtime

func TestMain(m *testing.M) {
	var exit func(code int)
	library, exit = onnx.Open()
	goleak.VerifyTestMain(m, goleak.Cleanup(exit))
}

// export is a graph that somebody else's exporter wrote.
type export struct {
	name    string
	data    []byte
	outputs []string
	names   ort.Names // of a session
	width   int       // of its first output
	want    fastconformer.Encoder
}

// exports are those of the tests: by NeMo's exporter of a CTC model and of a transducer and hybrid, and by
// models/train, with weights in 16 bits, batch norm apart and other names.
func exports(t testing.TB) []export {
	t.Helper()
	read := func(elem ...string) []byte {
		data, err := os.ReadFile(oracle.Data(t, elem...))
		if err != nil {
			t.Fatal(err)
		}
		return data
	}
	ctc := ort.Names{Features: "audio_signal", Lengths: "length", LogProbs: "logprobs"}
	encoder := ort.Names{Features: "audio_signal", Lengths: "length", LogProbs: "outputs", ColumnsFirst: true}
	hybrid := encoder
	hybrid.Head, hybrid.HeadWidth = "logprobs", 145
	size := func(bands, channels, width, heads, layers int) fastconformer.Encoder {
		return fastconformer.Encoder{Bands: bands, Channels: channels, Width: width, Heads: heads, Layers: layers}
	}
	return []export{
		{"CTC", read("models", "tiny-random", "model.onnx"), []string{"logprobs"}, ctc, 129, size(80, 64, 96, 4, 4)},
		{"embedded", embedded(t), []string{"logprobs"}, ctc, 257, size(80, 32, 192, 4, 12)},
		{"TDT", read("transducer", "tdt", "onnx-asr", "encoder-model.onnx"), []string{"outputs"}, encoder, 48, size(80, 24, 48, 4, 2)},
		{"hybrid", read("transducer", "hybrid", "both", "encoder-model.onnx"), []string{"outputs", "logprobs"}, hybrid, 48, size(80, 24, 48, 4, 2)},
	}
}

func embedded(t testing.TB) []byte {
	t.Helper()
	data, err := os.ReadFile(filepath.Join(oracle.Root(t), "models", "default", "model.onnx"))
	if err != nil {
		t.Fatal(err)
	}
	return data
}

// read finds the encoder of an export, whose weights beside it lie in the folder of its test data.
func (e *export) read() (*fastconformer.Encoder, error) {
	m, err := graph.Parse(e.data)
	if err != nil {
		return nil, err
	}
	return fastconformer.Read(m, e.names.Features, e.names.Lengths, e.outputs, nil)
}

// rows runs a graph on noise of a batch, whose windows differ.
func (e *export) rows(t *testing.T, source ort.Source, batch, frames int) (values, head []float32) {
	t.Helper()
	s, err := library.NewSession(source, e.names, ort.SessionOptions{})
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	rows := (frames + 7) / 8
	b, err := library.NewBuffers(batch, 80, frames, rows, e.width)
	if err != nil {
		t.Fatal(err)
	}
	defer b.Close()
	noise := rand.New(rand.NewPCG(1, uint64(frames)))
	for i := range b.Features {
		b.Features[i] = float32(noise.NormFloat64())
	}
	for i := range b.Lengths {
		b.Lengths[i] = int64(frames)
	}
	if err := s.Run(t.Context(), b); err != nil {
		t.Fatal(err)
	}
	return append(values, b.LogProbs...), append(head, b.Head...)
}

// best returns the index of the largest value of each row.
func best(rows []float32, width int) (at []int) {
	for ; len(rows) > 0; rows = rows[width:] {
		top := 0
		for i, v := range rows[:width] {
			if v > rows[top] {
				top = i
			}
		}
		at = append(at, top)
	}
	return at
}

// What is written computes what the export computes, for windows of any length up to the limit and for
// batches, with the weights inside and beside.
func TestComputesTheSameAsTheExport(t *testing.T) {
	oracle.NeedLibrary(t)
	for _, e := range exports(t) {
		t.Run(e.name, func(t *testing.T) {
			encoder, err := e.read()
			if err != nil {
				t.Fatal(err)
			}
			got := fastconformer.Encoder{Bands: encoder.Bands, Channels: encoder.Channels, Width: encoder.Width, Heads: encoder.Heads, Layers: encoder.Layers}
			if fmt.Sprint(got) != fmt.Sprint(e.want) {
				t.Errorf("found %+v, want %+v", got, e.want)
			}
			inside, err := encoder.Write(fastconformer.Options{Rows: 200})
			if err != nil {
				t.Fatal(err)
			}
			path := filepath.Join(t.TempDir(), "model.onnx")
			weights, err := os.Create(path + ".data")
			if err != nil {
				t.Fatal(err)
			}
			beside, err := encoder.Write(fastconformer.Options{Rows: 200, Beside: weights, BesideName: "model.onnx.data"})
			if err := errors.Join(err, weights.Close(), os.WriteFile(path, beside, 0o666)); err != nil {
				t.Fatal(err)
			}
			if len(beside) > len(inside)/2 {
				t.Errorf("the graph has %d bytes with its weights beside it, and %d with them", len(beside), len(inside))
			}
			for _, shape := range [][2]int{{1, 1}, {1, 8}, {1, 9}, {1, 203}, {3, 257}, {1, 1600}} {
				batch, frames := shape[0], shape[1]
				want, wantHead := e.rows(t, ort.Source{Data: e.data}, batch, frames)
				for name, source := range map[string]ort.Source{"inside": {Data: inside}, "beside": {Path: path}} {
					values, head := e.rows(t, source, batch, frames)
					compare(t, fmt.Sprintf("%d × %d frames, weights %s", batch, frames, name), want, values, e.width, e.names.Head == "" && !e.names.ColumnsFirst)
					compare(t, fmt.Sprintf("head of %d × %d frames, weights %s", batch, frames, name), wantHead, head, e.names.HeadWidth, true)
				}
			}
		})
	}
}

// compare compares values of up to some ten, whose best piece is the same.
func compare(t *testing.T, what string, want, got []float32, width int, pieces bool) {
	t.Helper()
	if len(want) != len(got) {
		t.Fatalf("%s: %d values, want %d", what, len(got), len(want))
	}
	most := 0.0
	for i := range want {
		most = max(most, math.Abs(float64(want[i]-got[i])))
	}
	if !(most <= 1e-3) {
		t.Errorf("%s: values differ by up to %.2g", what, most)
	}
	if pieces && len(want) > 0 && fmt.Sprint(best(want, width)) != fmt.Sprint(best(got, width)) {
		t.Errorf("%s: rows have another best piece", what)
	}
}

// Longer windows than position encodings are for fail; they do not give wrong rows.
func TestLongerWindowsFail(t *testing.T) {
	oracle.NeedLibrary(t)
	e := exports(t)[0]
	encoder, err := e.read()
	if err != nil {
		t.Fatal(err)
	}
	data, err := encoder.Write(fastconformer.Options{Rows: 20})
	if err != nil {
		t.Fatal(err)
	}
	s, err := library.NewSession(ort.Source{Data: data}, e.names, ort.SessionOptions{})
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	for rows, ok := range map[int]bool{20: true, 21: false, 40: false, 50: false} {
		b, err := library.NewBuffers(1, 80, 8*rows, rows, e.width)
		if err != nil {
			t.Fatal(err)
		}
		if err := s.Run(t.Context(), b); (err == nil) != ok {
			t.Errorf("%d rows: %v", rows, err)
		}
		b.Close()
	}
}

// Graphs of another structure are recognized as such.
func TestOtherGraphsAreUnknown(t *testing.T) {
	folder := oracle.Data(t, "models", "toys")
	paths, err := filepath.Glob(filepath.Join(folder, "*", "*.onnx"))
	if err != nil || len(paths) == 0 {
		t.Fatal(paths, err)
	}
	for _, path := range paths {
		data, err := os.ReadFile(path)
		if err != nil {
			t.Fatal(err)
		}
		m, err := graph.Parse(data)
		if err != nil {
			t.Fatal(err)
		}
		in, out, err := m.Values()
		if err != nil {
			t.Fatal(err)
		}
		_, err = fastconformer.Read(m, in[0].Name, in[len(in)-1].Name, []string{out[0].Name}, os.DirFS(filepath.Dir(path)))
		if !errors.Is(err, fastconformer.ErrUnknown) {
			t.Errorf("%s: %v", path, err)
		}
	}
}

// Whatever a file holds, it is read or refused.
func FuzzRead(f *testing.F) {
	f.Add(exports(f)[2].data)
	f.Fuzz(func(t *testing.T, data []byte) {
		m, err := graph.Parse(data)
		if err != nil {
			return
		}
		_, outputs, err := m.Values()
		if err != nil || len(outputs) == 0 {
			return
		}
		e, err := fastconformer.Read(m, "audio_signal", "length", []string{outputs[0].Name}, nil)
		if err != nil {
			return
		}
		_, _ = e.Write(fastconformer.Options{Rows: 10}) // an error or not, but no panic
	})
}

// A file with damage is read or refused.
func TestDamagedFilesAreReadOrRefused(t *testing.T) {
	e := exports(t)[2]
	random := rand.New(rand.NewPCG(3, 4))
	for range 300 {
		damaged := e
		damaged.data = append([]byte(nil), e.data...)
		for range 1 + random.IntN(3) {
			damaged.data[random.IntN(len(damaged.data))] = byte(random.Uint32())
		}
		if encoder, err := damaged.read(); err == nil {
			_, _ = encoder.Write(fastconformer.Options{Rows: 10})
		}
	}
}
