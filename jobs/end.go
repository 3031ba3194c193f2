package jobs

import (
	"context"
	"errors"
	"math/rand/v2"
	"time"
)

// Finish stores the result and ends the job as done. While the store is in trouble it waits;
// it returns when the result is on the disk, the lease is lost, the queue closes or ctx ends.
// After an error the job is not done, unless a later Get says so.
func (l *Lease) Finish(ctx context.Context, result []byte) error {
	return fail("finish", l.job.Key, l.finish(ctx, result))
}

func (l *Lease) finish(ctx context.Context, result []byte) error {
	// Filed under a name of its own, so that whoever comes late, another worker or a second
	// call, overwrites nothing: the record names the one that counts, sweep removes others.
	ref := resultRef{Name: l.jobID + "." + newID(), Blob: len(result) > inlineResult, Size: int64(len(result))}
	if len(result) > MaxResult {
		return tooLarge("result", len(result), MaxResult)
	}
	if err := l.q.persist(ctx, true, func() error {
		if err := l.lost(); err != nil {
			return err
		}
		var err error
		ref.Seq, err = l.q.putResult(ctx, ref, result)
		return err
	}); err != nil {
		return err
	}
	return l.conclude(ctx, func(r record) (record, error) { return r.finish(now(), ref) })
}

// Fail ends the job as dead. The reason, and the hint of a cause that has a method Hint
// returning a string, are shown to people: they must not hold secrets.
func (l *Lease) Fail(ctx context.Context, cause error) error {
	return fail("fail", l.job.Key, l.conclude(ctx, func(r record) (record, error) { return r.fail(now(), cause) }))
}

// Retry gives the job back to be handed out again after delay, for the reason given. It may
// be called for days; whether that makes sense is for the caller to judge, by Job.Retries
// and Job.Created. Other jobs are not held up meanwhile.
func (l *Lease) Retry(ctx context.Context, delay time.Duration, cause error) error {
	return fail("retry", l.job.Key, l.conclude(ctx, func(r record) (record, error) {
		t := now()
		return r.retry(t, t.Add(max(delay, 0)), cause)
	}))
}

// Postpone gives the job back to be handed out again after delay and blames nobody: it counts
// as no retry, and the reason of an earlier one stays. It is for work whose time has not come.
func (l *Lease) Postpone(ctx context.Context, delay time.Duration) error {
	return fail("postpone", l.job.Key, l.conclude(ctx, func(r record) (record, error) {
		t := now()
		return r.postpone(t, t.Add(max(delay, 0)))
	}))
}

// Release gives the job back at once and blames nobody, as when the worker is asked to stop.
// Its place in the queue and its windows stay. It does nothing after the lease has ended.
func (l *Lease) Release() error {
	// ctx of the caller has usually ended when this is called.
	ctx, cancel := context.WithTimeout(context.Background(), l.q.o.attempt)
	defer cancel()
	return fail("release", l.job.Key, l.giveBack(ctx))
}

func (l *Lease) giveBack(ctx context.Context) error {
	err := l.step(ctx, newID(), func(r record) (record, error) { return r.release(now()) })
	if errors.Is(err, ErrLeaseLost) {
		return nil
	}
	return err
}

// conclude writes the last record of a lease, once the store takes it.
func (l *Lease) conclude(ctx context.Context, next func(record) (record, error)) error {
	write, ended := newID(), false
	err := l.q.persist(ctx, false, func() error {
		if err := l.lost(); err != nil {
			return err
		}
		return l.step(ctx, write, func(r record) (record, error) {
			r, err := next(r)
			ended = r.State.Ended()
			return r, err
		})
	})
	if err != nil {
		return err
	}
	if ended {
		// The job has ended, whatever becomes of this; sweep tries again.
		if err := l.q.purge(ctx, bucketWindows, l.jobID+".>"); err != nil {
			l.q.log.Warn("jobs: windows of an ended job are left for later", "job", l.job.Key, "error", err)
		}
	}
	return nil
}

// lost tells whether the lease has ended or was taken away. One whose context was cancelled
// for another reason may still be ended.
func (l *Lease) lost() error {
	if cause := context.Cause(l.ctx); errors.Is(cause, ErrLeaseLost) {
		return cause
	}
	if l.ended.Load() {
		return ErrLeaseLost
	}
	return nil
}

// Backoff spaces retries out: First, then twice as long each time up to Most, each drawn
// from the upper half so that jobs that failed together do not come back together.
type Backoff struct {
	First, Most time.Duration
}

// Delay returns the delay before the next try when there were retries before it; see
// Job.Retries.
func (b Backoff) Delay(retries int) time.Duration {
	d := max(b.First, 0)
	for ; retries > 0 && d < b.Most; retries-- {
		d *= 2
	}
	d = min(d, b.Most)
	return d - rand.N(d/2+1)
}
