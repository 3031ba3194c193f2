package transcribe_test

import (
	"fmt"
	"os"
	"testing"

	"github.com/asr-backend/asr-backend/asr"
	"github.com/asr-backend/asr-backend/asr/ort"
	"github.com/asr-backend/asr-backend/internal/oracle"
	"github.com/asr-backend/asr-backend/internal/oracle/onnx"
	"github.com/asr-backend/asr-backend/models"
	"github.com/asr-backend/asr-backend/transcribe"

	"go.uber.org/goleak"
)

// library and recognizer are shared by all tests.
var (
	library    *ort.Runtime
	recognizer *asr.Recognizer
)

func TestMain(m *testing.M) {
	var exit func(code int)
	if library, exit = onnx.Open(); library != nil {
		if err := open(); err != nil {
			fmt.Fprintln(os.Stderr, err)
			os.Exit(1)
		}
	}
	goleak.VerifyTestMain(m, goleak.Cleanup(func(code int) {
		if recognizer != nil {
			code = onnx.Close(recognizer.Close, code)
		}
		exit(code)
	}), goleak.IgnoreAnyFunction("github.com/asr-backend/asr-backend/asr.(*worker).work"))
}

func open() error {
	bundle, err := models.Open(models.DefaultName, "")
	if err != nil {
		return err
	}
	recognizer, err = asr.New(ctx, library, bundle, asr.Options{Provider: ort.CPU})
	return err
}

// transcriber returns one on the embedded model.
func transcriber(t testing.TB, o transcribe.Options) *transcribe.Transcriber {
	t.Helper()
	oracle.NeedLibrary(t)
	tr, err := transcribe.New(recognizer, o)
	if err != nil {
		t.Fatal(err)
	}
	return tr
}
