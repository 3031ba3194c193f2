package training

import (
	"bytes"
	"context"
	"errors"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"time"

	"golang.org/x/sys/unix"
)

// gone fails if a process whose number is in a file has not ended a while later.
func gone(t *testing.T, file string) {
	t.Helper()
	raw, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	pid, err := strconv.Atoi(strings.TrimSpace(string(raw)))
	if err != nil {
		t.Fatal(err)
	}
	for start := time.Now(); running(pid); time.Sleep(10 * time.Millisecond) {
		if time.Since(start) > 20*time.Second {
			_ = unix.Kill(pid, unix.SIGKILL)
			t.Fatalf("process %d of %s still runs", pid, filepath.Base(file))
		}
	}
}

// running reports whether a process has not ended. One that nobody has waited for has.
func running(pid int) bool {
	raw, err := os.ReadFile(filepath.Join("/proc", strconv.Itoa(pid), "stat"))
	return err == nil && !strings.Contains(string(raw), ") Z ")
}

// await waits for a file.
func await(t *testing.T, file string) {
	t.Helper()
	for start := time.Now(); ; time.Sleep(10 * time.Millisecond) {
		if _, err := os.Stat(file); err == nil {
			return
		}
		if time.Since(start) > time.Minute {
			t.Fatalf("%s is not there", file)
		}
	}
}

func TestACommandEndsWithEverythingThatItStarted(t *testing.T) {
	for name, line := range map[string]string{
		"at once":             `sleep 1000 & echo $! > child; echo $$ > shell; touch ready; sleep 1000`,
		"after SIGKILL":       `trap '' TERM; sleep 1000 & echo $! > child; echo $$ > shell; touch ready; while :; do sleep 1; done`,
		"outlives the shell":  `trap '' TERM; sleep 1000 & echo $! > child; echo $$ > shell; touch ready; exit 4`,
		"the shell is killed": `sleep 1000 & echo $! > child; echo $$ > shell; touch ready; kill -9 $$`,
	} {
		t.Run(name, func(t *testing.T) {
			dir := t.TempDir()
			stop := errors.New("stop")
			ctx, cancel := context.WithCancelCause(t.Context())
			defer cancel(nil)
			var out bytes.Buffer
			c := &command{line: "cd " + dir + "; echo begins; " + line, env: []string{"PATH=" + os.Getenv("PATH")}, out: &out, grace: 200 * time.Millisecond}
			ended := make(chan error, 1)
			go func() { ended <- c.run(ctx) }()
			await(t, filepath.Join(dir, "ready"))
			early := strings.Contains(line, "exit") || strings.Contains(line, "kill -9")
			if !early {
				cancel(stop)
			}
			err := <-ended
			if !early && !errors.Is(err, stop) {
				t.Errorf("it ended with %v", err)
			}
			if status, ok := exitStatus(err); strings.Contains(line, "exit 4") && (status != 4 || !ok) {
				t.Errorf("exit status %d, %v: %v", status, ok, err)
			}
			if _, ok := exitStatus(err); strings.Contains(line, "kill -9") && (ok || !strings.Contains(err.Error(), "killed")) {
				t.Errorf("the shell was killed: %v", err)
			}
			for _, file := range []string{"shell", "child"} {
				gone(t, filepath.Join(dir, file))
			}
			if out.String() != "begins\n" {
				t.Errorf("it wrote %q", out.String())
			}
		})
	}
}

func TestACommandHasLowPriorityAndNoInput(t *testing.T) {
	var out bytes.Buffer
	c := &command{line: `nice; cat; echo done`, env: []string{"PATH=" + os.Getenv("PATH")}, out: &out, grace: time.Second}
	if err := c.run(t.Context()); err != nil {
		t.Fatal(err)
	}
	before, err := unix.Getpriority(unix.PRIO_PROCESS, 0) // 20 less the niceness
	if err != nil {
		t.Fatal(err)
	}
	want := max(20-before, niceness)
	if out.String() != strconv.Itoa(want)+"\ndone\n" {
		t.Errorf("it wrote %q, want niceness %d and done", out.String(), want)
	}
	if now, err := unix.Getpriority(unix.PRIO_PROCESS, 0); err != nil || now != before {
		t.Errorf("the priority of this process is %d, was %d: %v", now, before, err)
	}
}

// What has left the process group is found by its environment.
func TestWhatWasLeftIsKilled(t *testing.T) {
	dir := t.TempDir()
	var out bytes.Buffer
	env := []string{"PATH=" + os.Getenv("PATH"), variableManifest + "=" + filepath.Join(dir, "run", "learn.jsonl")}
	c := &command{line: "cd " + dir + `; setsid sh -c 'echo $$ > left; exec sleep 1000' > /dev/null 2>&1 & while [ ! -s ` + dir + `/left ]; do sleep 0.01; done`, env: env, out: &out, grace: time.Second}
	if err := c.run(t.Context()); err != nil {
		t.Fatal(err, out.String())
	}
	raw, err := os.ReadFile(filepath.Join(dir, "left"))
	if err != nil {
		t.Fatal(err)
	}
	pid, err := strconv.Atoi(strings.TrimSpace(string(raw)))
	if err != nil || !running(pid) {
		t.Fatalf("nothing was left: %v", err)
	}
	killLeft(filepath.Join(dir, "ru"))
	if !running(pid) {
		t.Error("a process of another folder was killed")
	}
	killLeft(filepath.Join(dir, "run"))
	gone(t, filepath.Join(dir, "left"))
}
