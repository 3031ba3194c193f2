package background

import (
	"context"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"
)

// A slow disk: a request is answered in time, and all of its tasks are enqueued all the same.
func TestTasksAreEnqueuedThatARequestDoesNotWaitFor(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := New()
		var enqueued atomic.Int64
		const n = 1000
		start := time.Now()
		a, ok := Begin(b, n, func(context.Context, int) *int {
			time.Sleep(time.Second)
			enqueued.Add(1)
			return new(int)
		})
		if !ok {
			t.Fatal("not accepted")
		}
		ctx, cancel := context.WithTimeout(t.Context(), 1500*time.Millisecond)
		defer cancel()
		got := 0
		for i := range n {
			if a.Get(ctx, i) != nil {
				got++
			}
		}
		if took := time.Since(start); took != 1500*time.Millisecond || got != Together {
			t.Errorf("%d tasks after %v, want %d", got, took, Together)
		}
		b.Close(t.Context())
		if enqueued.Load() != n {
			t.Errorf("%d of %d were enqueued", enqueued.Load(), n)
		}
	})
}

func TestTasksThatWaitToBeEnqueuedAreBounded(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := New()
		slow := func(context.Context, int) *int { time.Sleep(time.Second); return new(int) }
		for _, c := range []struct {
			tasks int
			want  bool
		}{{2 * mostLeft, true}, {1, false}} {
			if _, ok := Begin(b, c.tasks, slow); ok != c.want {
				t.Errorf("%d tasks: accepted %v", c.tasks, ok)
			}
		}
		// A service that stops waits for a while only.
		start := time.Now()
		ctx, cancel := context.WithTimeout(t.Context(), 2500*time.Millisecond)
		defer cancel()
		b.Close(ctx)
		if took := time.Since(start); took != 3*time.Second {
			t.Errorf("closed after %v", took)
		}
		if _, ok := Begin(b, 1, slow); ok {
			t.Error("accepted after the end")
		}
	})
}
