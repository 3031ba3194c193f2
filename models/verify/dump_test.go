package verify_test

import (
	"encoding/json"
	"errors"
	"math"
	"os"
	"path/filepath"
	"slices"
	"testing"

	"github.com/asr-backend/asr-backend/asr"
	"github.com/asr-backend/asr-backend/asr/ort"
	"github.com/asr-backend/asr-backend/internal/npy"
	"github.com/asr-backend/asr-backend/internal/oracle"
	"github.com/asr-backend/asr-backend/internal/output"
	"github.com/asr-backend/asr-backend/internal/wavfile"
	"github.com/asr-backend/asr-backend/models/verify"
	"github.com/asr-backend/asr-backend/timeline"
)

// TestADumpHoldsWhatNeMoComputes reads the files back and compares them with NeMo's
// fixtures; see testdata/models/README.md.
func TestADumpHoldsWhatNeMoComputes(t *testing.T) {
	oracle.NeedLibrary(t)
	folder := oracle.Data(t, "models", "tiny-random")
	bundle, err := store(t).Open(folder, "")
	if err != nil {
		t.Fatal(err)
	}
	r, err := asr.New(t.Context(), library, bundle, asr.Options{Provider: ort.CPU})
	if err != nil {
		t.Fatal(err)
	}
	defer r.Close()
	d, err := verify.NewDump(t.Context(), r, filepath.Join(folder, "fixtures", "normal.wav"))
	if err != nil {
		t.Fatal(err)
	}
	out := t.TempDir()
	if err := d.Write(t.Context(), output.New(os.Stdout), out, "normal"); err != nil {
		t.Fatal(err)
	}
	features, errFeatures := npy.Read(filepath.Join(out, "normal.logmel.npy"))
	got, errGot := npy.Read(filepath.Join(out, "normal.logprobs.npy"))
	want, errWant := npy.Read(filepath.Join(folder, "fixtures", "normal.exact.npy"))
	raw, errRaw := os.ReadFile(filepath.Join(folder, "fixtures", "expected.json"))
	if err := errors.Join(errFeatures, errGot, errWant, errRaw); err != nil {
		t.Fatal(err)
	}
	if want := []int{80, 449}; !slices.Equal(features.Shape, want) {
		t.Errorf("features: got shape %v, want %v", features.Shape, want)
	}
	if lo, hi := slices.Min(features.Data), slices.Max(features.Data); lo < -16.7 || hi > 10 || hi-lo < 5 {
		t.Errorf("features from %.1f to %.1f are not logarithms of energies", lo, hi)
	}
	if !slices.Equal(got.Shape, want.Shape) {
		t.Fatalf("rows: got shape %v, want %v", got.Shape, want.Shape)
	}
	for i := range got.Data {
		if math.Abs(got.Data[i]-want.Data[i]) > 1e-3 {
			t.Fatalf("log-probability %d: got %g, want %g", i, got.Data[i], want.Data[i])
		}
	}
	var expected struct {
		Clips map[string]struct {
			Text string `json:"text"`
		} `json:"clips"`
	}
	if err := json.Unmarshal(raw, &expected); err != nil {
		t.Fatal(err)
	}
	text, err := os.ReadFile(filepath.Join(out, "normal.txt"))
	if want := expected.Clips["normal"].Text + "\n"; err != nil || string(text) != want {
		t.Errorf("got %q, %v; want %q", text, err, want)
	}
}

func TestADumpOfNothingAndOfNoRecording(t *testing.T) {
	oracle.NeedLibrary(t)
	bundle, err := store(t).Open(oracle.Data(t, "models", "toys", "tones"), "")
	if err != nil {
		t.Fatal(err)
	}
	r, err := asr.New(t.Context(), library, bundle, asr.Options{Provider: ort.CPU})
	if err != nil {
		t.Fatal(err)
	}
	defer r.Close()
	if _, err := verify.NewDump(t.Context(), r, filepath.Join(t.TempDir(), "no.wav")); err == nil {
		t.Error("no error for a file that is not there")
	}
	short := filepath.Join(t.TempDir(), "short.wav")
	content, err := wavfile.Encode([]float32{1. / 128}, timeline.SampleRate, 1)
	if err == nil {
		err = os.WriteFile(short, content, 0o666)
	}
	if err != nil {
		t.Fatal(err)
	}
	d, err := verify.NewDump(t.Context(), r, short)
	if err != nil || d.Frames != 0 || d.Rows != 0 || d.Text != "" {
		t.Errorf("got %+v, %v; want nothing for a recording of one sample", d, err)
	}
}
