package jobs

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/nats-io/nats.go/jetstream"
	"github.com/nats-io/nuid"
)

func newID() string { return nuid.Next() }

// now is the time as records hold it: wall clock, UTC, microseconds.
func now() time.Time { return time.Now().UTC().Truncate(time.Microsecond) }

// Enqueue stores a new job, or finds the one that already has the key, whatever its state:
// created tells which. A queued job that is found is raised to the class of s. When Enqueue
// has returned without an error the job is on the disk and will end.
//
// An error may hide that the job was stored; enqueueing again finds it then.
func (q *Queue) Enqueue(ctx context.Context, s Spec) (j Job, created bool, err error) {
	j, created, err = q.enqueue(ctx, s)
	return j, created, fail("enqueue", s.Key, err)
}

func (q *Queue) enqueue(ctx context.Context, s Spec) (Job, bool, error) {
	if err := s.check(); err != nil {
		return Job{}, false, err
	}
	if e := q.index.get(s.Key); e != nil && !e.damaged {
		j, err := q.raise(ctx, s)
		if !errors.Is(err, ErrNotFound) {
			return j, false, err
		}
	}
	if err := q.gate(true); err != nil {
		return Job{}, false, err
	}
	if q.index.full(q.o.MaxJobs) {
		return Job{}, false, fmt.Errorf("%w: %d jobs have not ended", ErrFull, q.o.MaxJobs)
	}
	t := now()
	r := record{Format: format, ID: newID(), Write: newID(), Job: Job{
		Key: s.Key, Project: s.Project, Kind: s.Kind, Class: s.Class, Payload: s.Payload,
		After: s.After, NotBefore: s.NotBefore.UTC().Truncate(time.Microsecond), Created: t, Updated: t,
	}}
	if s.NotBefore.IsZero() {
		r.NotBefore = time.Time{}
	}
	if s.After != "" {
		before, _, err := q.read(ctx, s.After)
		if err != nil {
			return Job{}, false, fmt.Errorf("the job %q to wait for: %w", s.After, err)
		}
		r.AfterID = before.ID
	}
	for {
		rev, err := q.write(ctx, r, 0)
		if !errors.Is(err, errConflict) {
			r.Revision = rev
			return r.Job, err == nil, err
		}
		if j, err := q.raise(ctx, s); !errors.Is(err, ErrNotFound) {
			return j, false, err
		}
	}
}

// raise finds the job and lifts it to the class asked for, if it still waits.
func (q *Queue) raise(ctx context.Context, s Spec) (Job, error) {
	r, _, err := q.read(ctx, s.Key)
	if err != nil || r.State != Queued || r.Class >= s.Class {
		return r.Job, err
	}
	if err := q.gate(false); err != nil {
		return r.Job, nil // it is there, and runs in its old class
	}
	j, err := q.change(ctx, s.Key, func(r record) (record, error) { return r.raise(now(), s.Class) })
	if errors.Is(err, ErrState) || passing(err) {
		return j, nil
	}
	return j, err
}

// Get returns a job with its payload.
func (q *Queue) Get(ctx context.Context, key string) (Job, error) {
	if err := checkName("key", key); err != nil {
		return Job{}, fail("get", key, err)
	}
	r, _, err := q.read(ctx, key)
	return r.Job, fail("get", key, err)
}

// Wait returns the job as soon as it has ended, one way or the other; its State tells. It
// costs a channel, however long it takes. A job that is removed meanwhile is ErrNotFound.
func (q *Queue) Wait(ctx context.Context, key string) (Job, error) {
	if err := checkName("key", key); err != nil {
		return Job{}, fail("wait", key, err)
	}
	for {
		// Registered before looking, so that an end in between is not missed.
		ended := q.index.await(key)
		r, _, err := q.read(ctx, key)
		if passing(err) && ctx.Err() == nil {
			// Not known is not lost: the end will be seen when the store is back.
			if e := q.index.get(key); e != nil && !e.job.State.Ended() {
				r.Job, err = *e.job, nil
			}
		}
		if err != nil || r.State.Ended() {
			q.index.unawait(key, ended)
			return r.Job, fail("wait", key, err)
		}
		select {
		case <-ended:
		case <-ctx.Done():
			q.index.unawait(key, ended)
			return r.Job, fail("wait", key, context.Cause(ctx))
		case <-q.closing:
			q.index.unawait(key, ended)
			return r.Job, fail("wait", key, ErrClosed)
		}
	}
}

// Requeue makes a dead job start afresh, and one that waits for its time ready at once.
// Any other is ErrState.
func (q *Queue) Requeue(ctx context.Context, key string) (Job, error) {
	err := q.gate(false)
	if err != nil {
		return Job{}, fail("requeue", key, err)
	}
	j, err := q.change(ctx, key, func(r record) (record, error) { return r.requeue(now()) })
	return j, fail("requeue", key, err)
}

// goneFor is how long a removal can be seen by processes that were cut off from a cluster;
// after that they learn it by reading everything anew.
const goneFor = time.Hour

// Remove deletes a job in any state with all that belongs to it. A worker that runs it
// loses its lease. It is how a caller takes a job back; nothing else deletes a job that
// has not ended.
func (q *Queue) Remove(ctx context.Context, key string) error {
	return fail("remove", key, q.remove(ctx, key))
}

func (q *Queue) remove(ctx context.Context, key string) error {
	if err := checkName("key", key); err != nil {
		return err
	}
	if err := q.gate(false); err != nil {
		return err
	}
	e := q.index.get(key)
	if e == nil {
		r, _, err := q.read(ctx, key)
		if err != nil {
			return err
		}
		e = &entry{id: r.ID, result: r.Result}
	}
	actx, cancel := q.attempt(ctx)
	defer cancel()
	if err := q.jobs.Purge(actx, escape(key), jetstream.PurgeTTL(goneFor)); err != nil {
		return q.answer(ctx, err)
	}
	q.forgotten(actx, key, e.id)
	return q.discard(ctx, e.id, e.result)
}

// forgotten waits until the watch has brought the removal, so that whoever lists the jobs
// next does not find the one that was removed.
func (q *Queue) forgotten(ctx context.Context, key, id string) {
	for {
		gone := q.index.await(key)
		if e := q.index.get(key); e == nil || e.id != id {
			q.index.unawait(key, gone)
			return
		}
		select {
		case <-gone:
		case <-ctx.Done():
			q.index.unawait(key, gone)
			return
		}
	}
}

// discard deletes the windows and the result of a job; what a failure leaves, sweep finds.
func (q *Queue) discard(ctx context.Context, id string, result *resultRef) error {
	if !token(id) {
		return nil // the record could not be read
	}
	err := errors.Join(q.purge(ctx, bucketWindows, id+".>"), q.purge(ctx, bucketResults, id+".>"))
	if result != nil && result.Blob {
		err = errors.Join(err, q.discardBlob(ctx, result.Name))
	}
	return err
}
