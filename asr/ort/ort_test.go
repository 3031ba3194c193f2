package ort_test

import (
	"context"
	"errors"
	"io"
	"math"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/asr-backend/asr-backend/asr/ort"
	"github.com/asr-backend/asr-backend/internal/oracle"
	"github.com/asr-backend/asr-backend/internal/oracle/onnx"

	"go.uber.org/goleak"
)

var library *ort.Runtime

func TestMain(m *testing.M) {
	var exit func(code int)
	library, exit = onnx.Open()
	if os.Getenv(hold) != "" {
		io.Copy(io.Discard, os.Stdin)
	}
	goleak.VerifyTestMain(m, goleak.Cleanup(exit))
}

func TestTheLibraryIsFoundWhereItIsNamed(t *testing.T) {
	dir := t.TempDir()
	for _, name := range []string{"libonnxruntime.so.1.9.0", "libonnxruntime.so.1.31.1", "libonnxruntime.so.1.4.0", "libonnxruntime.so.backup"} {
		touch(t, filepath.Join(dir, name))
	}
	newest := filepath.Join(dir, "libonnxruntime.so.1.31.1")
	if got, err := ort.Find(dir); err != nil || got != newest {
		t.Errorf("folder: got %q (%v), want the newest version", got, err)
	}
	t.Setenv(ort.LibraryVariable, dir)
	if got, err := ort.Find(""); err != nil || got != newest {
		t.Errorf("variable: got %q (%v), want the newest version", got, err)
	}
	plain := filepath.Join(dir, "libonnxruntime.so")
	touch(t, plain)
	if got, err := ort.Find(dir); err != nil || got != plain {
		t.Errorf("folder: got %q (%v), want the plain name", got, err)
	}
	file := filepath.Join(dir, "libonnxruntime.so.1.4.0")
	if got, err := ort.Find(file); err != nil || got != file {
		t.Errorf("file: got %q (%v)", got, err)
	}
}

func TestAMissingLibrarySaysWhereItWasLookedFor(t *testing.T) {
	for _, path := range []string{filepath.Join(t.TempDir(), "nowhere.so"), t.TempDir()} {
		_, err := ort.Find(path)
		if !errors.Is(err, ort.ErrLibrary) || !strings.Contains(err.Error(), path) {
			t.Errorf("got %v, want ErrLibrary and the path", err)
		}
	}
}

func TestASecondRuntimeIsRefused(t *testing.T) {
	oracle.NeedLibrary(t)
	if r, err := ort.Open(library.Path()); err == nil {
		t.Error("opened", r)
	}
}

func TestCUDAThatCannotBeHadSaysWhy(t *testing.T) {
	oracle.NeedLibrary(t)
	err := library.CheckCUDA(0)
	if err == nil {
		t.Skip("CUDA works here")
	}
	if !errors.Is(err, ort.ErrCUDA) || len(err.Error()) < len(ort.ErrCUDA.Error())+10 {
		t.Errorf("got %v, want ErrCUDA and a reason", err)
	}
}

// The reason differs with the CPU.
func TestOpenVINOThatCannotBeHadSaysWhy(t *testing.T) {
	oracle.NeedLibrary(t)
	for _, path := range []string{"/nowhere/plugin.so", library.Path()} { // the second is a library, and no plugin
		if err := library.UseOpenVINO(path); !errors.Is(err, ort.ErrOpenVINO) || len(err.Error()) < len(ort.ErrOpenVINO.Error())+10 {
			t.Errorf("%s: got %v, want ErrOpenVINO and a reason", path, err)
		}
	}
	if path := library.OpenVINOPath(); path != "" {
		t.Errorf("%s is loaded", path)
	}
	if s, err := library.NewSession(ort.Source{Path: oracle.Data(t, "models", "tiny-random", "model.onnx")}, names, ort.SessionOptions{Provider: ort.OpenVINO}); err == nil {
		t.Error("a session without the plugin", s)
	}
}

func TestWhatIsNoModelIsAnError(t *testing.T) {
	oracle.NeedLibrary(t)
	if s, err := library.Inspect(ort.Source{Data: []byte("not a graph")}); err == nil {
		t.Error("inspected", s)
	}
	if _, err := library.NewSession(ort.Source{Path: "/nowhere/model.onnx"}, names, ort.SessionOptions{}); err == nil || !strings.Contains(err.Error(), "/nowhere/model.onnx") {
		t.Errorf("got %v, want an error with the path", err)
	}
}

func TestARunIsTerminatedAndTheSessionLivesOn(t *testing.T) {
	oracle.NeedLibrary(t)
	s := session(t)
	const rows = 3000 // some seconds of attention on one core
	b := buffers(t, 1, rows*8)
	ctx, cancel := context.WithCancelCause(t.Context())
	errWhy := errors.New("changed my mind")
	time.AfterFunc(50*time.Millisecond, func() { cancel(errWhy) })
	if err := s.Run(ctx, b); !errors.Is(err, errWhy) {
		t.Fatalf("got %v, want the cause of the cancellation", err)
	}
	if err := s.Run(ctx, b); !errors.Is(err, errWhy) {
		t.Errorf("a run that is cancelled before it starts: got %v", err)
	}
	small := buffers(t, 1, 64)
	if err := s.Run(t.Context(), small); err != nil {
		t.Fatal(err)
	}
	var sum float64
	for _, v := range small.LogProbs[:129] {
		sum += math.Exp(float64(v))
	}
	if math.Abs(sum-1) > 1e-3 {
		t.Errorf("after a terminated run a row sums to %v, want 1", sum)
	}
}

func TestOneSessionServesManyGoroutines(t *testing.T) {
	oracle.NeedLibrary(t)
	s := session(t)
	want := buffers(t, 1, 400)
	if err := s.Run(t.Context(), want); err != nil {
		t.Fatal(err)
	}
	var wg sync.WaitGroup
	for range 4 {
		b := buffers(t, 1, 400)
		wg.Go(func() {
			if err := s.Run(t.Context(), b); err != nil {
				t.Error(err)
				return
			}
			for i := range b.LogProbs {
				if b.LogProbs[i] != want.LogProbs[i] {
					t.Errorf("value %d: got %v, want %v", i, b.LogProbs[i], want.LogProbs[i])
					return
				}
			}
		})
	}
	wg.Wait()
}

var names = ort.Names{Features: "audio_signal", Lengths: "length", LogProbs: "logprobs"}

func session(t *testing.T) *ort.Session {
	t.Helper()
	s, err := library.NewSession(ort.Source{Path: oracle.Data(t, "models", "tiny-random", "model.onnx")}, names, ort.SessionOptions{})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := s.Close(); err != nil {
			t.Error(err)
		}
	})
	return s
}

func buffers(t *testing.T, batch, frames int) *ort.Buffers {
	t.Helper()
	b, err := library.NewBuffers(batch, 80, frames, (frames+7)/8, 129)
	if err != nil {
		t.Fatal(err)
	}
	for i := range b.Features {
		b.Features[i] = float32(math.Sin(float64(i)))
	}
	for i := range b.Lengths {
		b.Lengths[i] = int64(frames)
	}
	t.Cleanup(func() {
		if err := b.Close(); err != nil {
			t.Error(err)
		}
	})
	return b
}

func touch(t *testing.T, path string) {
	t.Helper()
	if err := os.WriteFile(path, nil, 0o600); err != nil {
		t.Fatal(err)
	}
}
