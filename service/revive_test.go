package service_test

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

// crash goes on with what is on the disk at this moment, as after a kill.
func (w *world) crash() {
	w.t.Helper()
	dir := filepath.Join(w.t.TempDir(), "jobs")
	if err := os.CopyFS(dir, os.DirFS(w.options.Jobs.Dir)); err != nil {
		w.t.Fatal(err)
	}
	if err := os.Remove(filepath.Join(dir, "lock")); err != nil {
		w.t.Fatal(err)
	}
	w.stop()
	w.options.Jobs.Dir = dir
	w.start()
	w.ready()
}

func TestRecordingThatCrashedGetsAnotherChance(t *testing.T) {
	for name, then := range map[string]func(w *world){
		"an hour later":         func(*world) { time.Sleep(time.Hour + 10*time.Minute) },
		"after an orderly stop": func(w *world) { w.stop(); w.start() },
		"after an update":       func(w *world) { w.options.Version = "newer"; w.crash() },
	} {
		t.Run(name, func(t *testing.T) {
			inWorld(t, nil, func(w *world) {
				p := w.connected("")
				w.ready()
				w.slow = time.Minute
				ids := w.record(p, 1)
				w.EmitCreated(p, ids...)
				for range 5 {
					w.until("transcribing", 10*time.Minute, func() bool { return w.state(ids[0]).State == "transcribing" })
					w.crash()
				}
				w.slow = 0
				time.Sleep(5 * time.Minute)
				if s := w.state(ids[0]); s.State != "failed" || !strings.Contains(s.Reason, "5 attempts in a row crashed") {
					t.Errorf("after five crashes: %+v", s)
				}
				if n := w.metric("asr_backend_jobs_given_up_total"); n != 1 {
					t.Errorf("%v jobs are counted as given up", n)
				}
				if log := fmt.Sprint(w.log); !strings.Contains(log, `"level":"ERROR","msg":"job given up"`) {
					t.Error("the log has no error")
				}
				then(w)
				w.settled(11*time.Minute, ids...)
			})
		})
	}
}
