package cudatest

import (
	"testing"

	"github.com/asr-backend/asr-backend/asr"
	"github.com/asr-backend/asr-backend/asr/ort"
	"github.com/asr-backend/asr-backend/internal/oracle"
)

// For returns a GPU that writes what a model's rows have to be when it is compared with the CPU.
// No ONNX Runtime may be open in the test's own process when Rows is called.
func For(t testing.TB, folder string) GPU {
	t.Helper()
	bundle, err := asr.OpenBundle(folder, "")
	if err != nil {
		t.Fatal(err)
	}
	return GPU{Width: bundle.Vocabulary.Width(), Rows: func() []float32 {
		library, err := ort.Open(oracle.Library())
		if err != nil {
			t.Fatal(err)
		}
		defer library.Close()
		r, err := asr.New(t.Context(), library, bundle, asr.Options{Provider: ort.CPU, AsExported: true})
		if err != nil {
			t.Fatal(err)
		}
		defer r.Close()
		rows, err := r.SpeechRows(t.Context(), library)
		if err != nil {
			t.Fatal(err)
		}
		return rows
	}}
}
