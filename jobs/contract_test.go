package jobs

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"slices"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/nats-io/nats-server/v2/server"
)

// The same suite for the server inside the process, for a separate one by TCP, and for three
// that replicate.
func TestContract(t *testing.T) {
	var servers []*server.Server
	replicated := 0
	backends := []struct {
		name string
		open func(t *testing.T, o Options) *Queue
	}{
		{"inside the process", func(t *testing.T, o Options) *Queue {
			o.Dir = t.TempDir()
			return open(t, o)
		}},
		{"by TCP", func(t *testing.T, o Options) *Queue {
			o.URL = serve(t).ClientURL()
			return open(t, o)
		}},
		{"three replicas", func(t *testing.T, o Options) *Queue {
			replicated++
			o.URL, o.Replicas, o.Prefix = servers[0].ClientURL(), 3, fmt.Sprint("c", replicated)
			return open(t, o)
		}},
	}
	for _, b := range backends {
		t.Run(b.name, func(t *testing.T) {
			if b.name == "three replicas" {
				if testing.Short() {
					t.Skip("electing leaders takes seconds")
				}
				servers = cluster(t)
			}
			for _, c := range contract {
				t.Run(c.name, func(t *testing.T) { c.test(t, func(o Options) *Queue { return b.open(t, o) }) })
			}
		})
	}
}

var contract = []struct {
	name string
	test func(t *testing.T, open func(Options) *Queue)
}{
	{"a job lives from enqueue to result", func(t *testing.T, open func(Options) *Queue) {
		q, ctx := open(Options{}), t.Context()
		s := Spec{Key: "päth/with spaces & dots.wav", Project: "7", Kind: "asr", Class: Opened, Payload: []byte("{}"), Weight: 3600}
		enqueue(t, q, s)
		l := take(t, q, "asr")
		j := l.Job()
		if j.Key != s.Key || j.Project != s.Project || j.Class != Opened || !bytes.Equal(j.Payload, s.Payload) || j.Weight != 3600 || j.State != Running || j.Deliveries != 1 {
			t.Errorf("handed out: %+v", j)
		}
		if err := l.Finish(ctx, []byte("text")); err != nil {
			t.Fatal(err)
		}
		if l.Context().Err() == nil {
			t.Error("the context of the lease goes on after Finish")
		}
		if j, err := q.Wait(ctx, s.Key); err != nil || j.State != Done || j.Ended.IsZero() {
			t.Errorf("Wait: got %+v, %v", j, err)
		}
		if got, err := q.Result(ctx, s.Key); err != nil || string(got) != "text" {
			t.Errorf("Result: got %q, %v", got, err)
		}
	}},
	{"enqueueing a key again finds the job in every state", func(t *testing.T, open func(Options) *Queue) {
		q, ctx := open(Options{}), t.Context()
		again := func(want State) {
			t.Helper()
			s := spec("k")
			s.Payload = []byte("other")
			j, created, err := q.Enqueue(ctx, s)
			if err != nil || created || j.State != want || string(j.Payload) == "other" {
				t.Errorf("got created %v, %s, payload %q, error %v; want the %s job", created, j.State, j.Payload, err, want)
			}
		}
		enqueue(t, q, spec("k"))
		again(Queued)
		l := take(t, q, "asr")
		again(Running)
		if err := l.Fail(ctx, errors.New("broken")); err != nil {
			t.Fatal(err)
		}
		again(Dead)
		if _, err := q.Requeue(ctx, "k"); err != nil {
			t.Fatal(err)
		}
		again(Queued)
		if err := take(t, q, "asr").Finish(ctx, nil); err != nil {
			t.Fatal(err)
		}
		again(Done)
	}},
	{"many who enqueue one key make one job", func(t *testing.T, open func(Options) *Queue) {
		q, ctx := open(Options{}), t.Context()
		var wg sync.WaitGroup
		created := make(chan bool, 20)
		for range cap(created) {
			wg.Go(func() {
				_, c, err := q.Enqueue(ctx, spec("same"))
				if err != nil {
					t.Error(err)
				}
				created <- c
			})
		}
		wg.Wait()
		close(created)
		n := 0
		for c := range created {
			if c {
				n++
			}
		}
		if n != 1 || len(q.List(Filter{})) != 1 {
			t.Errorf("%d were told that they created it; %d jobs listed", n, len(q.List(Filter{})))
		}
	}},
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
					l, err := q.TryTake(ctx, "asr", Batch)
					if errors.Is(err, ErrEmpty) {
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
	{"classes go in order and projects take turns", func(t *testing.T, open func(Options) *Queue) {
		q := open(Options{})
		for i := range 6 {
			enqueue(t, q, Spec{Key: fmt.Sprint("big", i), Project: "big", Kind: "asr"})
		}
		enqueue(t, q, Spec{Key: "small0", Project: "small", Kind: "asr"})
		enqueue(t, q, Spec{Key: "small1", Project: "small", Kind: "asr"})
		enqueue(t, q, Spec{Key: "opened", Project: "big", Kind: "asr", Class: Opened})
		enqueue(t, q, Spec{Key: "now", Project: "big", Kind: "asr", Class: Interactive})
		enqueue(t, q, Spec{Key: "push", Project: "big", Kind: "push", Class: Interactive})
		var got []string
		for range 10 {
			got = append(got, take(t, q, "asr").Job().Key)
		}
		want := []string{"now", "opened", "big0", "small0", "big1", "small1", "big2", "big3", "big4", "big5"}
		if d := cmp.Diff(want, got); d != "" {
			t.Errorf("order, want (-), got (+):\n%s", d)
		}
	}},
	{"a worker hears of more urgent work and can let it through", func(t *testing.T, open func(Options) *Queue) {
		q, ctx := open(Options{}), t.Context()
		enqueue(t, q, spec("long"))
		l := take(t, q, "asr")
		if l.Urgent() {
			t.Error("urgent before anything waits")
		}
		enqueue(t, q, spec("other")) // of the same class
		if l.Urgent() {
			t.Error("urgent for a job of the same class")
		}
		if _, err := q.TryTake(ctx, "asr", Interactive); !errors.Is(err, ErrEmpty) {
			t.Errorf("TryTake with nothing urgent: %v", err)
		}
		if j, _, err := q.Enqueue(ctx, Spec{Key: "other", Project: "p", Kind: "asr", Class: Interactive}); err != nil || j.Class != Interactive {
			t.Fatalf("raised: %+v, %v", j, err)
		}
		if !l.Urgent() {
			t.Error("not urgent although an interactive job waits")
		}
		u, err := q.TryTake(ctx, "asr", Interactive)
		if err != nil || u.Job().Key != "other" {
			t.Fatalf("TryTake: %v", err)
		}
		if l.Urgent() {
			t.Error("still urgent after it was taken")
		}
	}},
	{"retry hands out later, release at once and uncounted", func(t *testing.T, open func(Options) *Queue) {
		q, ctx := open(Options{}), t.Context()
		enqueue(t, q, spec("k"))
		if err := take(t, q, "asr").Release(); err != nil {
			t.Fatal(err)
		}
		l := take(t, q, "asr")
		before := time.Now()
		const delay = 300 * time.Millisecond
		if err := l.Retry(ctx, delay, fmt.Errorf("push: %w", &Error{Op: "send", Err: errors.New("refused"), Advice: "look at Label Studio"})); err != nil {
			t.Fatal(err)
		}
		if err := l.Release(); err != nil {
			t.Errorf("Release after Retry: %v", err)
		}
		enqueue(t, q, spec("other"))
		if j := take(t, q, "asr").Job(); j.Key != "other" {
			t.Errorf("a job that waits for its time holds up %q", j.Key)
		}
		j := take(t, q, "asr").Job()
		if waited := time.Since(before); waited < delay-time.Millisecond {
			t.Errorf("handed out again after %v", waited)
		}
		if j.Key != "k" || j.Retries != 1 || j.Deliveries != 3 || j.Losses != 0 || j.Reason != `push: jobs: send: refused` || j.Hint != "look at Label Studio" {
			t.Errorf("after a retry: %+v", j)
		}
	}},
	{"requeue brings a waiting or dead job forward and nothing else", func(t *testing.T, open func(Options) *Queue) {
		q, ctx := open(Options{}), t.Context()
		enqueue(t, q, Spec{Key: "k", Project: "p", Kind: "asr", NotBefore: time.Now().Add(time.Hour)})
		if _, err := q.TryTake(ctx, "asr", Batch); !errors.Is(err, ErrEmpty) {
			t.Fatalf("before its time: %v", err)
		}
		if _, err := q.Requeue(ctx, "k"); err != nil {
			t.Fatal(err)
		}
		l := take(t, q, "asr")
		_, err := q.Requeue(ctx, "k")
		wantErr(t, err, ErrState)
		if err := l.Fail(ctx, errors.New("no such recording")); err != nil {
			t.Fatal(err)
		}
		if j, err := q.Wait(ctx, "k"); err != nil || j.State != Dead || j.Reason != "no such recording" {
			t.Errorf("Wait: got %+v, %v", j, err)
		}
		_, err = q.Result(ctx, "k")
		wantErr(t, err, ErrState)
		if j, err := q.Requeue(ctx, "k"); err != nil || j.State != Queued || !j.Ended.IsZero() {
			t.Errorf("Requeue: got %+v, %v", j, err)
		}
		_, err = q.Requeue(ctx, "nobody")
		wantErr(t, err, ErrNotFound)
	}},
	{"a job waits for another to end", func(t *testing.T, open func(Options) *Queue) {
		q, ctx := open(Options{}), t.Context()
		_, _, err := q.Enqueue(ctx, Spec{Key: "push", Project: "p", Kind: "push", After: "asr"})
		wantErr(t, err, ErrNotFound)
		enqueue(t, q, spec("asr"))
		enqueue(t, q, Spec{Key: "push", Project: "p", Kind: "push", After: "asr"})
		l := take(t, q, "asr")
		if _, err := q.TryTake(ctx, "push", Batch); !errors.Is(err, ErrEmpty) {
			t.Fatalf("handed out while the other runs: %v", err)
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
	{"windows stay through hand-outs and go with the end", func(t *testing.T, open func(Options) *Queue) {
		q, ctx := open(Options{}), t.Context()
		enqueue(t, q, spec("k"))
		enqueue(t, q, spec("other"))
		l, other := take(t, q, "asr"), take(t, q, "asr")
		want := make(map[int][]byte)
		for _, i := range []int{0, 3, 1000000} {
			want[i] = bytes.Repeat([]byte{byte(i)}, i%9+1)
			if err := l.PutWindow(ctx, i, want[i]); err != nil {
				t.Fatal(err)
			}
		}
		if err := other.PutWindow(ctx, 7, []byte("other")); err != nil {
			t.Fatal(err)
		}
		if err := l.PutWindow(ctx, -1, nil); err == nil {
			t.Error("a negative index was accepted")
		}
		wantErr(t, l.PutWindow(ctx, 1, make([]byte, MaxValue+1)), ErrTooLarge)
		if err := l.PutWindow(ctx, 4, make([]byte, MaxValue)); err != nil {
			t.Fatalf("the largest window: %v", err)
		}
		if err := l.PutWindow(ctx, 4, []byte("again")); err != nil {
			t.Fatal(err)
		}
		want[4] = []byte("again")
		if err := l.Release(); err != nil {
			t.Fatal(err)
		}
		l = take(t, q, "asr")
		got, err := l.Windows(ctx)
		if d := cmp.Diff(want, got); err != nil || d != "" {
			t.Errorf("error %v, want (-), got (+):\n%s", err, d)
		}
		if err := l.Finish(ctx, nil); err != nil {
			t.Fatal(err)
		}
		left, err := q.subjects(ctx, bucketWindows, ">")
		if err != nil || len(left) != 1 {
			t.Errorf("after the end: %v, %v; want the one window of the other job", left, err)
		}
	}},
	{"results of every size come back", func(t *testing.T, open func(Options) *Queue) {
		q, ctx := open(Options{}), t.Context()
		for _, n := range []int{0, 1, inlineResult, inlineResult + 1, 5<<20 + 3} {
			key := fmt.Sprint("size ", n)
			enqueue(t, q, spec(key))
			data := make([]byte, n)
			for i := range data {
				data[i] = byte(rand.Uint32())
			}
			l := take(t, q, "asr")
			if err := l.Finish(ctx, data); err != nil {
				t.Fatalf("%d bytes: %v", n, err)
			}
			wantErr(t, l.Finish(ctx, []byte("again")), ErrLeaseLost)
			if got, err := q.Result(ctx, key); err != nil || !bytes.Equal(got, data) {
				t.Errorf("%d bytes: got %d, %v", n, len(got), err)
			}
			if err := q.Remove(ctx, key); err != nil {
				t.Fatal(err)
			}
			_, err := q.Result(ctx, key)
			wantErr(t, err, ErrNotFound)
		}
		enqueue(t, q, spec("k"))
		l := take(t, q, "asr")
		wantErr(t, l.Finish(ctx, make([]byte, MaxResult+1)), ErrTooLarge)
		if err := l.Fail(ctx, errors.New("the result is too large")); err != nil {
			t.Fatal(err)
		}
		for _, b := range []string{bucketResults, bucketBlobs, bucketWindows} {
			if left, err := q.subjects(ctx, b, ">"); err != nil || len(left) != 0 {
				t.Errorf("after all were removed, %s holds %v, %v", b, left, err)
			}
		}
	}},
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
	{"lists and counts tell the state of every project", func(t *testing.T, open func(Options) *Queue) {
		q, ctx := open(Options{}), t.Context()
		for i := range 4 {
			enqueue(t, q, Spec{Key: fmt.Sprint("a", i), Project: "a", Kind: "asr", Weight: 10})
		}
		enqueue(t, q, Spec{Key: "b0", Project: "b", Kind: "push", Class: Opened, Payload: []byte("x")})
		if err := take(t, q, "asr").Finish(ctx, nil); err != nil {
			t.Fatal(err)
		}
		if err := take(t, q, "asr").Fail(ctx, errors.New("cut file")); err != nil {
			t.Fatal(err)
		}
		take(t, q, "asr")
		s := q.Stats()
		want := []Group{
			{"a", "asr", Batch, Queued, Count{1, 10}}, {"a", "asr", Batch, Running, Count{1, 10}},
			{"a", "asr", Batch, Done, Count{1, 10}}, {"a", "asr", Batch, Dead, Count{1, 10}},
			{"b", "push", Opened, Queued, Count{1, 1}},
		}
		if d := cmp.Diff(want, s.Groups); d != "" {
			t.Errorf("groups, want (-), got (+):\n%s", d)
		}
		if s.Leases != 1 || s.Oldest["push"][Opened].IsZero() || len(s.Oldest["asr"]) != 1 {
			t.Errorf("stats: %+v", s)
		}
		list := q.List(Filter{Project: "a", States: []State{Dead, Done}})
		keys := []string{list[0].Key, list[1].Key}
		if len(list) != 2 || list[0].State != Dead || list[0].Reason != "cut file" || keys[1] != "a0" {
			t.Errorf("list: %+v", list)
		}
		if l := q.List(Filter{Kind: "push", Limit: 1}); len(l) != 1 || l[0].Payload != nil {
			t.Errorf("list of pushes: %+v", l)
		}
		if l := q.List(Filter{Limit: 2}); len(l) != 2 {
			t.Errorf("two of all: %+v", l)
		}
	}},
	{"values of projects", func(t *testing.T, open func(Options) *Queue) {
		q, ctx := open(Options{}), t.Context()
		v, other := q.Values("project 1"), q.Values("project 1.x")
		if _, ok, err := v.Get(ctx, "k"); ok || err != nil {
			t.Errorf("before it is set: %v, %v", ok, err)
		}
		for _, key := range []string{"k", "ключ", "a.b>*", "a b/c=d"} {
			if err := v.Set(ctx, key, "value of "+key); err != nil {
				t.Fatal(err)
			}
			if got, ok, err := v.Get(ctx, key); got != "value of "+key || !ok || err != nil {
				t.Errorf("%q: got %q, %v, %v", key, got, ok, err)
			}
		}
		if err := other.Set(ctx, "k", ""); err != nil {
			t.Fatal(err)
		}
		if got, ok, err := other.Get(ctx, "k"); got != "" || !ok || err != nil {
			t.Errorf("an empty value: got %q, %v, %v", got, ok, err)
		}
		if err := v.Delete(ctx, "k"); err != nil {
			t.Fatal(err)
		}
		if err := v.Delete(ctx, "never was"); err != nil {
			t.Errorf("deleting nothing: %v", err)
		}
		keys, err := v.Keys(ctx)
		slices.Sort(keys)
		if d := cmp.Diff([]string{"a b/c=d", "a.b>*", "ключ"}, keys); err != nil || d != "" {
			t.Errorf("keys: %v, want (-), got (+):\n%s", err, d)
		}
		wantErr(t, v.Set(ctx, "large", string(make([]byte, MaxValue+1))), ErrTooLarge)
		if err := v.Set(ctx, "", ""); err == nil {
			t.Error("an empty key was accepted")
		}
		// Counting from several goroutines loses nothing.
		var wg sync.WaitGroup
		for range 4 {
			wg.Go(func() {
				for range 5 {
					if err := v.Update(ctx, "n", func(s string) (string, error) { return s + "x", nil }); err != nil {
						t.Error(err)
					}
				}
			})
		}
		wg.Wait()
		if got, _, _ := v.Get(ctx, "n"); len(got) != 20 {
			t.Errorf("after 20 updates: %q", got)
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
	{"foreign and broken records are shown and never handed out", func(t *testing.T, open func(Options) *Queue) {
		q, ctx := open(Options{}), t.Context()
		if _, err := q.jobs.Put(ctx, escape("poison"), []byte(`{"v":1,"state":"queued"}`)); err != nil {
			t.Fatal(err)
		}
		if _, err := q.jobs.Put(ctx, "not=escaped", []byte("x")); err != nil {
			t.Fatal(err)
		}
		until(t, "it is noticed", func() bool { return len(q.List(Filter{})) == 1 })
		j := q.List(Filter{})[0]
		if j.Key != "poison" || j.State != Dead || j.Reason == "" || j.Hint == "" {
			t.Errorf("shown as %+v", j)
		}
		if _, err := q.TryTake(ctx, "asr", Batch); !errors.Is(err, ErrEmpty) {
			t.Errorf("TryTake: %v", err)
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
			_, err := q.Take(ctx, "push", Batch)
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
