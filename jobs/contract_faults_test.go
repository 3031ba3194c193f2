package jobs

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"testing"
	"time"

	"github.com/asr-backend/asr-backend/priority"
)

var contractFaults = []promise{
	{"a worker whose job is removed learns so and is refused", func(t *testing.T, open func(Options) *Queue) {
		q, ctx := open(Options{}), t.Context()
		enqueue(t, q, spec("k"))
		l := take(t, q, "asr")
		if err := l.PutWindow(ctx, 0, []byte("stale")); err != nil {
			t.Fatal(err)
		}
		if err := q.Remove(ctx, "k"); err != nil {
			t.Fatal(err)
		}
		<-l.Context().Done()
		if cause := context.Cause(l.Context()); !errors.Is(cause, ErrLeaseLost) {
			t.Errorf("cause: %v", cause)
		}
		wantErr(t, l.Finish(ctx, []byte("late")), ErrLeaseLost)
		wantErr(t, l.PutWindow(ctx, 1, nil), ErrLeaseLost)
		enqueue(t, q, spec("k"))
		next := take(t, q, "asr")
		if w, err := next.Windows(ctx); err != nil || len(w) != 0 {
			t.Errorf("the new job of the same key has windows %v, %v", w, err)
		}
		if err := next.Finish(ctx, []byte("right")); err != nil {
			t.Fatal(err)
		}
		if got, err := q.Result(ctx, "k"); err != nil || string(got) != "right" {
			t.Errorf("Result: %q, %v", got, err)
		}
	}},
	{"limits are said and recover", func(t *testing.T, open func(Options) *Queue) {
		q, ctx := open(Options{MaxJobs: 2, WindowBytes: 300_000}), t.Context()
		enqueue(t, q, spec("1"))
		enqueue(t, q, spec("2"))
		_, _, err := q.Enqueue(ctx, spec("3"))
		wantErr(t, err, ErrFull)
		if _, created, err := q.Enqueue(ctx, spec("2")); created || err != nil {
			t.Errorf("a job that is there, at the limit: %v, %v", created, err)
		}
		l := take(t, q, "asr")
		if err := l.PutWindow(ctx, 0, make([]byte, 200_000)); err != nil {
			t.Fatal(err)
		}
		wantErr(t, l.PutWindow(ctx, 1, make([]byte, 200_000)), ErrFull)
		if err := l.Finish(ctx, []byte("all the same")); err != nil {
			t.Fatal(err)
		}
		enqueue(t, q, spec("3"))
		if err := take(t, q, "asr").PutWindow(ctx, 1, make([]byte, 200_000)); err != nil {
			t.Errorf("after the other job's windows are gone: %v", err)
		}
	}},
	{"retention removes ended jobs with their results", func(t *testing.T, open func(Options) *Queue) {
		q, ctx := open(Options{KeepJobs: 2, tidy: 20 * time.Millisecond}), t.Context()
		for i := range 5 {
			enqueue(t, q, spec(fmt.Sprint(i)))
			if err := take(t, q, "asr").Finish(ctx, make([]byte, inlineResult+i%2)); err != nil {
				t.Fatal(err)
			}
		}
		enqueue(t, q, spec("waits"))
		until(t, "two ended jobs are left", func() bool { return len(q.List(Filter{States: []State{Done}})) == 2 })
		for _, key := range []string{"3", "4"} {
			if _, err := q.Result(ctx, key); err != nil {
				t.Errorf("%s: %v", key, err)
			}
		}
		_, err := q.Get(ctx, "0")
		wantErr(t, err, ErrNotFound)
		if state(t, q, "waits") != Queued {
			t.Error("a job that has not ended was touched")
		}
		until(t, "the results are gone", func() bool {
			small, err1 := q.subjects(ctx, bucketResults, ">")
			large, err2 := q.listBlobs(ctx)
			return err1 == nil && err2 == nil && len(small)+len(large) == 2
		})
	}},
	{"foreign and broken records are shown and never taken", func(t *testing.T, open func(Options) *Queue) {
		q, ctx := open(Options{}), t.Context()
		if _, err := q.jobs.Put(ctx, escape("poison"), []byte(`{"v":1,"state":"queued"}`)); err != nil {
			t.Fatal(err)
		}
		if _, err := q.jobs.Put(ctx, "not=escaped", []byte("x")); err != nil {
			t.Fatal(err)
		}
		until(t, "it is noticed", func() bool { return len(q.List(Filter{})) == 1 })
		j := q.List(Filter{})[0]
		if j.Key != "poison" || j.State != Discarded || j.Reason == "" || j.Hint == "" {
			t.Errorf("shown as %+v", j)
		}
		if _, err := tryTake(ctx, q, "asr", priority.Background); !errors.Is(err, errEmpty) {
			t.Errorf("tryTake: %v", err)
		}
		_, err := q.Get(ctx, "poison")
		wantErr(t, err, ErrDamaged)
		wantErr(t, q.Health(), ErrDamaged)
		_, err = q.Wait(ctx, "poison")
		wantErr(t, err, ErrDamaged)
		if err := q.Remove(ctx, "poison"); err != nil {
			t.Fatal(err)
		}
		if len(q.List(Filter{})) != 0 || q.Health() != nil {
			t.Errorf("after Remove: %v, %v", q.List(Filter{}), q.Health())
		}
		enqueue(t, q, spec("poison"))
	}},
	{"everything is refused after Close", func(t *testing.T, open func(Options) *Queue) {
		q, ctx := open(Options{}), t.Context()
		enqueue(t, q, spec("a"))
		enqueue(t, q, spec("b"))
		l := take(t, q, "asr")
		var wg sync.WaitGroup
		wg.Go(func() {
			_, err := q.Wait(ctx, "b")
			wantErr(t, err, ErrClosed)
		})
		wg.Go(func() {
			_, err := q.Take(ctx, "push", priority.Background)
			wantErr(t, err, ErrClosed)
		})
		for range 3 {
			wg.Go(func() {
				if err := q.Close(); err != nil {
					t.Error(err)
				}
			})
		}
		wg.Wait()
		if cause := context.Cause(l.Context()); !errors.Is(cause, ErrClosed) {
			t.Errorf("cause of a held lease: %v", cause)
		}
		if l.Finish(ctx, nil) == nil || l.PutWindow(ctx, 0, nil) == nil {
			t.Error("a lease goes on")
		}
		_, _, err := q.Enqueue(ctx, spec("c"))
		wantErr(t, err, ErrClosed)
		wantErr(t, q.Remove(ctx, "a"), ErrClosed)
		_, err = q.Get(ctx, "a")
		wantErr(t, err, ErrClosed)
		wantErr(t, q.Values("p").Set(ctx, "k", "v"), ErrClosed)
	}},
}
