package model

import (
	"bytes"
	"math"
	"os"
	"path/filepath"
	"slices"
	"testing"

	"github.com/asr-backend/asr-backend/asr/fastconformer"
	"github.com/asr-backend/asr-backend/asr/graph"
	"github.com/asr-backend/asr-backend/asr/ort"
	"github.com/asr-backend/asr-backend/internal/oracle"
	"github.com/asr-backend/asr-backend/scripts/gpu/fullsize"
)

func read(t *testing.T, elem ...string) []byte {
	t.Helper()
	data, err := os.ReadFile(oracle.Data(t, elem...))
	if err != nil {
		t.Fatal(err)
	}
	return data
}

// The model in the folder is the one that is returned, and blank wins its share of rows.
func TestARecipeBecomesAModel(t *testing.T) {
	oracle.NeedLibrary(t)
	library, err := ort.Open(oracle.Library())
	if err != nil {
		t.Fatal(err)
	}
	defer library.Close()
	recipe, err := fullsize.Strip(read(t, "models", "tiny-random", "model.onnx"))
	if err != nil {
		t.Fatal(err)
	}
	folder := t.TempDir()
	if err := os.WriteFile(filepath.Join(folder, "tokens.txt"), read(t, "models", "tiny-random", "tokens.txt"), 0o644); err != nil {
		t.Fatal(err)
	}
	made, err := Make(t.Context(), library, recipe, folder, 0.9)
	if err != nil {
		t.Fatal(err)
	}
	if kept, err := os.ReadFile(filepath.Join(folder, "model.onnx")); err != nil || !bytes.Equal(kept, made) {
		t.Errorf("another model is in the folder, %v", err)
	}
	rows, width, err := speechRows(t.Context(), library, folder)
	if err != nil {
		t.Fatal(err)
	}
	blank, count := 0, 0
	for row := range slices.Chunk(rows, width) {
		if slices.Min(row) == 0 { // behind a shorter window
			continue
		}
		count++
		if slices.Index(row, slices.Max(row)) == width-1 {
			blank++
		}
	}
	if share := float64(blank) / float64(count); math.Abs(share-0.9) > 0.03 {
		t.Errorf("blank wins %.2f of rows, want 0.9", share)
	}
}

// The recipe in the tests' data has the shape of NVIDIA's large models.
func TestTheRecipeIsOfFullSize(t *testing.T) {
	g, err := graph.Parse(read(t, "models", "full", "recipe.onnx"))
	if err != nil {
		t.Fatal(err)
	}
	e, err := fastconformer.Read(g, "audio_signal", "length", []string{"logprobs"}, nil)
	if err != nil {
		t.Fatal(err)
	}
	if e.Layers != 17 || e.Width != 512 || e.Heads != 8 || e.Bands != 80 || e.Channels != 256 {
		t.Errorf("got %d layers of %d with %d heads, %d bands and %d channels", e.Layers, e.Width, e.Heads, e.Bands, e.Channels)
	}
}
