package jobs

import (
	"errors"
	"testing"
	"time"

	"github.com/asr-backend/asr-backend/priority"
)

var contractControl = []promise{
	{"a cancelled job stays cancelled until somebody asks for it on purpose", func(t *testing.T, open func(Options) *Queue) {
		q, ctx := open(Options{KeepDiscarded: time.Second, tidy: 20 * time.Millisecond}), t.Context()
		enqueue(t, q, spec("waits"))
		enqueue(t, q, spec("given up"))
		if l := take(t, q, "asr"); l.Job().Key != "waits" {
			t.Fatal(l.Job().Key)
		} else if err := l.Retry(ctx, time.Hour, errors.New("refused")); err != nil {
			t.Fatal(err)
		}
		if err := take(t, q, "asr").Fail(ctx, errors.New("broken")); err != nil {
			t.Fatal(err)
		}
		for _, key := range []string{"waits", "given up"} {
			for range 2 { // again changes nothing
				if j, err := q.Cancel(ctx, key); err != nil || j.State != Discarded || !j.Cancelled || j.Reason == "" {
					t.Fatalf("%s: %+v, %v", key, j, err)
				}
			}
		}
		enqueue(t, q, spec("expires"))
		if err := take(t, q, "asr").Fail(ctx, errors.New("broken")); err != nil {
			t.Fatal(err)
		}
		until(t, "what was not cancelled has expired", func() bool { _, there := q.Peek("expires"); return !there })
		for _, key := range []string{"waits", "given up"} {
			if j, created, err := Insert(ctx, q, named(key), InsertOptions{ReviveAfter: time.Nanosecond}); err != nil || created || !j.Cancelled {
				t.Errorf("enqueued again: %+v, created %v, %v", j, created, err)
			}
		}
		if _, err := tryTake(ctx, q, "asr", priority.Background); !errors.Is(err, errEmpty) {
			t.Errorf("took a cancelled job: %v", err)
		}
		_, err := q.Cancel(ctx, "nothing")
		wantErr(t, err, ErrNotFound)
		if j, err := q.Restart(ctx, "waits", RestartOptions{Class: priority.Expedited}); err != nil || j.Cancelled || j.Retries != 0 || j.Attempts != 0 || j.Reason != "" || j.Class != priority.Expedited {
			t.Errorf("restarted: %+v, %v", j, err)
		}
		if l := take(t, q, "asr"); l.Job().Key != "waits" || l.Job().Attempts != 1 {
			t.Errorf("took %+v", l.Job())
		}
		if j, err := q.Requeue(ctx, "given up"); err != nil || j.Cancelled {
			t.Errorf("requeued: %+v, %v", j, err)
		}
	}},
	{"a worker whose job is cancelled stops and leaves nothing", func(t *testing.T, open func(Options) *Queue) {
		q, ctx := open(Options{}), t.Context()
		enqueue(t, q, spec("k"))
		after := spec("after")
		after.After = "k"
		enqueue(t, q, after)
		l := take(t, q, "asr")
		if err := l.PutWindow(ctx, 0, []byte("half")); err != nil {
			t.Fatal(err)
		}
		if _, err := q.Cancel(ctx, "k"); err != nil {
			t.Fatal(err)
		}
		<-l.Context().Done()
		wantErr(t, l.Finish(ctx, []byte("late")), ErrLeaseLost)
		if got := take(t, q, "asr").Job().Key; got != "after" {
			t.Errorf("took %s", got)
		}
		if _, err := q.Restart(ctx, "k", RestartOptions{}); err != nil {
			t.Fatal(err)
		}
		next := take(t, q, "asr")
		if w, err := next.Windows(ctx); err != nil || len(w) != 0 {
			t.Errorf("windows %v, %v", w, err)
		}
		if err := next.Finish(ctx, []byte("right")); err != nil {
			t.Fatal(err)
		}
		_, err := q.Cancel(ctx, "k")
		wantErr(t, err, ErrState)
		if got, err := q.Result(ctx, "k"); err != nil || string(got) != "right" {
			t.Errorf("Result: %q, %v", got, err)
		}
	}},
	{"what is done is done again only if that is wanted", func(t *testing.T, open func(Options) *Queue) {
		q, ctx := open(Options{}), t.Context()
		for _, size := range []int{3, inlineResult + 1} {
			enqueue(t, q, spec("k"))
			if err := take(t, q, "asr").Finish(ctx, make([]byte, size)); err != nil {
				t.Fatal(err)
			}
			_, err := q.Restart(ctx, "k", RestartOptions{})
			wantErr(t, err, ErrState)
			if j, err := q.Restart(ctx, "k", RestartOptions{Done: true}); err != nil || j.State != Queued || !j.Ended.IsZero() {
				t.Fatalf("%+v, %v", j, err)
			}
			_, err = q.Result(ctx, "k")
			wantErr(t, err, ErrState)
			l := take(t, q, "asr")
			_, err = q.Restart(ctx, "k", RestartOptions{Done: true})
			wantErr(t, err, ErrState)
			if err := l.Finish(ctx, []byte("again")); err != nil {
				t.Fatal(err)
			}
			if got, err := q.Result(ctx, "k"); err != nil || string(got) != "again" {
				t.Errorf("Result: %q, %v", got, err)
			}
			if err := q.RemoveEnded(ctx, "k"); err != nil {
				t.Fatal(err)
			}
		}
	}},
	{"a job is raised while it runs, and stays so", func(t *testing.T, open func(Options) *Queue) {
		q, ctx := open(Options{}), t.Context()
		enqueue(t, q, spec("k"))
		l := take(t, q, "asr")
		if l.Class() != priority.Batch {
			t.Errorf("class %s", l.Class())
		}
		if j, err := q.Raise(ctx, "k", priority.Expedited); err != nil || j.Class != priority.Expedited || j.State != Running {
			t.Fatalf("%+v, %v", j, err)
		}
		<-l.Raised()
		if l.Class() != priority.Expedited {
			t.Errorf("class %s", l.Class())
		}
		opened := spec("k")
		opened.Class, opened.NotBefore = priority.Opened, time.Now().Add(time.Hour)
		if j, _, err := q.Enqueue(ctx, opened); err != nil || j.Class != priority.Opened {
			t.Fatalf("%+v, %v", j, err)
		}
		<-l.Raised()
		if j, err := q.Raise(ctx, "k", priority.Batch); err != nil || j.Class != priority.Opened {
			t.Errorf("lowered: %+v, %v", j, err)
		}
		// The worker's next record keeps the class, and what it says itself.
		if err := l.Identify(ctx, "content"); err != nil {
			t.Fatal(err)
		}
		if _, err := q.Raise(ctx, "k", priority.Interactive); err != nil {
			t.Fatal(err)
		}
		if err := l.Retry(ctx, 0, errors.New("refused")); err != nil {
			t.Fatal(err)
		}
		if j, err := q.Get(ctx, "k"); err != nil || j.Class != priority.Interactive || j.Content != "content" || j.Retries != 1 || j.State != Queued {
			t.Errorf("%+v, %v", j, err)
		}
		if err := take(t, q, "asr").Finish(ctx, nil); err != nil {
			t.Fatal(err)
		}
		_, err := q.Raise(ctx, "k", priority.Interactive)
		wantErr(t, err, ErrState)
	}},
}

// named are the arguments of a job of that name.
type named string

func (named) Kind() string    { return "asr" }
func (n named) Key() string   { return string(n) }
func (named) Project() string { return "p" }
