package predictions

import (
	"context"
	"fmt"
	"strconv"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/asr-backend/asr-backend/jobs"
	"github.com/asr-backend/asr-backend/labelstudio"
)

// A slow disk: a request is answered in time, and all of its tasks are enqueued all the same.
func TestTasksAreEnqueuedThatARequestDoesNotWaitFor(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := newBackground()
		var enqueued atomic.Int64
		const n = 1000
		start := time.Now()
		a, ok := b.accept(n, func(context.Context, int) *accepted {
			time.Sleep(time.Second)
			enqueued.Add(1)
			return &accepted{}
		})
		if !ok {
			t.Fatal("not accepted")
		}
		ctx, cancel := context.WithTimeout(t.Context(), 1500*time.Millisecond)
		defer cancel()
		got := 0
		for i := range n {
			if a.get(ctx, i) != nil {
				got++
			}
		}
		if took := time.Since(start); took != 1500*time.Millisecond || got != together {
			t.Errorf("%d tasks after %v, want %d", got, took, together)
		}
		b.close(t.Context())
		if enqueued.Load() != n {
			t.Errorf("%d of %d were enqueued", enqueued.Load(), n)
		}
	})
}

func TestTasksThatWaitToBeEnqueuedAreBounded(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := newBackground()
		slow := func(context.Context, int) *accepted { time.Sleep(time.Second); return &accepted{} }
		for _, c := range []struct {
			tasks int
			want  bool
		}{{2 * mostLeft, true}, {1, false}} {
			if _, ok := b.accept(c.tasks, slow); ok != c.want {
				t.Errorf("%d tasks: accepted %v", c.tasks, ok)
			}
		}
		// A service that stops waits for a while only.
		start := time.Now()
		ctx, cancel := context.WithTimeout(t.Context(), 2500*time.Millisecond)
		defer cancel()
		b.close(ctx)
		if took := time.Since(start); took != 3*time.Second {
			t.Errorf("closed after %v", took)
		}
		if _, ok := b.accept(1, slow); ok {
			t.Error("accepted after the end")
		}
	})
}

// BenchmarkPredict measures requests for many new tasks:
//
//	waits      how long the answer takes, in waits of one second
//	tasks/s    how many tasks are enqueued in a second
func BenchmarkPredict(b *testing.B) {
	for _, n := range []int{1000, 5000} {
		b.Run(strconv.Itoa(n), func(b *testing.B) {
			f := newFixture(b)
			p, err := f.Registry.Resolve(b.Context(), f.project(""))
			if err != nil {
				b.Fatal(err)
			}
			next, answered := int64(0), time.Duration(0)
			for b.Loop() {
				tasks := make([]labelstudio.Task, n)
				for i := range tasks {
					next++
					tasks[i] = labelstudio.Task{ID: next, Project: 1, Data: labelstudio.Data{"audio": fmt.Appendf(nil, `"/data/upload/1/%d.wav"`, next)}}
				}
				start := time.Now()
				if _, err := f.Predict(b.Context(), p, tasks, nil); err != nil {
					b.Fatal(err)
				}
				answered += time.Since(start)
				f.background.running.Wait()
			}
			if jobs := len(f.Jobs.List(jobs.Filter{Kind: Kind})); jobs != int(next) {
				b.Errorf("%d of %d tasks are to be pushed", jobs, next)
			}
			b.ReportMetric(answered.Seconds()/float64(b.N), "waits")
			b.ReportMetric(float64(next)/b.Elapsed().Seconds(), "tasks/s")
		})
	}
}
