package service_test

import (
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/asr-backend/asr-backend/asr"
	"github.com/asr-backend/asr-backend/labelstudio"
	"github.com/asr-backend/asr-backend/service"
	"github.com/asr-backend/asr-backend/service/training"

	"golang.org/x/sys/unix"
)

// inTraining is inLearning with a training command, which finds a folder in $LANG. The models that it
// makes can be used.
func inTraining(t *testing.T, command string, test func(l *learner, dir string)) {
	t.Helper()
	dir := t.TempDir()
	t.Setenv("LANG", dir)
	inWorld(t, func(_ *world, o *service.Options) {
		o.User, o.Password, o.Open = "operator", labelstudio.NewSecret("secret"), []string{"/webhook"}
		o.Training = training.Settings{Command: command, Folder: filepath.Join(dir, "training"), ModelsDir: filepath.Join(dir, "models")}
		toys := o.OpenModel
		o.OpenModel = func(name, variant string) (*asr.Bundle, error) {
			if path := filepath.Join(dir, "models", name); strings.Contains(name, "-p") {
				return asr.OpenBundle(path, variant)
			}
			return toys(name, variant)
		}
	}, func(w *world) {
		l := &learner{w, router(t), w.project("")}
		l.configure("")
		l.ready()
		test(l, dir)
	})
}

// now returns the version of the project, as Label Studio is given it now.
func (l *learner) now() string {
	l.t.Helper()
	if err := l.Refresh(l.project); err != nil {
		l.t.Fatal(err)
	}
	return l.version(l.project)
}

func (l *learner) training() *training.Status {
	l.t.Helper()
	reply, _ := l.asked(l.router, "GET", fmt.Sprint("/projects/", l.project), "", "", 200)
	var r training.Report
	if err := json.Unmarshal([]byte(reply), &r); err != nil {
		l.t.Fatal(err)
	}
	return r.Training
}

// Start Training in Label Studio trains a model, which is used for everything then.
func TestStartTrainingTrainsAModel(t *testing.T) {
	inTraining(t, `echo "key=$LABEL_STUDIO_API_KEY, secret"; cp -r "$ASR_BACKEND_MODEL" "$ASR_BACKEND_OUT"`, func(l *learner, dir string) {
		ids := l.world.record(l.project, 16)
		l.EmitCreated(l.project, ids...)
		l.settled(time.Hour, ids...)
		for _, id := range ids[:15] {
			l.Annotate(id, with(l.Predictions(id)[0].Result, "two", "too"))
		}
		before := l.now()
		if s := l.training(); !s.On || s.Running || len(s.Runs) > 0 {
			t.Errorf("at first: %+v", s)
		}
		if err := l.Train(l.project); err != nil {
			t.Fatal(err)
		}
		l.until("trained", time.Hour, func() bool { return len(l.training().Runs) > 0 })
		s := l.training()
		if run := s.Runs[0]; !run.TakenUp || s.Model != run.Model || s.From != "tones" || run.Learn < 10 || run.Judge == 0 {
			t.Fatalf("%+v, run %+v", s, run)
		}
		if after := l.now(); after == before {
			t.Error("the version is the same")
		}
		l.settled(time.Hour, ids[15]) // anew
		if log, _ := l.asked(l.router, "GET", "/learn/train/log?project="+itoa(l.project), "", "", 200); log != "key=, ***\n" {
			t.Errorf("the log is %q", log)
		}
		if got := l.now(); !strings.HasPrefix(got, s.Model+"-") {
			t.Errorf("the version is %s", got)
		}

		// After a restart the model is used at once, and the other one when somebody says so.
		after := l.now()
		l.stop()
		l.start()
		if got := l.now(); got != after {
			t.Errorf("after a restart the version is %s, was %s", got, after)
		}
		l.ready()
		l.post(200, "/learn/model", map[string]any{"model": ""})
		if got := l.now(); !strings.HasPrefix(got, "tones-") || strings.Contains(got, "-p") {
			t.Errorf("back at the other model the version is %s", got)
		}
		l.settled(time.Hour, ids[15])

		// The folder of the trained model is gone: the project says so, and does not change.
		l.post(200, "/learn/model", map[string]any{"model": s.Model})
		if err := os.Rename(filepath.Join(dir, "models"), filepath.Join(dir, "away")); err != nil {
			t.Fatal(err)
		}
		l.stop()
		l.start()
		l.ready()
		l.until("reported", time.Minute, func() bool {
			_ = l.Refresh(l.project) // it is refused
			p := l.one("")
			return strings.Contains(p.Problem.What, "uses model "+s.Model) && strings.Contains(p.Problem.Hint, `--model ""`)
		})
		if err := os.Rename(filepath.Join(dir, "away"), filepath.Join(dir, "models")); err != nil {
			t.Fatal(err)
		}
		l.until("served again", time.Minute, func() bool { return l.Refresh(l.project) == nil && l.version(l.project) == after })
	})
}

// begun waits until the command has made a file, and removes that. While a command runs, no time passes
// in the bubble, so that this waits outside of it.
func begun(t *testing.T, dir string) {
	t.Helper()
	for range 6000 {
		if os.Remove(filepath.Join(dir, "begun")) == nil {
			return
		}
		_ = unix.Nanosleep(&unix.Timespec{Nsec: 10_000_000}, nil)
	}
	t.Fatal("the command was not run")
}

// A training that runs does not keep the service from stopping.
func TestAServiceThatTrainsStops(t *testing.T) {
	inTraining(t, `touch "$LANG/begun"; exec sleep 1000`, func(l *learner, dir string) {
		ids := l.world.record(l.project, 15)
		l.EmitCreated(l.project, ids...)
		l.settled(time.Hour, ids...)
		for _, id := range ids {
			l.Annotate(id, with(l.Predictions(id)[0].Result, "two", "too"))
		}
		l.until("corrected", time.Hour, func() bool { return l.report().Corrections == len(ids) })
		l.post(200, "/learn/train", map[string]any{})
		begun(t, dir)
		if s := l.training(); !s.Running {
			t.Errorf("%+v", s)
		}
		l.stop()
		l.start()
		begun(t, dir)
		if s := l.training(); !s.Running {
			t.Errorf("after a restart: %+v", s)
		}
		l.post(200, "/learn/train/stop", map[string]any{})
		if s := l.training(); s.Running || s.Waits || len(s.Runs) != 1 {
			t.Errorf("%+v", s)
		}
	})
}
