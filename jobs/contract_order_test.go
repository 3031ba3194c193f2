package jobs

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"testing"
	"time"

	"github.com/asr-backend/asr-backend/priority"

	"github.com/google/go-cmp/cmp"
)

var contractOrder = []promise{
	{"many workers run every job once", func(t *testing.T, open func(Options) *Queue) {
		q, ctx := open(Options{}), t.Context()
		const jobs = 60
		for i := range jobs {
			enqueue(t, q, Spec{Key: fmt.Sprint(i), Project: fmt.Sprint(i % 4), Kind: "asr"})
		}
		var mu sync.Mutex
		ran := make(map[string]int)
		var wg sync.WaitGroup
		for range 8 {
			wg.Go(func() {
				for {
					l, err := tryTake(ctx, q, "asr", priority.Background)
					if errors.Is(err, errEmpty) {
						return
					}
					if err != nil {
						t.Error(err)
						return
					}
					mu.Lock()
					ran[l.Job().Key]++
					mu.Unlock()
					if err := l.Finish(ctx, []byte(l.Job().Key)); err != nil {
						t.Error(err)
					}
				}
			})
		}
		wg.Wait()
		for i := range jobs {
			if n := ran[fmt.Sprint(i)]; n != 1 {
				t.Errorf("job %d ran %d times", i, n)
			}
		}
	}},
	{"a ready job is seen before it is taken", func(t *testing.T, open func(Options) *Queue) {
		q, ctx := open(Options{}), t.Context()
		if _, err := q.TryTake(ctx, "asr", priority.Background); !errors.Is(err, ErrNotFound) {
			t.Errorf("took a job of none: %v", err)
		}
		seen := make(chan string, 1)
		go func() {
			j, err := q.Ready(ctx, "asr", priority.Batch)
			seen <- fmt.Sprint(j.Key, " ", err)
		}()
		enqueue(t, q, Spec{Key: "a", Project: "1", Kind: "asr", Class: priority.Batch})
		if got := <-seen; got != "a <nil>" {
			t.Errorf("saw %s", got)
		}
		enqueue(t, q, Spec{Key: "b", Project: "2", Kind: "asr", Class: priority.Opened})
		if j, err := q.Ready(ctx, "asr", priority.Batch); err != nil || j.Key != "b" {
			t.Errorf("saw %s, %v", j.Key, err)
		}
		if got := q.ReadyProjects("asr"); !cmp.Equal(got, []string{"1", "2"}) {
			t.Errorf("ready in %q", got)
		}
		for _, want := range []string{"b", "a"} {
			l, err := q.TryTake(ctx, "asr", priority.Background)
			if err != nil || l.Job().Key != want {
				t.Fatalf("took %v, %v", l, err)
			}
		}
	}},
	{"classes go in order and projects take turns", func(t *testing.T, open func(Options) *Queue) {
		q := open(Options{})
		for i := range 6 {
			enqueue(t, q, Spec{Key: fmt.Sprint("big", i), Project: "big", Kind: "asr"})
		}
		enqueue(t, q, Spec{Key: "small0", Project: "small", Kind: "asr"})
		enqueue(t, q, Spec{Key: "small1", Project: "small", Kind: "asr"})
		enqueue(t, q, Spec{Key: "opened", Project: "big", Kind: "asr", Class: priority.Opened})
		enqueue(t, q, Spec{Key: "now", Project: "big", Kind: "asr", Class: priority.Interactive})
		enqueue(t, q, Spec{Key: "push", Project: "big", Kind: "push", Class: priority.Interactive})
		var got []string
		for range 10 {
			got = append(got, take(t, q, "asr").Job().Key)
		}
		want := []string{"now", "opened", "big0", "small0", "big1", "small1", "big2", "big3", "big4", "big5"}
		if d := cmp.Diff(want, got); d != "" {
			t.Errorf("order, want (-), got (+):\n%s", d)
		}
	}},
	{"of many who remove an ended job and enqueue it anew, none removes the new one", func(t *testing.T, open func(Options) *Queue) {
		q := open(Options{})
		old := enqueue(t, q, spec("a"))
		wantErr(t, q.RemoveEnded(t.Context(), "a"), ErrState)
		if err := take(t, q, "asr").Finish(t.Context(), []byte("done")); err != nil {
			t.Fatal(err)
		}
		var all sync.WaitGroup
		for range 8 {
			all.Go(func() {
				if err := q.RemoveEnded(t.Context(), "a"); err != nil && !errors.Is(err, ErrState) && !errors.Is(err, ErrNotFound) {
					t.Error(err)
				}
				if _, _, err := q.Enqueue(t.Context(), spec("a")); err != nil {
					t.Error(err)
				}
			})
		}
		all.Wait()
		j, err := q.Get(t.Context(), "a")
		if err != nil || j.State != Queued || !j.Created.After(old.Created) {
			t.Fatalf("%+v, %v", j, err)
		}
		if _, err := q.Hold(t.Context(), "a", time.Now().Add(time.Hour)); err != nil {
			t.Fatal(err)
		}
		wantErr(t, q.RemoveEnded(t.Context(), "a"), ErrState)
		wantErr(t, q.RemoveEnded(t.Context(), "b"), ErrNotFound)
	}},
	{"a worker of a higher class gets a job when it is raised", func(t *testing.T, open func(Options) *Queue) {
		q, ctx := open(Options{}), t.Context()
		enqueue(t, q, spec("long"))
		take(t, q, "asr")
		enqueue(t, q, spec("other"))
		if _, err := tryTake(ctx, q, "asr", priority.Interactive); !errors.Is(err, errEmpty) {
			t.Errorf("before it is raised: %v", err)
		}
		if j, _, err := q.Enqueue(ctx, Spec{Key: "other", Project: "p", Kind: "asr", Class: priority.Interactive}); err != nil || j.Class != priority.Interactive {
			t.Fatalf("raised: %+v, %v", j, err)
		}
		if l, err := tryTake(ctx, q, "asr", priority.Interactive); err != nil || l.Job().Key != "other" {
			t.Fatalf("after it is raised: %v", err)
		}
	}},
	{"a job that is held is nobody else's", func(t *testing.T, open func(Options) *Queue) {
		q, ctx := open(Options{}), t.Context()
		enqueue(t, q, spec("push"))
		until := time.Now().Add(300 * time.Millisecond)
		if j, err := q.Hold(ctx, "push", until); err != nil || j.State != Queued || !j.Held.After(time.Now()) {
			t.Fatalf("held: %+v, %v", j, err)
		}
		_, err := q.Hold(ctx, "push", until)
		wantErr(t, err, ErrState)
		_, err = q.Requeue(ctx, "push")
		wantErr(t, err, ErrState)
		if _, err := tryTake(ctx, q, "asr", priority.Background); !errors.Is(err, errEmpty) {
			t.Fatalf("taken while it is held: %v", err)
		}
		l := take(t, q, "asr")
		if time.Now().Before(until) {
			t.Error("taken before the hold ended")
		}
		_, err = q.Hold(ctx, "push", time.Now().Add(time.Hour))
		wantErr(t, err, ErrState)
		if err := l.Finish(ctx, nil); err != nil {
			t.Fatal(err)
		}
		_, err = q.Hold(ctx, "push", time.Now().Add(time.Hour))
		wantErr(t, err, ErrState)
	}},
	{"a job that nobody works on is given up, and what waits for it goes on", func(t *testing.T, open func(Options) *Queue) {
		q, ctx := open(Options{}), t.Context()
		enqueue(t, q, spec("a"))
		after := spec("push")
		after.After = "a"
		enqueue(t, q, after)
		if j, err := q.GiveUp(ctx, "a", errors.New("no storage")); err != nil || j.State != Discarded || j.Reason != "no storage" || j.Ended.IsZero() {
			t.Fatalf("given up: %+v, %v", j, err)
		}
		_, err := q.GiveUp(ctx, "a", errors.New("again"))
		wantErr(t, err, ErrState)
		if l := take(t, q, "asr"); l.Job().Key != "push" {
			t.Errorf("took %s", l.Job().Key)
		}
		_, err = q.GiveUp(ctx, "push", errors.New("it runs"))
		wantErr(t, err, ErrState)
		if _, err := q.Requeue(ctx, "a"); err != nil {
			t.Fatal(err)
		}
		if _, err := q.Hold(ctx, "a", time.Now().Add(time.Hour)); err != nil {
			t.Fatal(err)
		}
		_, err = q.GiveUp(ctx, "a", errors.New("it is held"))
		wantErr(t, err, ErrState)
	}},
	{"a queued job that is wanted later starts later", func(t *testing.T, open func(Options) *Queue) {
		q, ctx := open(Options{}), t.Context()
		enqueue(t, q, spec("push"))
		later := spec("push")
		later.NotBefore = time.Now().Add(300 * time.Millisecond)
		if _, _, err := q.Enqueue(ctx, later); err != nil {
			t.Fatal(err)
		}
		if _, err := tryTake(ctx, q, "asr", priority.Background); !errors.Is(err, errEmpty) {
			t.Fatalf("taken before its time: %v", err)
		}
		if _, _, err := q.Enqueue(ctx, spec("push")); err != nil { // no time is not an earlier one
			t.Fatal(err)
		}
		take(t, q, "asr")
		if time.Now().Before(later.NotBefore) {
			t.Error("taken before its time")
		}
	}},
	{"a job waits for another to end", func(t *testing.T, open func(Options) *Queue) {
		q, ctx := open(Options{}), t.Context()
		_, _, err := q.Enqueue(ctx, Spec{Key: "push", Project: "p", Kind: "push", After: "asr"})
		wantErr(t, err, ErrNotFound)
		enqueue(t, q, spec("asr"))
		enqueue(t, q, Spec{Key: "push", Project: "p", Kind: "push", After: "asr"})
		l := take(t, q, "asr")
		if _, err := tryTake(ctx, q, "push", priority.Background); !errors.Is(err, errEmpty) {
			t.Fatalf("taken while the other runs: %v", err)
		}
		if err := l.Finish(ctx, []byte("text")); err != nil {
			t.Fatal(err)
		}
		p := take(t, q, "push")
		if got, err := q.Result(ctx, p.Job().After); err != nil || string(got) != "text" {
			t.Errorf("the result it waited for: %q, %v", got, err)
		}
		if err := p.Retry(ctx, 0, errors.New("once more")); err != nil {
			t.Fatal(err)
		}
		if err := q.Remove(ctx, "asr"); err != nil {
			t.Fatal(err)
		}
		if j := take(t, q, "push").Job(); j.Key != "push" {
			t.Errorf("got %+v", j)
		}
	}},
	{"hundreds wait for jobs", func(t *testing.T, open func(Options) *Queue) {
		q, ctx := open(Options{}), t.Context()
		const jobs, each = 5, 60
		var wg sync.WaitGroup
		for i := range jobs {
			key := fmt.Sprint(i)
			enqueue(t, q, spec(key))
			for range each {
				wg.Go(func() {
					if j, err := q.Wait(ctx, key); err != nil || j.State != Done {
						t.Errorf("Wait: %+v, %v", j, err)
					}
				})
			}
		}
		short, cancel := context.WithCancel(ctx)
		wg.Go(func() {
			_, err := q.Wait(short, "0")
			if !errors.Is(err, context.Canceled) && err != nil {
				t.Errorf("Wait that is given up: %v", err)
			}
		})
		cancel()
		for range jobs {
			if err := take(t, q, "asr").Finish(ctx, nil); err != nil {
				t.Fatal(err)
			}
		}
		wg.Wait()
		_, err := q.Wait(ctx, "nobody")
		wantErr(t, err, ErrNotFound)
		if n := len(q.index.waiters); n != 0 {
			t.Errorf("%d keys are still waited for", n)
		}
	}},
	{"removing a job ends the waiting for it", func(t *testing.T, open func(Options) *Queue) {
		q, ctx := open(Options{}), t.Context()
		enqueue(t, q, spec("k"))
		got := make(chan error)
		go func() {
			_, err := q.Wait(ctx, "k")
			got <- err
		}()
		until(t, "it waits", func() bool {
			q.index.mu.Lock()
			defer q.index.mu.Unlock()
			return len(q.index.waiters) == 1
		})
		if err := q.Remove(ctx, "k"); err != nil {
			t.Fatal(err)
		}
		wantErr(t, <-got, ErrNotFound)
		wantErr(t, q.Remove(ctx, "k"), ErrNotFound)
	}},
}
