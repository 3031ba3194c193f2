package asr_test

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/asr-backend/asr-backend/asr"
	"github.com/asr-backend/asr-backend/asr/ctc"
	"github.com/asr-backend/asr-backend/asr/ort"
	"github.com/asr-backend/asr-backend/audio"
	"github.com/asr-backend/asr-backend/internal/oracle"
	"github.com/asr-backend/asr-backend/models"
)

// ownModel copies a model of testdata/models, so that a test can write into its folder.
func ownModel(t *testing.T, elem ...string) string {
	t.Helper()
	dir := t.TempDir()
	for _, name := range []string{"model.onnx", "tokens.txt"} {
		data, err := os.ReadFile(filepath.Join(oracle.Data(t, append([]string{"models"}, elem...)...), name))
		if err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(filepath.Join(dir, name), data, 0o666); err != nil {
			t.Fatal(err)
		}
	}
	return dir
}

func exported(t *testing.T, dir string, o asr.Options) string {
	t.Helper()
	return recognizer(t, open(t, dir), o).Device().AsExported
}

func TestAnOptimizedGraphIsKeptBesideTheModel(t *testing.T) {
	dir := ownModel(t, "tiny-random")
	if reason := exported(t, dir, asr.Options{}); reason != "" {
		t.Fatalf("it runs as exported: %s", reason)
	}
	path := filepath.Join(dir, asr.OptimizedDir, "model.onnx")
	before, err := os.Stat(path)
	if err != nil {
		t.Fatal(err)
	}
	again := func() os.FileInfo {
		t.Helper()
		if reason := exported(t, dir, asr.Options{}); reason != "" {
			t.Fatalf("it runs as exported: %s", reason)
		}
		after, err := os.Stat(path)
		if err != nil {
			t.Fatal(err)
		}
		return after
	}
	if !os.SameFile(before, again()) {
		t.Error("it was made again although nothing changed")
	}
	// Another model in the same place is another model.
	renewed, err := os.ReadFile(filepath.Join(dir, "model.onnx"))
	if err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(dir, "model.new"), renewed, 0o666); err != nil {
		t.Fatal(err)
	}
	if err := os.Rename(filepath.Join(dir, "model.new"), filepath.Join(dir, "model.onnx")); err != nil {
		t.Fatal(err)
	}
	if os.SameFile(before, again()) {
		t.Error("it was not made again for other files")
	}
	left, err := os.ReadDir(filepath.Join(dir, asr.OptimizedDir))
	if err != nil || len(left) != 3 {
		t.Errorf("the folder holds %v, %v, want a graph, its weights and a note", left, err)
	}
}

// A damaged optimized graph is no reason not to transcribe.
func TestADamagedOptimizedGraphIsMadeAgain(t *testing.T) {
	for name, damage := range map[string]func(path string) error{
		"weights are missing": func(path string) error { return os.Remove(path + ".data") },
		"weights are cut off": func(path string) error { return os.Truncate(path+".data", 1000) },
		"the graph is empty":  func(path string) error { return os.Truncate(path, 0) },
		"the graph is cut":    func(path string) error { return os.Truncate(path, 5000) },
	} {
		t.Run(name, func(t *testing.T) {
			dir := ownModel(t, "tiny-random")
			exported(t, dir, asr.Options{})
			if err := damage(filepath.Join(dir, asr.OptimizedDir, "model.onnx")); err != nil {
				t.Fatal(err)
			}
			for range 2 {
				if reason := exported(t, dir, asr.Options{}); reason != "" {
					t.Errorf("it runs as exported: %s", reason)
				}
			}
		})
	}
}

// Whoever asks for 8 bits gets them or an error, never 32 bits under their name.
func TestADamagedGraphOf8BitsIsMadeAgain(t *testing.T) {
	oracle.NeedLibrary(t)
	dir := t.TempDir()
	if err := os.CopyFS(dir, models.Default()); err != nil {
		t.Fatal(err)
	}
	o := asr.Options{Weights: asr.INT8, Decoding: asr.Decoding{LM: asr.LMNone}}
	path := recognizer(t, open(t, dir), o).Device().Graph
	if err := os.Truncate(path+".data", 1000); err != nil {
		t.Fatal(err)
	}
	if d := recognizer(t, open(t, dir), o).Device(); d.Graph != path || d.AsExported != "" || d.Precision != asr.INT8 {
		t.Errorf("it runs %s in %s, as exported: %q", d.Graph, d.Precision, d.AsExported)
	}
	if info, err := os.Stat(path + ".data"); err != nil || info.Size() < 1<<20 {
		t.Errorf("the weights are %v, %v", info, err)
	}
}

func TestModelsInAFolderThatCannotBeWrittenAreOptimizedElsewhere(t *testing.T) {
	dir, cache := ownModel(t, "tiny-random"), t.TempDir()
	if err := os.WriteFile(filepath.Join(dir, asr.OptimizedDir), nil, 0o666); err != nil { // in the way
		t.Fatal(err)
	}
	if reason := exported(t, dir, asr.Options{}); !strings.Contains(reason, "cannot be written") {
		t.Errorf("without another folder: %q", reason)
	}
	if reason := exported(t, dir, asr.Options{Cache: cache}); reason != "" {
		t.Errorf("with another folder: %q", reason)
	}
	if made, err := filepath.Glob(filepath.Join(cache, "optimized", "*", "model.onnx")); err != nil || len(made) != 1 {
		t.Errorf("%v, %v", made, err)
	}
}

// A model of another structure runs as it was exported, and says why.
func TestOtherModelsRunAsExported(t *testing.T) {
	dir := ownModel(t, "toys", "tones")
	for range 2 { // the second time from what was kept
		if reason := exported(t, dir, asr.Options{}); !strings.Contains(reason, "not the structure of a FastConformer") {
			t.Errorf("the reason is %q", reason)
		}
	}
	oracle.NeedLibrary(t)
	r, err := asr.New(t.Context(), library, open(t, dir), asr.Options{Weights: asr.INT8})
	if err == nil {
		r.Close()
		t.Fatal("it runs in int8")
	}
	if !strings.Contains(err.Error(), "does not run in int8: not the structure") && !strings.Contains(err.Error(), "not the structure of a FastConformer") {
		t.Errorf("got %v", err)
	}
}

// The rows of real speech with the embedded model are those of the export, and with weights of 8 bits
// those that it is sure of.
func TestOptimizedGraphsWriteTheSameRows(t *testing.T) {
	oracle.NeedLibrary(t)
	b, err := asr.OpenBundleFS(models.Default(), "")
	if err != nil {
		t.Fatal(err)
	}
	rows := func(o asr.Options) []ctc.Row {
		stream, err := audio.Open(t.Context(), filepath.Join(oracle.Root(t), "samples", "sonnet.mp3"), audio.Options{FFmpeg: "off"})
		if err != nil {
			t.Fatal(err)
		}
		defer stream.Close()
		out, err := recognizer(t, b, o).Recognize(t.Context(), stream, asr.Request{})
		if err != nil {
			t.Fatal(err)
		}
		return out[0].Rows
	}
	want := rows(asr.Options{AsExported: true})
	for _, c := range []struct {
		name  string
		o     asr.Options
		worst float64 // share of sure rows that have another best piece
	}{
		{"fp32", asr.Options{}, 0},
		{"int8", asr.Options{Weights: asr.INT8}, 0.01},
		{"int8, careful", asr.Options{Weights: asr.INT8Careful}, 0.005},
		{"fp32, kept", asr.Options{Cache: t.TempDir()}, 0},
	} {
		got, sure, other := rows(c.o), 0, 0
		if len(got) != len(want) {
			t.Fatalf("%s: %d rows, want %d", c.name, len(got), len(want))
		}
		for i, w := range want {
			if w.LogProb < -0.7 {
				continue
			}
			if sure++; got[i].Best != w.Best {
				other++
			}
		}
		if sure < 100 || float64(other) > c.worst*float64(sure) {
			t.Errorf("%s: of %d rows that the export is sure of, %d have another best piece", c.name, sure, other)
		}
	}
}

func TestWeightsOf8BitsAreForCPUs(t *testing.T) {
	oracle.NeedLibrary(t)
	b := bundle(t, "tiny-random")
	for name, o := range map[string]asr.Options{
		"on a GPU":      {Provider: ort.CUDA, Weights: asr.INT8},
		"in batches":    {Batch: 2, Weights: asr.INT8},
		"of other sort": {Weights: "int4"},
	} {
		if r, err := asr.New(t.Context(), library, b, o); err == nil {
			r.Close()
			t.Errorf("%s: it runs", name)
		}
	}
}

// A graph that somebody was making when he was killed is deleted, and one that is being made is not.
func TestLeftoversOfOptimizingAreDeleted(t *testing.T) {
	dir := ownModel(t, "tiny-random")
	old, fresh := filepath.Join(dir, asr.OptimizedDir, "making-1"), filepath.Join(dir, asr.OptimizedDir, "making-2")
	for _, path := range []string{old, fresh} {
		if err := os.MkdirAll(path, 0o777); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(filepath.Join(path, "model.onnx.data"), nil, 0o666); err != nil {
			t.Fatal(err)
		}
	}
	yesterday := time.Now().Add(-24 * time.Hour)
	if err := os.Chtimes(old, yesterday, yesterday); err != nil {
		t.Fatal(err)
	}
	exported(t, dir, asr.Options{})
	if _, err := os.Stat(old); err == nil {
		t.Error("yesterday's is still there")
	}
	if _, err := os.Stat(fresh); err != nil {
		t.Error("today's is not there:", err)
	}
}
