package training_test

import (
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
)

func TestAKilledServiceLeavesNothingRunning(t *testing.T) {
	dir := t.TempDir()
	c := exec.Command(os.Args[0], "-test.run", "^TestTrainer$")
	c.Env = append(os.Environ(), trainerDir+"="+dir)
	if err := c.Start(); err != nil {
		t.Fatal(err)
	}
	out := awaitFile(t, filepath.Join(dir, "begun"))
	if err := c.Process.Kill(); err != nil {
		t.Fatal(err)
	}
	_ = c.Wait() // it was killed
	f := newSite(t, dir, copying, nil)
	f.record(6, 3)
	f.ended("shell") // with the service
	if err := f.Work(f.Training.Worker()); err != nil {
		t.Fatal(err)
	}
	f.ended("child") // before the next attempt
	if run := f.last(); !run.TakenUp || run.Model != filepath.Base(out) || !strings.HasPrefix(run.Model, "tones-p1-") {
		t.Errorf("%+v", run)
	}
}
