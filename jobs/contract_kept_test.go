package jobs

import (
	"errors"
	"fmt"
	"os"
	"testing"
	"time"
)

// finishKeeping works on the next job: it stores windows of n bytes each, which stay.
func finishKeeping(t testing.TB, q *Queue, name string, windows, n int) {
	t.Helper()
	l := take(t, q, "asr")
	for i := range windows {
		if err := l.PutWindow(t.Context(), i, make([]byte, n)); err != nil {
			t.Fatal(err)
		}
	}
	if err := l.FinishWith(t.Context(), []byte("result"), Note{Keep: name}); err != nil {
		t.Fatal(err)
	}
}

// wantKept checks how many windows a job has kept.
func wantKept(t testing.TB, q *Queue, key string, want int) {
	t.Helper()
	w, all, err := q.Windows(t.Context(), key)
	if err != nil || len(w) != want || all != (want > 0) {
		t.Errorf("%s has kept %d windows, all of them: %v, %v; want %d", key, len(w), all, err, want)
	}
}

// windowsStored returns the number of windows in the bucket.
func windowsStored(t testing.TB, q *Queue) int {
	t.Helper()
	left, err := q.subjects(t.Context(), bucketWindows, q.subject(bucketWindows, ">"))
	if err != nil {
		t.Fatal(err)
	}
	return len(left)
}

var contractKept = []promise{
	{"a done job keeps its windows if it is asked to", func(t *testing.T, open func(Options) *Queue) {
		q, ctx := open(Options{}), t.Context()
		for _, key := range []string{"a", "b", "none"} {
			enqueue(t, q, spec(key))
		}
		l := take(t, q, "asr")
		if err := l.PutWindow(ctx, 7, []byte("of an earlier attempt")); err != nil {
			t.Fatal(err)
		}
		if err := l.Release(); err != nil {
			t.Fatal(err)
		}
		l = take(t, q, "asr") // and does not ask for its windows
		if err := l.PutWindow(ctx, 1<<41|3, []byte("of this one")); err != nil {
			t.Fatal(err)
		}
		_, _, err := q.Windows(ctx, "a")
		wantErr(t, err, ErrState)
		wantErr(t, l.FinishWith(ctx, nil, Note{Keep: string(make([]byte, MaxName+1))}), ErrTooLarge)
		if err := l.FinishWith(ctx, nil, Note{Keep: "recording"}); err != nil {
			t.Fatal(err)
		}
		w, all, err := q.Windows(ctx, "a")
		if err != nil || !all || len(w) != 2 || string(w[7]) != "of an earlier attempt" || string(w[1<<41|3]) != "of this one" {
			t.Errorf("kept %v, all of them: %v, %v", w, all, err)
		}
		finishKeeping(t, q, "recording", 1, 10)
		finishKeeping(t, q, "recording", 0, 0)
		wantKept(t, q, "none", 0)
		if k := q.Kept("recording"); len(k) != 2 || k[0].Key != "b" || k[1].Key != "a" || len(q.Kept("other")) != 0 {
			t.Errorf("kept: %+v", k)
		}
		if n := q.Stats().Kept; n < 42 || n > 42+3*windowOverhead {
			t.Errorf("%d bytes are kept", n)
		}
		q.sweep(ctx, 0)
		wantKept(t, q, "a", 2)
		if err := q.DropWindows(ctx, "a"); err != nil {
			t.Fatal(err)
		}
		if err := errors.Join(q.DropWindows(ctx, "a"), q.DropWindows(ctx, "nobody")); err != nil {
			t.Errorf("dropping what is not there: %v", err)
		}
		wantKept(t, q, "a", 0)
		if _, err := q.Result(ctx, "a"); err != nil {
			t.Errorf("the result: %v", err)
		}
		if err := q.Remove(ctx, "b"); err != nil {
			t.Fatal(err)
		}
		if n, bytes := windowsStored(t, q), q.Stats().Kept; n != 0 || bytes != 0 || len(q.Kept("recording")) != 0 {
			t.Errorf("in the end %d windows and %d bytes", n, bytes)
		}
		_, _, err = q.Windows(ctx, "nobody")
		wantErr(t, err, ErrNotFound)
	}},
	{"a done job that is restarted computes everything again", func(t *testing.T, open func(Options) *Queue) {
		q, ctx := open(Options{}), t.Context()
		enqueue(t, q, spec("k"))
		finishKeeping(t, q, "recording", 3, 10)
		_, err := q.Restart(ctx, "k", RestartOptions{})
		wantErr(t, err, ErrState)
		wantKept(t, q, "k", 3)
		if _, err := q.Restart(ctx, "k", RestartOptions{Done: true}); err != nil {
			t.Fatal(err)
		}
		l := take(t, q, "asr")
		if w, err := l.Windows(ctx); err != nil || len(w) != 0 || len(q.Kept("recording")) != 0 || q.Stats().Kept != 0 {
			t.Errorf("windows of the next attempt: %v, %v", w, err)
		}
	}},
	{"a damaged result is made again from the windows that are kept", func(t *testing.T, open func(Options) *Queue) {
		q, ctx := open(Options{}), t.Context()
		enqueue(t, q, spec("k"))
		finishKeeping(t, q, "recording", 3, 10)
		if err := q.purge(ctx, bucketResults, ">"); err != nil {
			t.Fatal(err)
		}
		if _, err := q.Redo(ctx, "k"); err != nil {
			t.Fatal(err)
		}
		if q.Stats().Kept != 0 {
			t.Error("windows of a job under way count as kept")
		}
		q.sweep(ctx, 0)
		l := take(t, q, "asr")
		if w, err := l.Windows(ctx); err != nil || len(w) != 3 {
			t.Errorf("windows of the next attempt: %v, %v", w, err)
		}
		if err := l.FinishWith(ctx, nil, Note{Keep: "recording"}); err != nil {
			t.Fatal(err)
		}
		wantKept(t, q, "k", 3)
	}},
	{"beyond the limit the windows of the jobs that ended first go", func(t *testing.T, open func(Options) *Queue) {
		q := open(Options{KeptWindowBytes: 10_000, tidy: 20 * time.Millisecond})
		for i := range 4 {
			enqueue(t, q, spec(fmt.Sprint(i)))
			finishKeeping(t, q, "recording", 2, 2000)
		}
		enqueue(t, q, spec("too large by itself"))
		finishKeeping(t, q, "recording", 2, 6000)
		wantKept(t, q, "too large by itself", 0)
		until(t, "two jobs keep theirs", func() bool { return windowsStored(t, q) == 4 && len(q.Kept("recording")) == 2 })
		for i, want := range []int{0, 0, 2, 2} {
			wantKept(t, q, fmt.Sprint(i), want)
		}
		if n := q.Stats().Kept; n > 10_000 {
			t.Errorf("%d bytes are kept", n)
		}
	}},
	{"kept windows make way for a job under way", func(t *testing.T, open func(Options) *Queue) {
		q, ctx := open(Options{WindowBytes: 300_000, KeptWindowBytes: 250_000}), t.Context()
		for i := range 4 {
			enqueue(t, q, spec(fmt.Sprint(i)))
			finishKeeping(t, q, "recording", 2, 25_000)
		}
		enqueue(t, q, spec("k"))
		l := take(t, q, "asr")
		if err := l.PutWindow(ctx, 0, make([]byte, 140_000)); err != nil {
			t.Fatal(err)
		}
		for i, want := range []int{0, 2, 2, 2} {
			wantKept(t, q, fmt.Sprint(i), want)
		}
		if err := l.PutWindow(ctx, 1, make([]byte, 140_000)); err != nil {
			t.Fatal(err)
		}
		wantErr(t, l.PutWindow(ctx, 2, make([]byte, 140_000)), ErrFull)
		if n := windowsStored(t, q); n != 2 || q.Stats().Kept != 0 {
			t.Errorf("%d windows are stored", n)
		}
	}},
	{"none are kept where that is off", func(t *testing.T, open func(Options) *Queue) {
		q := open(Options{KeptWindowBytes: -1})
		enqueue(t, q, spec("k"))
		finishKeeping(t, q, "recording", 2, 10)
		if wantKept(t, q, "k", 0); windowsStored(t, q) != 0 {
			t.Errorf("%d windows are stored", windowsStored(t, q))
		}
	}},
	{"what another process has dropped is noticed", func(t *testing.T, open func(Options) *Queue) {
		q, ctx := open(Options{}), t.Context()
		for _, key := range []string{"a", "b", "c"} {
			enqueue(t, q, spec(key))
			finishKeeping(t, q, "recording", 2, 10)
		}
		id := func(key string) string { return q.index.get(key).id }
		for _, key := range []string{"a", "b"} {
			if err := q.purge(ctx, bucketWindows, id(key)+".>"); err != nil {
				t.Fatal(err)
			}
		}
		if err := q.purge(ctx, bucketWindows, id("c")+".1"); err != nil {
			t.Fatal(err)
		}
		wantKept(t, q, "a", 0)
		if k := q.Kept("recording"); len(k) != 2 {
			t.Errorf("after a look at one of them: %+v", k)
		}
		until(t, "a look at all of them finds one job", func() bool { // once the watch has shown them all
			q.sweep(ctx, 0)
			k := q.Kept("recording")
			return len(k) == 1 && k[0].Key == "c"
		})
		if w, all, err := q.Windows(ctx, "c"); err != nil || all || len(w) != 1 {
			t.Errorf("one of two is there: %v, all of them: %v, %v", w, all, err)
		}
	}},
}

// A process may be killed between any two steps.
func TestKeptWindowsSurviveAKilledProcess(t *testing.T) {
	dir, ctx := t.TempDir(), t.Context()
	q := open(t, Options{Dir: dir})
	for _, key := range []string{"stays", "dropped", "purged"} {
		enqueue(t, q, spec(key))
		finishKeeping(t, q, key, 2, 10)
	}
	q.index.dropKept("dropped") // and is killed before they are purged
	if err := q.purge(ctx, bucketWindows, q.index.get("purged").id+".>"); err != nil {
		t.Fatal(err)
	}
	killed := t.TempDir() // what the disk holds at this moment
	if err := errors.Join(q.Close(), os.CopyFS(killed, os.DirFS(dir))); err != nil {
		t.Fatal(err)
	}
	q = open(t, Options{Dir: killed})
	wantKept(t, q, "stays", 2)
	wantKept(t, q, "dropped", 2)
	wantKept(t, q, "purged", 0)
	one := q.Stats().Kept / 2
	if len(q.Kept("purged")) != 0 || one != 2*(10+windowOverhead) {
		t.Errorf("%d bytes count as kept", 2*one)
	}
	if err := q.Close(); err != nil {
		t.Fatal(err)
	}
	q = open(t, Options{Dir: killed, KeptWindowBytes: -1, tidy: 20 * time.Millisecond})
	until(t, "nothing is kept", func() bool { return windowsStored(t, q) == 0 && q.Stats().Kept == 0 })
}

func TestKeptWindowsGrowOld(t *testing.T) {
	days(t, Options{WindowAge: 24 * time.Hour}, func(t *testing.T, q *Queue) {
		enqueue(t, q, spec("k"))
		finishKeeping(t, q, "recording", 2, 10)
		time.Sleep(23 * time.Hour)
		wantKept(t, q, "k", 2)
		time.Sleep(2 * time.Hour)
		wantKept(t, q, "k", 0)
		if n := q.Stats().Kept; n != 0 || len(q.Kept("recording")) != 0 {
			t.Errorf("%d bytes count as kept", n)
		}
	})
}

// The room of kept windows is part of that of all windows.
func TestLimitsOfKeptWindows(t *testing.T) {
	for _, c := range []struct {
		all, kept, want int64
		ok              bool
	}{
		{0, 0, DefaultKeptWindows, true}, {400, 0, 100, true}, {400, 399, 399, true}, {400, 400, 400, false}, {0, -1, -1, true}, {0, 5 << 30, 5 << 30, false},
	} {
		o, err := Options{Dir: "d", WindowBytes: c.all, KeptWindowBytes: c.kept}.withDefaults()
		if o.KeptWindowBytes != c.want || (err == nil) != c.ok {
			t.Errorf("%+v: %d, %v", c, o.KeptWindowBytes, err)
		}
	}
}

func TestRecordsOfKeptWindowsAreChecked(t *testing.T) {
	done := readyJob("k", "p", 0)
	done.State, done.Ended, done.Result = Done, done.Updated, &resultRef{Name: done.ID + ".r"}
	for _, k := range []*kept{nil, {Name: "n", Windows: 1, Bytes: 2}} {
		if done.Kept = k; done.check() != nil {
			t.Errorf("%+v: %v", k, done.check())
		}
	}
	for _, k := range []kept{{}, {Name: string(make([]byte, MaxName+1))}, {Name: "n", Windows: -1}, {Name: "n", Bytes: -1}} {
		if done.Kept = &k; done.check() == nil {
			t.Errorf("%+v is accepted", k)
		}
	}
	queued := readyJob("k", "p", 0)
	if queued.Kept = (&kept{Name: "n"}); queued.check() == nil {
		t.Error("a queued job keeps windows")
	}
}
