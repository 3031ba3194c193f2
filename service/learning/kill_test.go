package learning_test

import (
	"bufio"
	"fmt"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"testing"
	"time"
)

// learnerDir is set for a process that learns until it is killed.
const learnerDir = "ASR_BACKEND_TEST_LEARNER"

// TestLearner is that process.
func TestLearner(t *testing.T) {
	dir := os.Getenv(learnerDir)
	if dir == "" {
		t.Skip("it is for TestAKilledProcessLeavesAWholeVersion")
	}
	f := newTeamIn(t, 6, dir)
	f.learn() // loads the model
	fmt.Println("ready")
	for i := 0; ; i++ {
		f.correct(i%5, fmt.Sprintf("%s another text %d", f.texts[i%5], os.Getpid()+i))
		f.learn()
		if i%3 == 2 {
			_, _ = f.Rollback(t.Context(), 1, "") // there may be nothing to go back to
		}
	}
}

// A process that is killed while a project learns leaves the version that was in use or the new one,
// and the next one goes on.
func TestAKilledProcessLeavesAWholeVersion(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "jobs")
	t.Run("prepare", func(t *testing.T) {
		f := newTeamIn(t, 6, dir)
		f.transcribe(to(6))
		for i := range 6 {
			f.correct(i, f.texts[i])
		}
	})
	r := rand.New(rand.NewPCG(1, uint64(time.Now().UnixNano())))
	for n := range 4 {
		c := exec.Command(os.Args[0], "-test.run", "^TestLearner$")
		c.Env = append(os.Environ(), learnerDir+"="+dir)
		out, err := c.StdoutPipe()
		if err == nil {
			err = c.Start()
		}
		if err != nil {
			t.Fatal(err)
		}
		lines := bufio.NewScanner(out)
		for lines.Scan() && lines.Text() != "ready" {
			t.Log(lines.Text())
		}
		time.Sleep(time.Duration(r.IntN(2000)) * time.Millisecond)
		if err := c.Process.Kill(); err != nil {
			t.Fatal(err)
		}
		_ = c.Wait() // it was killed
		t.Run(fmt.Sprint("after kill ", n), func(t *testing.T) {
			f := newTeamIn(t, 6, dir)
			used, err := f.Registry.Learnt(t.Context(), 1)
			if err != nil {
				t.Fatal(err)
			}
			if used != "" {
				v, err := f.knowledge.Get(t.Context(), 1, used)
				if err != nil || v.Used.Digest() != used {
					t.Errorf("version %s is in use: %v", used, err)
				}
				if _, err := f.knowledge.Open(t.Context(), 1, used); err != nil {
					t.Error(err)
				}
			}
			state, err := f.State(t.Context(), 1)
			if err != nil || len(state.Versions) == 0 {
				t.Errorf("%+v, %v", state, err)
			}
			for _, v := range state.Versions {
				if _, err := f.knowledge.Get(t.Context(), 1, v.Version); v.Kept && err != nil {
					t.Errorf("version %s can be gone back to: %v", v.Version, err)
				}
			}
			f.learn()
		})
	}
}
