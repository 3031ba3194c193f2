package jobs

import (
	"context"
	"errors"
	"math/rand/v2"
	"time"
)

// Finish stores the result and ends the job as done. It retries temporary failures of the
// store, and returns when the result is on disk, the lease is lost, the queue closes or ctx
// ends. After an error the job is not done, unless a later Get shows that it is.
func (l *Lease) Finish(ctx context.Context, result []byte) error {
	return fail("finish", l.job.Key, l.finish(ctx, result, Note{}))
}

func (l *Lease) finish(ctx context.Context, result []byte, n Note) error {
	// A new name, so that a late worker or a second call overwrites nothing. The record names
	// the result that counts; sweep removes others.
	ref := resultRef{Name: l.jobID + "." + newID(), Blob: len(result) > inlineResult, Size: int64(len(result))}
	if len(result) > MaxResult {
		return tooLarge("result", len(result), MaxResult)
	}
	if err := l.q.persist(ctx, true, func() error {
		if err := l.check(); err != nil {
			return err
		}
		var err error
		ref.Seq, err = l.q.putResult(ctx, ref, result)
		return err
	}); err != nil {
		return err
	}
	keeps := l.keeps(ctx, n)
	return l.conclude(ctx, func(r record) (record, error) {
		r, err := r.finish(now(), ref)
		r.Kept = keeps
		return r.noted(n), err
	})
}

// Fail ends the job as dead, with cause as its reason. If cause has a method Hint() string,
// that is the hint. Both are shown to people and must not contain secrets.
func (l *Lease) Fail(ctx context.Context, cause error) error {
	return fail("fail", l.job.Key, l.conclude(ctx, func(r record) (record, error) { return r.fail(now(), cause) }))
}

// Retry ends the attempt and schedules the next one after delay, with cause as the reason.
// There is no limit: the caller decides when to give up, by Job.Retries and Job.Failing.
// Other jobs are not delayed.
func (l *Lease) Retry(ctx context.Context, delay time.Duration, cause error) error {
	return fail("retry", l.job.Key, l.conclude(ctx, func(r record) (record, error) {
		t := now()
		return r.retry(t, t.Add(max(delay, 0)), cause)
	}))
}

// Snooze snoozes the job: the next attempt starts after delay, this one does not count as
// a retry, and the reason of an earlier retry stays. It is for jobs that came too early.
func (l *Lease) Snooze(ctx context.Context, delay time.Duration) error {
	return fail("postpone", l.job.Key, l.conclude(ctx, func(r record) (record, error) {
		t := now()
		return r.snooze(t, t.Add(max(delay, 0)))
	}))
}

// Release queues the job again at once, as when the worker has to stop. It keeps its place
// in the queue and its windows. After the lease has ended, Release does nothing.
func (l *Lease) Release() error {
	// The context of the caller has usually ended by now.
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

// conclude writes the last record of a lease, as soon as the store accepts it.
func (l *Lease) conclude(ctx context.Context, next func(record) (record, error)) error {
	write, idle := newID(), false // idle: nobody needs the windows any more
	err := l.q.persist(ctx, false, func() error {
		if err := l.check(); err != nil {
			return err
		}
		return l.step(ctx, write, func(r record) (record, error) {
			r, err := next(r)
			idle = r.State.Ended() && r.Kept == nil
			return r, err
		})
	})
	if err != nil {
		return err
	}
	if idle {
		// The job has ended, even if this fails; sweep tries again.
		if err := l.q.purge(ctx, bucketWindows, l.jobID+".>"); err != nil {
			l.q.log.Warn("jobs: windows of an ended job are left for later", "job", l.job.Key, "error", err)
		}
	}
	return nil
}

// check returns ErrLeaseLost if the lease has ended or was revoked. If its context was
// cancelled for another reason, the worker may still end it.
func (l *Lease) check() error {
	if cause := context.Cause(l.ctx); errors.Is(cause, ErrLeaseLost) {
		return cause
	}
	if l.ended.Load() {
		return ErrLeaseLost
	}
	return nil
}

// Backoff is an exponential backoff with jitter: the delay starts at First, doubles up to
// Most, and is drawn from its upper half, so that jobs that failed together do not retry
// together.
type Backoff struct {
	First, Most time.Duration
}

// Delay returns the delay before the next attempt, after that many retries; see Job.Retries.
func (b Backoff) Delay(retries int) time.Duration {
	d := max(b.First, 0)
	for ; retries > 0 && d < b.Most; retries-- {
		d *= 2
	}
	d = min(d, b.Most)
	return d - rand.N(d/2+1)
}
