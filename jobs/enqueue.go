package jobs

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/asr-backend/asr-backend/internal/pause"

	"github.com/nats-io/nats.go/jetstream"
	"github.com/nats-io/nuid"
)

func newID() string { return nuid.Next() }

// now is the time as stored in records: wall clock, UTC, microseconds.
func now() time.Time { return stored(time.Now()) }

// stored is a time as stored in records; zero stays zero.
func stored(t time.Time) time.Time {
	if t.IsZero() {
		return time.Time{}
	}
	return t.UTC().Truncate(time.Microsecond)
}

// Enqueue stores a new job, or returns the one that already has the key, in any state;
// created says which. An existing job that has not ended is raised to the class of s, and starts
// not before the time of s. Once Enqueue has returned without an error, the job is on disk and will end.
//
// After an error the job may have been stored all the same; enqueueing it again finds it.
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
		Key: s.Key, Project: s.Project, Kind: s.Kind, Class: s.Class, Payload: s.Payload, Title: cut(s.Title, MaxTitle),
		After: s.After, NotBefore: stored(s.NotBefore), Created: t, Updated: t,
	}}
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
		switch j, err := q.raise(ctx, s); {
		case errors.Is(err, ErrDamaged) && !errors.Is(err, ErrFormat):
			if err := q.replace(ctx, r); !errors.Is(err, errConflict) {
				return r.Job, err == nil, err
			}
		case !errors.Is(err, ErrNotFound):
			return j, false, err
		}
	}
}

// replace writes a new record over one that cannot be read. What the old one had stored is
// removed as an orphan.
func (q *Queue) replace(ctx context.Context, r record) error {
	_, rev, why := q.read(ctx, r.Key)
	if !errors.Is(why, ErrDamaged) || errors.Is(why, ErrFormat) {
		return errConflict // somebody else was faster
	}
	if _, err := q.write(ctx, r, rev); err != nil {
		return err
	}
	q.setDamaged(r.Key, nil)
	q.log.Warn("jobs: a damaged job is enqueued afresh", "job", r.Key, "project", r.Project, "error", why)
	return nil
}

// raise returns the existing job, moved to the class and the time of s if it has not ended and is
// in a lower class, or queued for an earlier time.
func (q *Queue) raise(ctx context.Context, s Spec) (Job, error) {
	r, _, err := q.read(ctx, s.Key)
	if err != nil || r.State.Ended() || r.Class >= s.Class && !(r.State == Queued && s.NotBefore.After(r.NotBefore)) {
		return r.Job, err
	}
	if err := q.gate(false); err != nil {
		return r.Job, nil // it stays in its class
	}
	j, err := q.change(ctx, s.Key, func(r record) (record, error) { return r.raise(now(), s.Class, stored(s.NotBefore)) })
	if errors.Is(err, ErrState) || transient(err) {
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

// Wait returns the job once it is done or dead. Waiting costs a channel, however long it
// takes. If the job is removed, Wait returns ErrNotFound.
func (q *Queue) Wait(ctx context.Context, key string) (Job, error) {
	if err := checkName("key", key); err != nil {
		return Job{}, fail("wait", key, err)
	}
	for {
		// Registered before reading, so that an end in between is not missed.
		ended := q.index.await(key)
		r, _, err := q.read(ctx, key)
		if transient(err) && ctx.Err() == nil {
			switch e := q.index.get(key); {
			case e == nil:
			case !e.job.State.Ended(): // the end will be seen once the store is back
				r.Job, err = *e.job, nil
			default: // it has ended, and how can be read once the store is back
				q.index.unawait(key, ended)
				if err := pause.For(ctx, waitAgain); err != nil {
					return r.Job, fail("wait", key, err)
				}
				continue
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

// waitAgain is how long Wait pauses before it reads a record that the store did not give.
const waitAgain = 100 * time.Millisecond

// goneFor is how long a delete marker is kept for processes that were cut off from the
// cluster. After that they notice a removal when they reread all jobs.
const goneFor = time.Hour

// Remove deletes a job in any state, with its windows and result. A worker that runs it
// loses its lease. Nothing else deletes a job that has not ended.
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
	return q.removeRecord(ctx, key, e.id, e.result, 0)
}

// RemoveEnded deletes a job that has ended, with its result. A job in another state, or one that
// was enqueued anew meanwhile, is ErrState and stays.
func (q *Queue) RemoveEnded(ctx context.Context, key string) error {
	return fail("remove", key, q.removeEnded(ctx, key))
}

func (q *Queue) removeEnded(ctx context.Context, key string) error {
	if err := checkName("key", key); err != nil {
		return err
	}
	if err := q.gate(false); err != nil {
		return err
	}
	r, rev, err := q.read(ctx, key)
	if err != nil {
		return err
	}
	if !r.State.Ended() {
		return fmt.Errorf("%w: it is %s", ErrState, r.State)
	}
	return q.removeRecord(ctx, key, r.ID, r.Result, rev)
}

// removeRecord deletes the record of a job and what it has stored. With a revision, not zero, it
// deletes that one only: another one is ErrState, and none ErrNotFound.
func (q *Queue) removeRecord(ctx context.Context, key, id string, result *resultRef, rev uint64) error {
	options := []jetstream.KVDeleteOpt{jetstream.PurgeTTL(goneFor)}
	if rev != 0 {
		options = append(options, jetstream.LastRevision(rev))
	}
	actx, cancel := q.attempt(ctx)
	defer cancel()
	err := q.jobs.Purge(actx, escape(key), options...)
	if err != nil && rev != 0 {
		switch _, now, again := q.read(ctx, key); {
		case again == nil && (now != rev || conflicting(err)):
			return fmt.Errorf("%w: %w", ErrState, errConflict)
		case errors.Is(again, ErrNotFound):
			return again // somebody else has removed it
		}
	}
	if err != nil {
		return q.answer(ctx, err)
	}
	q.forgotten(actx, key, id)
	return q.discard(ctx, id, result)
}

// forgotten waits until the index has seen the removal, so that the next List does not show
// the job.
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

// discard deletes the windows and the result of a job. What it misses is left to sweep.
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
