// Package oracle lets tests ask programs that we did not write: Python libraries in the
// environment that `make test` builds from testdata/requirements.txt, and the ffmpeg
// that comes with it.
//
// A missing oracle skips the test with a sentence, so that `go test ./...` works with
// Go alone. With ASR_BACKEND_TEST_STRICT=1, as `make test` sets it, it fails instead.
package oracle

import (
	"bytes"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strings"
	"testing"
)

// TorchaudioPython is the environment variable with a Python that has torch and torchaudio.
// Benchmarks that compare us with them measure only our own times without it.
const TorchaudioPython = "ASR_BACKEND_TORCHAUDIO_PYTHON"

// Root returns the absolute path of the repository.
func Root(t testing.TB) string {
	t.Helper()
	_, file, _, ok := runtime.Caller(0)
	if !ok {
		t.Fatal("oracle: no caller information")
	}
	return filepath.Dir(filepath.Dir(filepath.Dir(file)))
}

// Data returns the path of a file or folder under the repository's testdata folder.
func Data(t testing.TB, elem ...string) string {
	t.Helper()
	return filepath.Join(append([]string{Root(t), "testdata"}, elem...)...)
}

// Python returns the path of the Python interpreter that holds the oracles.
func Python(t testing.TB) string {
	t.Helper()
	path := os.Getenv("ASR_BACKEND_TEST_PYTHON")
	if path == "" {
		path = filepath.Join(Root(t), ".venv-test", "bin", "python")
	}
	if _, err := os.Stat(path); err != nil {
		missing(t, "no Python with the oracles: run `make test-env`")
	}
	return path
}

// RunPython runs a script with arguments and the given standard input, and returns what
// it printed on standard output. A failing script fails the test with its stderr.
func RunPython(t testing.TB, stdin []byte, script string, args ...string) []byte {
	t.Helper()
	cmd := exec.Command(Python(t), append([]string{"-c", script}, args...)...)
	var out, errs bytes.Buffer
	cmd.Stdin, cmd.Stdout, cmd.Stderr = bytes.NewReader(stdin), &out, &errs
	if err := cmd.Run(); err != nil {
		t.Fatalf("oracle script: %v\n%s", err, errs.String())
	}
	return out.Bytes()
}

// FFmpeg returns the path of an ffmpeg to compare with: the one on PATH, else the
// static build inside the Python environment.
func FFmpeg(t testing.TB) string {
	t.Helper()
	if path, err := exec.LookPath("ffmpeg"); err == nil {
		return path
	}
	out := RunPython(t, nil, "import imageio_ffmpeg; print(imageio_ffmpeg.get_ffmpeg_exe())")
	return strings.TrimSpace(string(out))
}

// Library returns the ONNX Runtime library to test with: the one that the environment
// names, else the one that `make library` puts into bin. It is empty if there is none.
func Library() string {
	if path := os.Getenv("ASR_BACKEND_ONNXRUNTIME"); path != "" {
		return path
	}
	_, file, _, _ := runtime.Caller(0)
	path := filepath.Join(filepath.Dir(filepath.Dir(filepath.Dir(file))), "bin", "libonnxruntime.so")
	if _, err := os.Stat(path); err != nil {
		return ""
	}
	return path
}

// NeedLibrary skips or fails the test if there is no ONNX Runtime library.
func NeedLibrary(t testing.TB) {
	t.Helper()
	if Library() == "" {
		missing(t, "no ONNX Runtime library: run `make library`")
	}
}

// OpenVINO returns the plugin library of OpenVINO that the environment names with
// ASR_BACKEND_TEST_OPENVINO, and skips the test if there is none, also in strict runs: few machines
// have the CPU for it.
func OpenVINO(t testing.TB) string {
	t.Helper()
	NeedLibrary(t)
	path := os.Getenv("ASR_BACKEND_TEST_OPENVINO")
	if path == "" {
		t.Skip("no plugin of OpenVINO: set ASR_BACKEND_TEST_OPENVINO to it")
	}
	return path
}

func missing(t testing.TB, why string) {
	t.Helper()
	if os.Getenv("ASR_BACKEND_TEST_STRICT") == "1" {
		t.Fatal(why)
	}
	t.Skip(why)
}
