package service_test

import (
	"errors"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/asr-backend/asr-backend/asr"
	"github.com/asr-backend/asr-backend/asr/ort"
	"github.com/asr-backend/asr-backend/internal/cudatest"
	"github.com/asr-backend/asr-backend/internal/oracle"
	"github.com/asr-backend/asr-backend/service"
)

// A GPU that breaks costs no recording: the work waits, the backend is not ready, and the service
// ends, to be started again.
func TestCUDAThatBreaksKeepsTheWork(t *testing.T) {
	g := cudatest.For(t, oracle.Data(t, "models", "toys", "tones"))
	g.FailAfter = 9 // two workers and the comparison, each with whole rows, with sums, and without masks
	cudatest.Run(t, g, func(t *testing.T) {
		dir := filepath.Join(t.TempDir(), "jobs")
		change := func(_ *world, o *service.Options) {
			o.Recognizer.Provider, o.Recognizer.Batch, o.Jobs.Dir = ort.CUDA, 1, dir
		}
		inWorld(t, change, func(w *world) {
			w.ready()
			if m := w.service.Status(w.t.Context(), 0).Model; m.Provider != ort.CUDA || !strings.Contains(m.GPU, "stand-in for an H200") || m.Precision != asr.FP32 {
				t.Errorf("/status says %+v", m)
			}
			p := w.connected("")
			ids := w.record(p, 2)
			w.EmitCreated(p, ids...)
			time.Sleep(5 * time.Second)
			if err := w.service.Ready(); !errors.Is(err, ort.ErrCUDA) {
				t.Errorf("ready: %v", err)
			}
			start := time.Now()
			if err := w.service.Wait(w.t.Context()); !errors.Is(err, ort.ErrCUDA) || !strings.Contains(err.Error(), "times in a row") {
				t.Errorf("the service ends with %v", err)
			}
			if took := time.Since(start); took > 30*time.Second {
				t.Errorf("it ended after %v", took)
			}
			for _, id := range ids {
				if s := w.state(id); s.State == "failed" || s.State == "discarded" {
					t.Errorf("task %d: %+v", id, s)
				}
			}
			// The next process may have a GPU that works, or none.
			w.stop()
			w.options.Recognizer.Provider = ort.CPU
			w.start()
			w.settled(time.Minute, ids...)
		})
	})
}
