package jobs

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/nats-io/nats.go/jetstream"
)

// errConflict says that a compare-and-set met another revision than it expected.
var errConflict = errors.New("the job has changed meanwhile")

// gate refuses what cannot succeed: after Close, while the store is known to be broken, and
// when the disk is nearly full. Writes that take much room or bring new work, grow, are
// refused earlier than those that end what was begun.
func (q *Queue) gate(grow bool) error {
	q.mu.Lock()
	closed := q.closed
	q.mu.Unlock()
	if closed {
		return ErrClosed
	}
	if err := q.broken(); err != nil {
		return err
	}
	if q.engine == nil {
		return nil
	}
	free, err := q.o.free(q.o.Dir)
	if err != nil {
		return diskError(err)
	}
	least := q.o.Reserve / 4
	if grow {
		least = q.o.Reserve
	}
	if free < least {
		q.kick(q.recheck)
		return &Error{Err: &lowSpace{free, least}, Advice: q.advice(ErrNoSpace)}
	}
	return nil
}

// lowSpace is ErrNoSpace as measured before the disk refuses anything.
type lowSpace struct{ free, least int64 }

func (e *lowSpace) Error() string {
	return fmt.Sprintf("%v: %d bytes are free on the disk, %d are kept free", ErrNoSpace, e.free, e.least)
}
func (e *lowSpace) Unwrap() error { return ErrNoSpace }

// attempt bounds one request to the server.
func (q *Queue) attempt(ctx context.Context) (context.Context, context.CancelFunc) {
	return context.WithTimeout(ctx, q.o.attempt)
}

// answer sorts an error of the server; an unanswered request sets off a check of the store.
func (q *Queue) answer(ctx context.Context, err error) error {
	select {
	case <-q.closing:
		if err != nil {
			return ErrClosed
		}
	default:
	}
	err = translate(ctx, q.scrub(err))
	if passing(err) {
		q.kick(q.recheck)
	}
	return err
}

// read fetches the record of a job.
//
// A server that has just become the leader may for a moment not have applied what its
// predecessor confirmed. An answer older than what this process knows is asked for again.
func (q *Queue) read(ctx context.Context, key string) (record, uint64, error) {
	actx, cancel := q.attempt(ctx)
	defer cancel()
	e, err := q.readCurrent(actx, key)
	if err != nil {
		return record{}, 0, q.answer(ctx, err)
	}
	r, err := decodeRecord(e.Value())
	if err == nil && r.Key != key {
		err = fmt.Errorf("the record is of the job %q", r.Key)
	}
	if err != nil {
		q.index.applyDamaged(key, e.Revision(), err, time.Now())
		return record{}, e.Revision(), fmt.Errorf("%w: %w", ErrDamaged, err)
	}
	r.Revision = e.Revision()
	q.index.apply(r, e.Revision(), time.Now())
	return r, e.Revision(), nil
}

func (q *Queue) readCurrent(ctx context.Context, key string) (jetstream.KeyValueEntry, error) {
	for tries := 0; ; tries++ {
		e, err := q.jobs.Get(ctx, escape(key))
		rev, gone := uint64(0), errors.Is(err, jetstream.ErrKeyNotFound)
		if err == nil {
			rev = e.Revision()
		}
		newer, old := q.index.newer(key, rev)
		switch {
		case q.engine != nil, err != nil && !gone, !old:
			return e, err
		case gone && tries > 0, tries == 3: // by a leader that had caught up
			return e, err
		}
		if err := q.catchUp(ctx, bucketJobs, newer); err != nil {
			return nil, err
		}
	}
}

// errBehind says that the leader of a bucket answers with less than was confirmed, for as
// long as one request may take. It passes when the leader catches up.
var errBehind = fmt.Errorf("%w: its leader has not applied what was confirmed", ErrUnavailable)

// catchUp waits until the leader of a bucket has applied the change numbered rev. One server
// is never behind itself: what it lacks is lost.
func (q *Queue) catchUp(ctx context.Context, bucket string, rev uint64) error {
	for q.engine == nil {
		info, err := q.streams[bucket].Info(ctx)
		if err != nil || info.State.LastSeq >= rev {
			return err
		}
		if pause(ctx, 10*time.Millisecond) != nil {
			return errBehind
		}
	}
	return nil
}

func pause(ctx context.Context, d time.Duration) error {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-timer.C:
		return nil
	case <-ctx.Done():
		return context.Cause(ctx)
	}
}

// write stores a record in place of revision rev, 0 for a new job, and returns the new
// revision. It fails with errConflict if the job is at another revision.
//
// A request whose answer is lost may have been carried out. The caller tries again with the
// same record, and meets a conflict with itself, which Write betrays.
func (q *Queue) write(ctx context.Context, r record, rev uint64) (uint64, error) {
	data, err := r.encode()
	if err != nil {
		return 0, err
	}
	actx, cancel := q.attempt(ctx)
	defer cancel()
	var now uint64
	if rev == 0 {
		now, err = q.jobs.Create(actx, escape(r.Key), data)
	} else {
		now, err = q.jobs.Update(actx, escape(r.Key), data, rev)
	}
	switch {
	case err == nil:
		q.index.apply(r, now, time.Now())
		return now, nil
	case !errors.Is(err, jetstream.ErrKeyExists) && !errors.Is(err, jetstream.ErrKeyRevisionMismatch):
		return 0, q.answer(ctx, err)
	}
	stored, at, err := q.read(ctx, r.Key)
	switch {
	case err == nil && stored.Write == r.Write:
		return at, nil
	case err == nil || errors.Is(err, ErrNotFound) || errors.Is(err, ErrDamaged):
		return 0, errConflict
	}
	return 0, err
}

// change carries a job through one step, whatever else happens to it at the same time.
func (q *Queue) change(ctx context.Context, key string, step func(record) (record, error)) (Job, error) {
	for {
		r, rev, err := q.read(ctx, key)
		if err != nil {
			return Job{}, err
		}
		next, err := step(r)
		if err != nil {
			return r.Job, err
		}
		next.Write = newID()
		rev, err = q.write(ctx, next, rev)
		if !errors.Is(err, errConflict) {
			next.Revision = rev
			return next.Job, err
		}
	}
}

// persist repeats do while the store is in trouble that may pass, so that what a worker has
// computed is not thrown away for a full disk. It ends with ctx or with the queue.
func (q *Queue) persist(ctx context.Context, grow bool, do func() error) error {
	for wait := 50 * time.Millisecond; ; wait = min(2*wait, 5*time.Second) {
		err := q.gate(grow)
		if err == nil {
			err = do()
		}
		if !passing(err) {
			return err
		}
		timer := time.NewTimer(wait)
		select {
		case <-timer.C:
		case <-q.heals():
		case <-ctx.Done():
			timer.Stop()
			return errors.Join(context.Cause(ctx), err)
		case <-q.closing:
			timer.Stop()
			return errors.Join(ErrClosed, err)
		}
		timer.Stop()
	}
}

// purge removes what a bucket has under a name, without leaving a mark.
func (q *Queue) purge(ctx context.Context, bucket, name string) error {
	actx, cancel := q.attempt(ctx)
	defer cancel()
	return q.answer(ctx, q.streams[bucket].Purge(actx, jetstream.WithPurgeSubject(q.subject(bucket, name))))
}
