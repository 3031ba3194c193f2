package jobs

import (
	"context"
	"errors"
	"fmt"
	"sync/atomic"
	"time"

	"github.com/asr-backend/asr-backend/priority"
)

// Lease is one attempt at a job, held by one worker. A worker ends it with exactly one of
// Finish, Fail, Retry, Snooze and Release; defer Release, which does nothing after another.
// Until then the queue sends heartbeats, three in the time of Options.Lease.
type Lease struct {
	q      *Queue
	ctx    context.Context // ends with the lease; see Context
	cancel context.CancelCauseFunc
	job    Job    // as it was taken
	jobID  string // names windows and results
	id     string // of this attempt

	class  atomic.Uint32 // a priority.Class
	raised chan struct{} // capacity 1; see Raised
	stored windowSizes

	turn  chan struct{} // capacity 1; a mutex for the record and the fields below
	rec   record
	rev   uint64
	sent  string // the write whose answer was lost, if any
	ended atomic.Bool
}

// Take waits for a ready job of the kind, in the class least or a higher one, and starts an
// attempt. Among all processes, one worker gets a job. ctx bounds the wait and the lease:
// when it ends, so does the context of the lease, and the worker should release the job.
func (q *Queue) Take(ctx context.Context, kind string, least priority.Class) (l *Lease, err error) {
	err = q.await(ctx, func() (wake <-chan struct{}, next time.Time, err error) {
		l, wake, next, err = q.tryTake(ctx, kind, least)
		return wake, next, err
	})
	return l, fail("take", kind, err)
}

// TryTake is Take without the wait: if no job is ready, it fails with ErrNotFound.
func (q *Queue) TryTake(ctx context.Context, kind string, least priority.Class) (*Lease, error) {
	l, _, _, err := q.tryTake(ctx, kind, least)
	if errors.Is(err, errEmpty) {
		err = ErrNotFound
	}
	return l, fail("take", kind, err)
}

// Ready waits as Take does, and returns the job whose turn it is without taking it. It is for
// workers that have to wait for something else before they take a job, which may be another
// one by then.
func (q *Queue) Ready(ctx context.Context, kind string, least priority.Class) (j Job, err error) {
	err = q.await(ctx, func() (<-chan struct{}, time.Time, error) {
		if err := q.gate(false); err != nil {
			return nil, time.Time{}, err
		}
		e, wake, next := q.index.front(kind, least, time.Now())
		if e == nil {
			return wake, next, errEmpty
		}
		j = *e.job
		return nil, next, nil
	})
	return j, fail("wait for", kind, err)
}

// ReadyProjects returns the projects that have ready jobs of a kind.
func (q *Queue) ReadyProjects(kind string) []string { return q.index.readyProjects(kind, time.Now()) }

// errEmpty: no job is ready.
var errEmpty = errors.New("nothing is ready")

// await calls try until it succeeds, whenever a job may have become ready: wake is closed or
// the time next has come.
func (q *Queue) await(ctx context.Context, try func() (wake <-chan struct{}, next time.Time, err error)) error {
	for {
		wake, next, err := try()
		if err == nil || !errors.Is(err, errEmpty) && !transient(err) {
			return err
		}
		// Timers use the monotonic clock and NotBefore the wall clock, which may be set, so
		// the wall clock is checked once a minute.
		wait := time.Minute
		if transient(err) {
			wait = q.o.check
		} else if !next.IsZero() {
			wait = min(wait, time.Until(next))
		}
		timer := time.NewTimer(wait)
		select {
		case <-wake: // nil while the store is unavailable
		case <-timer.C:
		case <-ctx.Done():
			timer.Stop()
			return context.Cause(ctx)
		case <-q.closing:
			timer.Stop()
			return ErrClosed
		}
		timer.Stop()
	}
}

func (q *Queue) tryTake(ctx context.Context, kind string, least priority.Class) (l *Lease, wake <-chan struct{}, next time.Time, err error) {
	for {
		if ctx.Err() != nil {
			return nil, nil, next, context.Cause(ctx)
		}
		if err := q.gate(false); err != nil {
			return nil, nil, next, err
		}
		key, ok, wake, due := q.index.pick(kind, least, time.Now())
		if !ok {
			return nil, wake, due, errEmpty
		}
		if l, err = q.claim(ctx, key); err == nil {
			return l, nil, next, nil
		}
		q.index.unpick(key, time.Now())
		if !errors.Is(err, errConflict) {
			return nil, nil, next, err
		}
	}
}

// claim tries to start an attempt at a job. errConflict means that another worker was faster
// or that the job cannot be taken; the index knows about it then.
func (q *Queue) claim(ctx context.Context, key string) (*Lease, error) {
	// Not cancelled half-way: a claim for a caller that has left would block the job until
	// the lease expires.
	cctx := context.WithoutCancel(ctx)
	r, rev, err := q.read(cctx, key)
	switch {
	case errors.Is(err, ErrNotFound):
		q.resolveMissing(cctx, key)
		return nil, errConflict
	case errors.Is(err, ErrDamaged):
		q.setDamaged(key, err)
		return nil, errConflict
	case err != nil:
		return nil, err
	}
	r, err = r.take(now(), q.owner, newID())
	if err != nil {
		return nil, errConflict
	}
	r.Write = newID()
	if rev, err = q.write(cctx, r, rev); err != nil {
		return nil, err
	}
	r.Revision = rev
	l := &Lease{q: q, job: r.Job, jobID: r.ID, id: r.Lease, rec: r, rev: rev, turn: make(chan struct{}, 1), raised: make(chan struct{}, 1)}
	l.class.Store(uint32(r.Class))
	l.ctx, l.cancel = context.WithCancelCause(ctx)
	q.mu.Lock()
	closed := q.closed
	if !closed {
		q.held[key] = l
		q.wg.Go(l.heartbeat)
	}
	q.mu.Unlock()
	if closed {
		l.cancel(ErrClosed)
		return nil, errors.Join(ErrClosed, l.giveBack(cctx))
	}
	if e := q.index.get(key); e != nil { // it may have been raised before the lease was known
		q.raiseIfHeld(key, e.lease, e.job.Class)
	}
	return l, nil
}

// resolveMissing finds out why a job of the index is not in the bucket: it was just removed,
// which leaves a delete marker, or lost.
func (q *Queue) resolveMissing(ctx context.Context, key string) {
	e := q.index.get(key)
	if e == nil {
		return
	}
	actx, cancel := q.attempt(ctx)
	defer cancel()
	m, err := q.streams[bucketJobs].GetLastMsgForSubject(actx, q.subject(bucketJobs, escape(key)))
	if err == nil {
		q.index.drop(key, m.Sequence, time.Now())
		return
	}
	err = fmt.Errorf("%w: its record is gone", ErrDamaged)
	q.index.applyDamaged(key, e.rev+1, err, time.Now())
	q.setDamaged(key, err)
}

// Job returns the job as it was taken.
func (l *Lease) Job() Job { return l.job }

// Class returns the present class of the job: that of Job, or a higher one if it was raised since.
func (l *Lease) Class() priority.Class { return priority.Class(l.class.Load()) }

// Raised gets a value after the job was raised to a higher class, see Queue.Raise and Enqueue.
// Values that nobody has taken are one.
func (l *Lease) Raised() <-chan struct{} { return l.raised }

// raiseIfHeld notes the class of a job that this process runs, if the record names its lease.
func (q *Queue) raiseIfHeld(key, lease string, class priority.Class) {
	q.mu.Lock()
	l := q.held[key]
	q.mu.Unlock()
	if l == nil || lease != l.id {
		return
	}
	for before := l.class.Load(); uint32(class) > before; before = l.class.Load() {
		if l.class.CompareAndSwap(before, uint32(class)) {
			q.kick(l.raised)
			return
		}
	}
}

// Identify states what the job works on: the result of any job of its kind with the same
// content would be right for this one. The content is at most MaxName bytes, and stays with the
// job after the attempt.
func (l *Lease) Identify(ctx context.Context, content string) error {
	err := l.step(ctx, newID(), func(r record) (record, error) {
		r.Updated, r.Content = now(), content
		return r, r.expect(Running)
	})
	return fail("identify", l.job.Key, err)
}

// Context is cancelled when the lease ends or is lost, when the queue closes, and when the
// context given to Take is cancelled. If context.Cause is ErrLeaseLost, the job is no longer
// this worker's.
func (l *Lease) Context() context.Context { return l.ctx }

// heartbeat renews the lease until it ends.
func (l *Lease) heartbeat() {
	tick := time.NewTicker(l.q.o.Lease / 3)
	defer tick.Stop()
	last := time.Now()
	for {
		select {
		case <-l.ctx.Done():
			return
		case <-l.q.closing:
			return
		case <-tick.C:
		}
		err := l.step(l.ctx, newID(), func(r record) (record, error) { return r.heartbeat(now()) })
		switch {
		case err == nil:
			last = time.Now()
		case errors.Is(err, ErrLeaseLost):
			return
		case l.q.embedded == nil && time.Since(last) > l.q.o.Lease:
			// Another process may have taken the job by now. In a data directory there is
			// no other, and a full disk is no reason to give up hours of work.
			l.revoke(fmt.Errorf("%w: no heartbeat has reached the store for %v", ErrLeaseLost, l.q.o.Lease))
			return
		}
	}
}

// step writes the next record of the job. write identifies the write; a caller that retries
// keeps it. step fails with ErrLeaseLost if the job no longer belongs to this lease.
func (l *Lease) step(ctx context.Context, write string, next func(record) (record, error)) error {
	select {
	case l.turn <- struct{}{}:
	case <-ctx.Done():
		return context.Cause(ctx)
	}
	defer func() { <-l.turn }()
	if l.ended.Load() {
		return ErrLeaseLost
	}
	r, err := next(l.rec)
	if err != nil {
		return err
	}
	r.Write = write
	for {
		rev, err := l.q.write(ctx, r, l.rev)
		if err == nil {
			l.rec, l.rev = r, rev
			if r.State != Running {
				l.end(nil)
			}
			return nil
		}
		if !errors.Is(err, errConflict) {
			l.sent = write
			return err
		}
		// Another write to the record does not always mean that the lease is lost.
		stored, at, err := l.q.read(ctx, r.Key)
		if err != nil && !errors.Is(err, ErrNotFound) && !errors.Is(err, ErrDamaged) {
			return err
		}
		if err != nil || stored.Lease != l.id {
			l.end(ErrLeaseLost)
			return ErrLeaseLost
		}
		// Somebody has raised the job: the record that replaces it is made of what is stored now.
		l.rec, l.rev = stored, at
		if r, err = next(stored); err != nil {
			return err
		}
		r.Write = write
	}
}

// end marks the lease as ended. The caller holds turn.
func (l *Lease) end(cause error) {
	l.ended.Store(true)
	l.cancel(cause)
	l.q.mu.Lock()
	if l.q.held[l.job.Key] == l {
		delete(l.q.held, l.job.Key)
	}
	l.q.mu.Unlock()
}

// revoke ends a lease that was lost.
func (l *Lease) revoke(cause error) {
	l.turn <- struct{}{}
	defer func() { <-l.turn }()
	if !l.ended.Load() {
		l.end(cause)
	}
}

// revokeIfHeld ends the lease of this process on a job if the record at revision rev, written
// as write, names another lease or none.
func (q *Queue) revokeIfHeld(key string, rev uint64, lease, write string) {
	q.mu.Lock()
	l := q.held[key]
	q.mu.Unlock()
	if l == nil || lease == l.id || rev <= l.job.Revision {
		return
	}
	select {
	case l.turn <- struct{}{}:
		if !l.ended.Load() && (write == "" || write != l.sent) {
			l.end(ErrLeaseLost)
		}
		<-l.turn
	default:
		// The lease is writing: this may be its own record, and if not, it gets a conflict.
	}
}
