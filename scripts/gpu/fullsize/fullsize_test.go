package fullsize

import (
	"bytes"
	"math"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/asr-backend/asr-backend/asr"
	"github.com/asr-backend/asr-backend/asr/ort"
	"github.com/asr-backend/asr-backend/internal/oracle"
)

func exported(t testing.TB) []byte {
	t.Helper()
	data, err := os.ReadFile(filepath.Join(oracle.Data(t, "models"), "tiny-random", "model.onnx"))
	if err != nil {
		t.Fatal(err)
	}
	return data
}

// A model that NeMo has exported is small without its weights, and has weights of the same spread
// after.
func TestAModelIsFilledAgain(t *testing.T) {
	model := exported(t)
	recipe, err := Strip(model)
	if err != nil {
		t.Fatal(err)
	}
	if len(recipe) > len(model)/3 {
		t.Errorf("the recipe has %d bytes of %d", len(recipe), len(model))
	}
	filled, err := Fill(recipe)
	if err != nil {
		t.Fatal(err)
	}
	again, err := Fill(recipe)
	if err != nil || !bytes.Equal(filled, again) {
		t.Errorf("the same recipe gives another model, %v", err)
	}
	want, err := tensors(model)
	if err != nil {
		t.Fatal(err)
	}
	got, err := tensors(filled)
	if err != nil {
		t.Fatal(err)
	}
	same := 0
	for name, w := range want {
		g, ok := got[name]
		if !ok || !slices.Equal(w.dims, g.dims) || len(w.raw) != len(g.raw) {
			t.Fatalf("%s has the shape %v, want %v", name, g.dims, w.dims)
		}
		wm, wd := spread(w.floats())
		gm, gd := spread(g.floats())
		if math.Abs(wm-gm) > 0.05*wd || math.Abs(wd-gd) > 0.05*wd {
			t.Errorf("%s has mean %.3g and deviation %.3g, want %.3g and %.3g", name, gm, gd, wm, wd)
		}
		if isPositions(w.dims, w.floats()) {
			same++
		}
	}
	if same != 1 {
		t.Errorf("%d tensors are positions, want 1", same)
	}
}

// Blank wins its share of rows after a calibration, and other pieces win too.
func TestRowsOfACalibratedModelDiffer(t *testing.T) {
	oracle.NeedLibrary(t)
	recipe, err := Strip(exported(t))
	if err != nil {
		t.Fatal(err)
	}
	model, err := Fill(recipe)
	if err != nil {
		t.Fatal(err)
	}
	library, err := ort.Open(oracle.Library())
	if err != nil {
		t.Fatal(err)
	}
	defer library.Close()
	tokens, err := os.ReadFile(filepath.Join(oracle.Data(t, "models"), "tiny-random", "tokens.txt"))
	if err != nil {
		t.Fatal(err)
	}
	rows := func(model []byte) ([]float32, int) {
		folder := t.TempDir()
		for name, data := range map[string][]byte{"model.onnx": model, "tokens.txt": tokens} {
			if err := os.WriteFile(filepath.Join(folder, name), data, 0o644); err != nil {
				t.Fatal(err)
			}
		}
		bundle, err := asr.OpenBundle(folder, "")
		if err != nil {
			t.Fatal(err)
		}
		r, err := asr.New(t.Context(), library, bundle, asr.Options{Provider: ort.CPU, AsExported: true})
		if err != nil {
			t.Fatal(err)
		}
		defer r.Close()
		all, err := r.SpeechRows(t.Context(), library)
		if err != nil {
			t.Fatal(err)
		}
		width := r.Contract().Width
		return all, width
	}
	// One piece has a probability of 1 in every row, as large random biases make it.
	model, err = edit(model, func(name string, t *tensor) error {
		if strings.HasSuffix(name, headBias) {
			values := t.floats()
			values[3] += 60
			t.setFloats(values)
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	before, width := rows(model)
	calibrated, err := Calibrate(model, before, width, BlankShare)
	if err != nil {
		t.Fatal(err)
	}
	recipe, err = KeepHead(recipe, calibrated)
	if err != nil {
		t.Fatal(err)
	}
	if again, err := Fill(recipe); err != nil || !bytes.Equal(again, calibrated) {
		t.Errorf("the recipe with the last layer gives another model, %v", err)
	}
	after, _ := rows(calibrated)
	blank, count, pieces := 0, 0, map[int]bool{}
	for row := range slices.Chunk(after, width) {
		if slices.Min(row) == 0 { // behind a shorter window
			continue
		}
		count++
		best := slices.Index(row, slices.Max(row))
		pieces[best] = true
		if best == width-1 {
			blank++
		}
	}
	if share := float64(blank) / float64(count); math.Abs(share-BlankShare) > 0.03 || len(pieces) < 20 {
		t.Errorf("blank wins %.2f of rows, and %d pieces win", share, len(pieces))
	}
}

// tensors returns the large float32 tensors of a model by name.
func tensors(model []byte) (map[string]tensor, error) {
	found := map[string]tensor{}
	_, err := edit(model, func(name string, t *tensor) error {
		if t.kind == kindFloat && len(t.raw) >= large {
			found[name] = *t
		}
		return nil
	})
	return found, err
}

func FuzzEdit(f *testing.F) {
	f.Add([]byte("\x3a\x0a\x2a\x08\x08\x02\x10\x01\x4a\x02ab"))
	f.Add([]byte("\x3a\x10\x0a\x0e\x12\x01a\x2a\x09\x2a\x07\x0a\x02\x03\x04\x10\x01\x30"))
	f.Fuzz(func(t *testing.T, data []byte) {
		out, err := edit(data, func(string, *tensor) error { return nil })
		if err != nil {
			return
		}
		again, err := edit(out, func(string, *tensor) error { return nil })
		if err != nil || !bytes.Equal(out, again) {
			t.Errorf("what was written reads otherwise: %v", err)
		}
		_, _ = Fill(data)
	})
}
