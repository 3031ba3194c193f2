package main

import (
	"path/filepath"
	"strings"
	"testing"

	"github.com/asr-backend/asr-backend/internal/cudatest"
	"github.com/asr-backend/asr-backend/internal/oracle"

	"github.com/rogpeppe/go-internal/testscript"
)

// TestCUDAScripts runs testdata/cuda/*.txt on the stand-in for a GPU, which writes what the model
// of the tones writes for the speech that is compared.
func TestCUDAScripts(t *testing.T) {
	if !cudatest.Available() {
		t.Skip("no stand-in for CUDA: run `make cuda-standin`")
	}
	oracle.NeedLibrary(t)
	model := filepath.Join(oracle.Root(t), "testdata", "models", "toys", "tones")
	env := cudatest.For(t, model).Env(t)
	testscript.Run(t, testscript.Params{
		Dir: filepath.Join("testdata", "cuda"),
		Setup: func(e *testscript.Env) error {
			for _, v := range env {
				if name, value, _ := strings.Cut(v, "="); strings.HasPrefix(name, "CUDATEST_") || name == "LD_LIBRARY_PATH" || name == "ASR_BACKEND_ONNXRUNTIME" {
					e.Setenv(name, value)
				}
			}
			e.Setenv("TONES", model)
			return nil
		},
		Cmds: map[string]func(*testscript.TestScript, bool, []string){"bleeps": bleeps},
	})
}
