package jobs

import (
	"bytes"
	"errors"
	"fmt"
	"slices"
	"sync"
	"testing"
	"time"

	"github.com/asr-backend/asr-backend/priority"

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
			for _, c := range slices.Concat(contractLife, contractOrder, contractData, contractFaults, contractControl, contractKept) {
				t.Run(c.name, func(t *testing.T) { c.test(t, func(o Options) *Queue { return b.open(t, o) }) })
			}
		})
	}
}

// promise is one thing that every backend must do.
type promise struct {
	name string
	test func(t *testing.T, open func(Options) *Queue)
}

var contractLife = []promise{
	{"a job lives from enqueue to result", func(t *testing.T, open func(Options) *Queue) {
		q, ctx := open(Options{}), t.Context()
		s := Spec{Key: "päth/with spaces & dots.wav", Project: "7", Kind: "asr", Class: priority.Opened, Payload: []byte("{}")}
		enqueue(t, q, s)
		l := take(t, q, "asr")
		j := l.Job()
		if j.Key != s.Key || j.Project != s.Project || j.Class != priority.Opened || !bytes.Equal(j.Payload, s.Payload) || j.State != Running || j.Attempts != 1 {
			t.Errorf("taken: %+v", j)
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
		again(Discarded)
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
			t.Errorf("%d got that they created it; %d jobs listed", n, len(q.List(Filter{})))
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
			t.Errorf("taken again after %v", waited)
		}
		if j.Key != "k" || j.Retries != 1 || j.Attempts != 3 || j.Crashes != 0 || j.Reason != `push: jobs: send: refused` || j.Hint != "look at Label Studio" {
			t.Errorf("after a retry: %+v", j)
		}
	}},
	{"postpone hands out later and counts nothing", func(t *testing.T, open func(Options) *Queue) {
		q, ctx := open(Options{}), t.Context()
		enqueue(t, q, spec("k"))
		l := take(t, q, "asr")
		before := time.Now()
		const delay = 300 * time.Millisecond
		if err := l.Snooze(ctx, delay); err != nil {
			t.Fatal(err)
		}
		wantErr(t, l.Finish(ctx, nil), ErrLeaseLost)
		if _, err := tryTake(ctx, q, "asr", priority.Background); !errors.Is(err, errEmpty) {
			t.Fatalf("before its time: %v", err)
		}
		j := take(t, q, "asr").Job()
		if waited := time.Since(before); waited < delay-time.Millisecond {
			t.Errorf("taken again after %v", waited)
		}
		if j.Retries != 0 || j.Crashes != 0 || j.Reason != "" {
			t.Errorf("after a postponement: %+v", j)
		}
	}},
	{"requeue moves a waiting or dead job forward and nothing else", func(t *testing.T, open func(Options) *Queue) {
		q, ctx := open(Options{}), t.Context()
		enqueue(t, q, Spec{Key: "k", Project: "p", Kind: "asr", NotBefore: time.Now().Add(time.Hour)})
		if _, err := tryTake(ctx, q, "asr", priority.Background); !errors.Is(err, errEmpty) {
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
		if j, err := q.Wait(ctx, "k"); err != nil || j.State != Discarded || j.Reason != "no such recording" {
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
}
