package jobs

import (
	"context"
	"testing"
	"time"

	"github.com/nats-io/nats.go/jetstream"
)

// lagging is a bucket whose leader answers the next reads with what it had before.
type lagging struct {
	jetstream.KeyValue
	old   jetstream.KeyValueEntry // nil: nothing
	reads int
}

func (b *lagging) Get(ctx context.Context, key string) (jetstream.KeyValueEntry, error) {
	if b.reads--; b.reads < 0 {
		return b.KeyValue.Get(ctx, key)
	}
	if b.old == nil {
		return nil, jetstream.ErrKeyNotFound
	}
	return b.old, nil
}

// A new leader of a cluster may not have applied yet what the one before it confirmed.
func TestAnOldAnswerIsAskedForAgain(t *testing.T) {
	ctx := t.Context()
	for name, c := range map[string]struct {
		reads int
		queue bool // the old answer is the job as it was queued, and else that there is none
	}{
		"the record as it was before": {3, true},
		"no record at all":            {1, false},
	} {
		t.Run(name, func(t *testing.T) {
			q := open(t, Options{URL: serve(t).ClientURL()})
			enqueue(t, q, spec("k"))
			before, err := q.jobs.Get(ctx, escape("k"))
			if err != nil {
				t.Fatal(err)
			}
			l := take(t, q, "asr")
			old := &lagging{KeyValue: q.jobs, reads: c.reads}
			if c.queue {
				old.old = before
			}
			q.jobs = old
			if j, err := q.Get(ctx, "k"); err != nil || j.State != Running {
				t.Errorf("of a running job: %+v, %v", j, err)
			}
			if err := l.Finish(ctx, []byte("text")); err != nil {
				t.Fatal(err)
			}
			old.reads = c.reads
			wctx, cancel := context.WithTimeout(ctx, 20*time.Second)
			defer cancel()
			if j, err := q.Wait(wctx, "k"); err != nil || j.State != Done {
				t.Errorf("of a job that ended: %+v, %v", j, err)
			}
			if err := q.Health(); err != nil {
				t.Errorf("the store is called damaged: %v", err)
			}
		})
	}
}

// A job that another process has removed is gone, although the watch of this one has not reported it.
func TestARemovalThatTheWatchMissedIsRespected(t *testing.T) {
	s, ctx := serve(t), t.Context()
	q := open(t, Options{URL: s.ClientURL()})
	enqueue(t, q, spec("k"))
	e := q.index.get("k")
	if err := q.Remove(ctx, "k"); err != nil {
		t.Fatal(err)
	}
	q.index.put(e, time.Now())
	_, err := q.Get(ctx, "k")
	wantErr(t, err, ErrNotFound)
}

// A job that this process has removed stays gone, although a new leader still has it.
func TestARemovedJobDoesNotComeBack(t *testing.T) {
	ctx := t.Context()
	q := open(t, Options{URL: serve(t).ClientURL()})
	enqueue(t, q, spec("k"))
	before, err := q.jobs.Get(ctx, escape("k"))
	if err != nil {
		t.Fatal(err)
	}
	if err := q.Remove(ctx, "k"); err != nil {
		t.Fatal(err)
	}
	q.jobs = &lagging{KeyValue: q.jobs, reads: 2, old: before}
	_, err = q.Get(ctx, "k")
	wantErr(t, err, ErrNotFound)
	wantErr(t, q.Remove(ctx, "k"), ErrNotFound)
}
