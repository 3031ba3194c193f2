package training_test

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/asr-backend/asr-backend/jobs"
	"github.com/asr-backend/asr-backend/priority"
	"github.com/asr-backend/asr-backend/service/training"

	"golang.org/x/sys/unix"
)

// await waits for a file that the command makes.
func (f *site) await(name string) string {
	f.t.Helper()
	return awaitFile(f.t, filepath.Join(f.dir, name))
}

func awaitFile(t testing.TB, path string) string {
	t.Helper()
	for start := time.Now(); ; time.Sleep(10 * time.Millisecond) {
		if raw, err := os.ReadFile(path); err == nil && strings.HasSuffix(string(raw), "\n") {
			return strings.TrimSpace(string(raw))
		}
		if time.Since(start) > time.Minute {
			t.Fatalf("%s is not there", path)
		}
	}
}

// ended waits until a process has ended whose number is in a file.
func (f *site) ended(name string) {
	f.t.Helper()
	pid, err := strconv.Atoi(f.await(name))
	if err != nil {
		f.t.Fatal(err)
	}
	for start := time.Now(); ; time.Sleep(10 * time.Millisecond) {
		raw, err := os.ReadFile(filepath.Join("/proc", strconv.Itoa(pid), "stat"))
		if err != nil || strings.Contains(string(raw), ") Z ") {
			return
		}
		if time.Since(start) > 20*time.Second {
			_ = unix.Kill(pid, unix.SIGKILL)
			f.t.Fatalf("%s still runs", name)
		}
	}
}

// begin begins an attempt, and returns what ends it as the service does when it stops.
func (f *site) begin() (stop func() error, done <-chan error) {
	f.t.Helper()
	ctx, cancel := context.WithCancel(f.t.Context())
	f.t.Cleanup(cancel)
	l, err := f.Jobs.Take(ctx, training.Kind, priority.Background)
	if err != nil {
		f.t.Fatal(err)
	}
	ended := make(chan error, 1)
	go func() { ended <- errors.Join(f.Training.Worker().Work(l.Context(), f.t.Context(), l), l.Release()) }()
	return func() error { cancel(); return <-ended }, ended
}

// working is a command that notes its processes and where it works, and waits.
const working = `echo $$ > "$LANG/shell"; sleep 1000 & echo $! > "$LANG/child"; echo out >> "$LANG/attempts"; mkdir -p "$ASR_BACKEND_OUT" "$ASR_BACKEND_OUT.training"; echo begun; echo "$ASR_BACKEND_OUT" > "$LANG/begun"; `

func TestAPersonStopsTheTraining(t *testing.T) {
	f := newSite(t, "", working+"sleep 1000", nil)
	f.record(6, 3)
	f.correct(swapped)
	if status, text := f.post(training.Route, `{"project":1}`); status != 200 || !strings.Contains(text, "is trained") {
		t.Fatal(status, text)
	}
	_, done := f.begin()
	f.await("begun")
	if status, text := f.post(training.Route, `{"project":1}`); status != 200 || !strings.Contains(text, "already") {
		t.Error(status, text)
	}
	if s, err := f.Status(t.Context(), 1); err != nil || !s.Running || !slices.Equal(s.Log, []string{"begun"}) {
		t.Errorf("%+v, %v", s, err)
	}
	if status, text := f.post(training.RouteStop, `{"project":1}`); status != 200 {
		t.Fatal(status, text)
	}
	if err := <-done; !errors.Is(err, jobs.ErrLeaseLost) {
		t.Error(err)
	}
	f.ended("shell")
	f.ended("child")
	if left := names(t, filepath.Join(f.dir, "training", "1")); !slices.Equal(left, []string{"last.log"}) || len(names(t, filepath.Join(f.dir, "models"))) > 0 {
		t.Errorf("it has left %q, models %q", left, names(t, filepath.Join(f.dir, "models")))
	}
	s, err := f.Status(t.Context(), 1)
	if err != nil || s.Running || s.Waits || len(s.Runs) != 1 || s.Runs[0].Reason != "a person stopped it" || !slices.Equal(s.Log, []string{"begun"}) {
		t.Errorf("%+v, %v", s, err)
	}
	// One that waits is stopped as well, and after all that the project is trained when somebody asks.
	if _, err := f.Enqueue(t.Context(), 1); err != nil {
		t.Fatal(err)
	}
	if err := f.Stop(t.Context(), 1); err != nil {
		t.Error(err)
	}
	if err := f.Stop(t.Context(), 1); err == nil {
		t.Error("there is nothing to stop")
	}
	f.Command = copying
	if run := f.train(); !run.TakenUp {
		t.Errorf("%+v", run)
	}
}

// The command of a service that is started again continues with the same names.
func TestAServiceThatStopsGoesOnLater(t *testing.T) {
	dir := t.TempDir()
	var out string
	t.Run("stops", func(t *testing.T) {
		f := newSite(t, dir, working+`echo half > "$ASR_BACKEND_OUT.training/state"; sleep 1000`, nil)
		f.record(6, 3)
		f.correct(swapped)
		if _, err := f.Enqueue(t.Context(), 1); err != nil {
			t.Fatal(err)
		}
		stop, _ := f.begin()
		out = f.await("begun")
		awaitFile(t, out+".training/state")
		if err := stop(); !errors.Is(err, context.Canceled) {
			t.Error(err)
		}
		f.ended("shell")
		f.ended("child")
		if s, err := f.Status(t.Context(), 1); err != nil || !s.Waits || len(s.Runs) > 0 {
			t.Errorf("%+v, %v", s, err)
		}
	})
	t.Run("goes on", func(t *testing.T) {
		f := newSite(t, dir, `[ ! -e "$ASR_BACKEND_OUT" ] && cat "$ASR_BACKEND_OUT.training/state" && `+copying, nil)
		f.record(6, 3)
		if err := f.Work(f.Training.Worker()); err != nil {
			t.Fatal(err)
		}
		run := f.last()
		if !run.TakenUp || run.Model != filepath.Base(out) || f.Log(1) != "half\n" {
			t.Errorf("%+v, log %q", run, f.Log(1))
		}
		if left := names(t, filepath.Join(dir, "models")); !slices.Equal(left, []string{run.Model}) {
			t.Errorf("models %q", left)
		}
	})
	t.Run("is known at once", func(t *testing.T) {
		f := newSite(t, dir, "", nil)
		if got := f.project().Settings.Model; got != filepath.Base(out) {
			t.Errorf("the project uses %s", got)
		}
	})
}

// A model that was made is judged again without being made again.
func TestAFailedJudgementIsRepeated(t *testing.T) {
	f := newSite(t, "", `echo run >> "$LANG/runs"; `+copying, nil)
	f.record(6, 3)
	f.correct(swapped)
	const damaged = "0123456789ab"
	values := f.Jobs.Values("1")
	if err := errors.Join(values.Set(t.Context(), "learnt/"+damaged+"/0", "damaged"), f.Registry.SetLearnt(t.Context(), 1, damaged)); err != nil {
		t.Fatal(err)
	}
	if _, err := f.Enqueue(t.Context(), 1); err != nil {
		t.Fatal(err)
	}
	if err := f.Work(f.Training.Worker()); err == nil || !strings.Contains(err.Error(), damaged) {
		t.Fatal(err)
	}
	if left, _ := filepath.Glob(filepath.Join(f.dir, "training", "1", "*", "clips")); len(left) > 0 {
		t.Errorf("the clips are left: %q", left)
	}
	if err := f.Registry.SetLearnt(t.Context(), 1, ""); err != nil {
		t.Fatal(err)
	}
	if err := f.Work(f.Training.Worker()); err != nil {
		t.Fatal(err)
	}
	if run := f.last(); !run.TakenUp {
		t.Errorf("%+v", run)
	}
	if raw, err := os.ReadFile(filepath.Join(f.dir, "runs")); err != nil || string(raw) != "run\n" {
		t.Errorf("the command ran: %q, %v", raw, err)
	}
}

func TestTheTimeout(t *testing.T) {
	f := newSite(t, "", working+"sleep 1000", func(o *training.Options) { o.Timeout = time.Second })
	f.record(6, 3)
	f.correct(swapped)
	run := f.train()
	if run.TakenUp || !strings.Contains(run.Reason, "was ended after 1s, see --train-timeout; its last line: begun") {
		t.Errorf("%+v", run)
	}
	f.ended("shell")
	f.ended("child")
	if left := names(t, filepath.Join(f.dir, "models")); len(left) > 0 {
		t.Errorf("models %q", left)
	}
}

// trainerDir is set for a process that trains until it is killed.
const trainerDir = "ASR_BACKEND_TEST_TRAINER"

// TestTrainer is that process.
func TestTrainer(t *testing.T) {
	dir := os.Getenv(trainerDir)
	if dir == "" {
		t.Skip("it is for TestAKilledServiceLeavesNothingRunning")
	}
	f := newSite(t, dir, working+"sleep 1000", nil)
	f.record(6, 3)
	f.correct(swapped)
	if _, err := f.Enqueue(t.Context(), 1); err != nil {
		t.Fatal(err)
	}
	_ = f.Work(f.Training.Worker())
	t.Error("it was not killed")
}
