package jobs

import (
	"bufio"
	"bytes"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/asr-backend/asr-backend/internal/testlog"
	"github.com/asr-backend/asr-backend/priority"
)

// What the child processes do, by environment variables: the role, the directory, a file
// that every computation is written to, how many attempts a job may cost, and how many
// windows a job has (0: it is computed in one piece).
type crew struct {
	dir, log            string
	maxDeliver, windows int
}

const (
	crewJobs    = 30
	crewWorkers = 2
	poison      = "poison"
)

func (c crew) command(role string) *exec.Cmd {
	cmd := exec.Command(os.Args[0])
	cmd.Env = append(os.Environ(), "ASR_BACKEND_JOBS_CHILD="+role, "ASR_BACKEND_JOBS_DIR="+c.dir, "ASR_BACKEND_JOBS_LOG="+c.log,
		"ASR_BACKEND_JOBS_DELIVER="+strconv.Itoa(c.maxDeliver), "ASR_BACKEND_JOBS_WINDOWS="+strconv.Itoa(c.windows))
	return cmd
}

func child(role string) error {
	c := crew{dir: os.Getenv("ASR_BACKEND_JOBS_DIR"), log: os.Getenv("ASR_BACKEND_JOBS_LOG")}
	c.maxDeliver, _ = strconv.Atoi(os.Getenv("ASR_BACKEND_JOBS_DELIVER"))
	c.windows, _ = strconv.Atoi(os.Getenv("ASR_BACKEND_JOBS_WINDOWS"))
	ctx := context.Background()
	q, err := Open(ctx, c.options())
	if err != nil {
		return err
	}
	if role == "open" {
		return q.Close()
	}
	return errors.Join(c.work(ctx, q), q.Close())
}

func (c crew) options() Options {
	log := slog.New(slog.NewTextHandler(os.Stderr, nil))
	return quick(Options{Dir: c.dir, MaxCrashes: c.maxDeliver, Logger: log})
}

// work enqueues all jobs, with a push after each, and runs them until all have ended.
func (c crew) work(ctx context.Context, q *Queue) error {
	log, err := os.OpenFile(c.log, os.O_APPEND|os.O_CREATE|os.O_WRONLY, 0o600)
	if err != nil {
		return err
	}
	defer log.Close()
	wctx, stop := context.WithCancel(ctx)
	defer stop()
	var wg sync.WaitGroup
	for range crewWorkers {
		wg.Go(func() { c.run(wctx, q, "asr", log) })
	}
	wg.Go(func() { c.run(wctx, q, "push", log) })
	keys := []string{poison}
	for i := range crewJobs {
		keys = append(keys, fmt.Sprint("job", i))
	}
	for _, key := range keys {
		if _, _, err := q.Enqueue(ctx, Spec{Key: key, Project: key[len(key)-1:], Kind: "asr"}); err != nil {
			return err
		}
		if _, _, err := q.Enqueue(ctx, Spec{Key: "push " + key, Project: key[len(key)-1:], Kind: "push", After: key}); err != nil {
			return err
		}
	}
	for _, key := range keys {
		if _, err := q.Wait(ctx, "push "+key); err != nil {
			return err
		}
	}
	stop()
	wg.Wait()
	return nil
}

func (c crew) run(ctx context.Context, q *Queue, kind string, log *os.File) {
	for {
		l, err := q.Take(ctx, kind, priority.Background)
		if err != nil {
			return
		}
		if err := c.runOne(l, log); err != nil {
			if ctx.Err() != nil {
				return // all jobs have ended; the last one was seen to end before its worker was done with it
			}
			fmt.Fprintln(os.Stderr, "worker:", err)
			os.Exit(1)
		}
	}
}

func (c crew) runOne(l *Lease, log *os.File) error {
	ctx, key := l.Context(), l.Job().Key
	if l.Job().Kind == "push" {
		fmt.Fprintln(log, "pushed", l.Job().After)
		return l.Finish(ctx, nil)
	}
	if key == poison {
		return syscall.Kill(os.Getpid(), syscall.SIGKILL)
	}
	stored, err := l.Windows(ctx)
	if err != nil {
		return err
	}
	var result []byte
	for w := range max(c.windows, 1) {
		part := stored[w]
		if part == nil {
			pieces := 1
			if c.windows == 0 {
				pieces = 5
			}
			time.Sleep(time.Duration(pieces*(30+rand.IntN(50))) * time.Millisecond) // the computation
			part = fmt.Appendf(nil, "%s window %d;", key, w)
			fmt.Fprintln(log, "computed", key, w)
			if c.windows > 0 {
				if err := l.PutWindow(ctx, w, part); err != nil {
					return err
				}
			}
		}
		result = append(result, part...)
	}
	return l.FinishWith(ctx, result, Note{Keep: keepOf(key)})
}

// keepOf is under which name a job keeps its windows: every other job does.
func keepOf(key string) string {
	if (key[len(key)-1]-'0')%2 == 0 {
		return key
	}
	return ""
}

// killed runs children that it kills at random moments, and then one to the end. It returns
// how often each line was written to the log and how many processes were killed.
func (c crew) killed(t *testing.T, rounds int) (lines map[string]int, kills int) {
	t.Helper()
	for round := 0; ; round++ {
		cmd := c.command("work")
		var out bytes.Buffer
		cmd.Stdout, cmd.Stderr = &out, &out
		if err := cmd.Start(); err != nil {
			t.Fatal(err)
		}
		if round < rounds {
			timer := time.AfterFunc(time.Duration(50+rand.IntN(500))*time.Millisecond, func() { _ = cmd.Process.Kill() })
			defer timer.Stop()
		}
		err := cmd.Wait()
		status, _ := cmd.ProcessState.Sys().(syscall.WaitStatus)
		switch {
		case err == nil:
			f, err := os.Open(c.log)
			if err != nil {
				t.Fatal(err)
			}
			defer f.Close()
			lines = make(map[string]int)
			for s := bufio.NewScanner(f); s.Scan(); {
				lines[s.Text()]++
			}
			return lines, kills
		case !status.Signaled():
			t.Fatalf("round %d: the child ended with %v:\n%s", round, err, out.String())
		case round > rounds+20:
			t.Fatalf("the work does not come to an end")
		}
		kills++ // by the timer, or by the poisonous job
	}
}

func newCrew(t *testing.T, maxDeliver, windows int) crew {
	return crew{dir: filepath.Join(t.TempDir(), "data"), log: filepath.Join(t.TempDir(), "log"), maxDeliver: maxDeliver, windows: windows}
}

func rounds() int {
	if testing.Short() {
		return 5
	}
	return 20
}

// Nobody is alarmed by what is in order again a moment later.
func TestAKilledProcessAlarmsNobody(t *testing.T) {
	c := newCrew(t, 8, 5)
	var log testlog.Buffer
	o := c.options()
	o.Logger = slog.New(slog.NewJSONHandler(&log, nil))
	for kills := range 2 {
		if err := c.command("work").Run(); err == nil {
			t.Fatal("the child was not killed")
		}
		q := open(t, o)
		for len(q.List(Filter{States: []State{Running}})) > 0 {
			time.Sleep(10 * time.Millisecond)
		}
		j, err := q.Get(t.Context(), poison)
		if err != nil || j.State != Queued || j.Crashes != kills+1 {
			t.Fatalf("%+v, %v", j, err)
		}
		if err := q.Close(); err != nil {
			t.Fatal(err)
		}
		// What crashes twice in a row is another thing.
		if alarms := strings.Count(log.String(), `"level":"WARN"`) + strings.Count(log.String(), `"level":"ERROR"`); (alarms > 0) != (kills > 0) || !strings.Contains(log.String(), "the job goes on from what it has stored") {
			t.Errorf("%d alarms after %d kills:\n%s", alarms, kills+1, &log)
		}
	}
}

// A crash costs at most the window that a worker was at; every job ends once, with the
// result that an undisturbed run gives; a job that kills its process is dead in the end.
func TestKilledProcessesLoseNoJobAndNoWindow(t *testing.T) {
	c := newCrew(t, 8, 5)
	lines, kills := c.killed(t, rounds())
	q := open(t, c.options())
	again := 0
	for i := range crewJobs {
		key := fmt.Sprint("job", i)
		var want strings.Builder
		for w := range c.windows {
			line := fmt.Sprintf("computed %s %d", key, w)
			if lines[line] == 0 {
				t.Errorf("%s never happened", line)
			}
			again += lines[line] - 1
			fmt.Fprintf(&want, "%s window %d;", key, w)
		}
		if got, err := q.Result(t.Context(), key); err != nil || string(got) != want.String() {
			t.Errorf("%s: result %q, %v", key, got, err)
		}
		if s := state(t, q, "push "+key); s != Done || lines["pushed "+key] == 0 {
			t.Errorf("the push of %s is %s and ran %d times", key, s, lines["pushed "+key])
		}
	}
	if again > kills*crewWorkers {
		t.Errorf("%d windows were computed again after %d kills of %d workers", again, kills, crewWorkers)
	}
	j, err := q.Get(t.Context(), poison)
	if err != nil || j.State != Discarded || j.Crashes != c.maxDeliver || !strings.Contains(j.Reason, "heartbeats") || j.Hint == "" {
		t.Errorf("the poisonous job: %+v, %v", j, err)
	}
	if n := len(q.List(Filter{})); n != 2*(crewJobs+1) {
		t.Errorf("%d jobs, want %d", n, 2*(crewJobs+1))
	}
	for i := range crewJobs {
		key, want := fmt.Sprint("job", i), 0
		if keepOf(key) != "" {
			want = c.windows
		}
		wantKept(t, q, key, want)
	}
	if n, want := windowsStored(t, q), crewJobs/2*c.windows; n != want {
		t.Errorf("%d windows are stored, %d are kept", n, want)
	}
	t.Logf("%d kills, %d windows computed again", kills, again)
}

// Without windows a job that two crashes hit is given up: none is computed more than twice.
func TestKilledProcessesComputeNoJobMoreThanTwice(t *testing.T) {
	c := newCrew(t, 2, 0)
	lines, kills := c.killed(t, rounds())
	q := open(t, c.options())
	done, dead := 0, 0
	for i := range crewJobs {
		key := fmt.Sprint("job", i)
		if n := lines["computed "+key+" 0"]; n > 2 {
			t.Errorf("%s was computed %d times", key, n)
		}
		switch j, err := q.Get(t.Context(), key); {
		case err == nil && j.State == Done:
			done++
		case err == nil && j.State == Discarded && j.Crashes == 2 && j.Reason != "":
			dead++
		default:
			t.Errorf("%s ended as %+v, %v", key, j, err)
		}
	}
	t.Logf("%d kills: %d jobs done, %d given up", kills, done, dead)
}

// Nobody else can be running what a data directory shows as running, so its jobs do not
// wait for the lease to run out.
func TestJobsOfAKilledProcessAreQueuedWhenTheDirectoryIsOpened(t *testing.T) {
	dir, ctx := t.TempDir(), t.Context()
	q := open(t, Options{Dir: dir, Lease: time.Hour})
	enqueue(t, q, spec("k"))
	if err := take(t, q, "asr").PutWindow(ctx, 0, []byte("kept")); err != nil {
		t.Fatal(err)
	}
	killed := t.TempDir() // what the disk holds at this moment
	if err := os.CopyFS(killed, os.DirFS(dir)); err != nil {
		t.Fatal(err)
	}
	next := open(t, Options{Dir: killed, Lease: time.Hour})
	if s := state(t, next, "k"); s != Queued {
		t.Fatalf("the job is %s", s)
	}
	l, err := tryTake(ctx, next, "asr", priority.Background)
	if err != nil {
		t.Fatal(err)
	}
	if w, err := l.Windows(ctx); err != nil || string(w[0]) != "kept" || !strings.Contains(l.Job().Reason, "heartbeats") {
		t.Errorf("windows %v, %v, job %+v", w, err, l.Job())
	}
}

// Results of a killed process that no record points to go at the next start.
func TestWhatACrashLeavesBehindIsSweptUp(t *testing.T) {
	dir, ctx := t.TempDir(), t.Context()
	q := open(t, Options{Dir: dir})
	enqueue(t, q, spec("done"))
	if err := take(t, q, "asr").Finish(ctx, noise(inlineResult+1)); err != nil {
		t.Fatal(err)
	}
	enqueue(t, q, spec("k"))
	l := take(t, q, "asr")
	if err := l.PutWindow(ctx, 0, []byte("kept")); err != nil {
		t.Fatal(err)
	}
	// As far as Finish comes before the record is written.
	for _, r := range []resultRef{{Name: l.jobID + ".one", Size: 3}, {Name: l.jobID + ".two", Size: inlineResult + 1, Blob: true}} {
		if _, err := q.putResult(ctx, r, noise(int(r.Size))); err != nil {
			t.Fatal(err)
		}
	}
	if _, err := q.windows.Put(ctx, "nobody.0", []byte("orphan")); err != nil {
		t.Fatal(err)
	}
	if _, err := q.js.Publish(ctx, "$O.asr-blobs.C.unfinished", []byte("chunk")); err != nil {
		t.Fatal(err)
	}
	if err := l.Release(); err != nil {
		t.Fatal(err)
	}
	if err := q.Close(); err != nil {
		t.Fatal(err)
	}
	q = open(t, Options{Dir: dir})
	for b, want := range map[string]int{bucketWindows: 1, bucketResults: 0, bucketBlobs: 3} { // two chunks and a name
		if left, err := q.subjects(ctx, b, ">"); err != nil || len(left) > want || want > 0 && len(left) == 0 {
			t.Errorf("left in %s: %v, %v", b, left, err)
		}
	}
	if _, err := q.Result(ctx, "done"); err != nil {
		t.Errorf("the result that is needed: %v", err)
	}
	if w, err := take(t, q, "asr").Windows(ctx); err != nil || len(w) != 1 {
		t.Errorf("the windows that are needed: %v, %v", w, err)
	}
}
