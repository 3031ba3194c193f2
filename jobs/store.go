package jobs

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/asr-backend/asr-backend/internal/pause"

	"github.com/nats-io/nats.go/jetstream"
)

// errConflict is the failure of a compare-and-set: the job has another revision.
var errConflict = errors.New("the job has changed meanwhile")

// gate refuses writes that cannot succeed: after Close, while the store is known to be
// broken, and when the disk is nearly full. Writes that add work or take much space, grow,
// are refused earlier than those that finish existing work.
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
	if q.embedded == nil {
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

// lowSpace is ErrNoSpace by measurement, before a write fails.
type lowSpace struct{ free, least int64 }

func (e *lowSpace) Error() string {
	return fmt.Sprintf("%v: %d bytes are free on the disk, %d are kept free", ErrNoSpace, e.free, e.least)
}
func (e *lowSpace) Unwrap() error { return ErrNoSpace }

// attempt bounds one request to the server.
func (q *Queue) attempt(ctx context.Context) (context.Context, context.CancelFunc) {
	return context.WithTimeout(ctx, q.o.attempt)
}

// answer translates an error of the server; a temporary one triggers a health check.
func (q *Queue) answer(ctx context.Context, err error) error {
	select {
	case <-q.closing:
		if err != nil {
			return ErrClosed
		}
	default:
	}
	err = q.explain(translate(ctx, q.o.scrub(err)))
	if transient(err) {
		q.kick(q.recheck)
	}
	return err
}

// read fetches the record of a job.
//
// A server that has just become the leader may not have applied everything that its
// predecessor acknowledged. An answer older than the index is asked for again.
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
		case q.embedded != nil, err != nil && !gone, !old:
			return e, err
		case gone && tries > 0, tries == 3: // by a leader that has caught up
			return e, err
		}
		if err := q.catchUp(ctx, bucketJobs, newer); err != nil {
			return nil, err
		}
	}
}

// errBehind is a leader that stays behind what was acknowledged for longer than one request
// may take.
var errBehind = fmt.Errorf("%w: its leader has not caught up", ErrUnavailable)

// catchUp waits until the leader of a bucket has applied revision rev. A single server is
// never behind: what it lacks is lost.
func (q *Queue) catchUp(ctx context.Context, bucket string, rev uint64) error {
	for q.embedded == nil {
		info, err := q.streams[bucket].Info(ctx)
		if err != nil || info.State.LastSeq >= rev {
			return err
		}
		if pause.For(ctx, 10*time.Millisecond) != nil {
			return errBehind
		}
	}
	return nil
}

// write replaces revision rev of a record, 0 for a new job, and returns the new revision. It
// fails with errConflict if the job has another revision.
//
// A request whose answer was lost may have succeeded. The retry with the same record then
// conflicts with the first write, which has the same Write.
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
	case !conflicting(err):
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

// conflicting reports whether a write failed because the key has another revision. A stream with
// replicas answers so too while another write is under way, with a code of its own, which Create
// of nats.go does not translate.
func conflicting(err error) bool {
	var api *jetstream.APIError
	return errors.Is(err, jetstream.ErrKeyExists) || errors.Is(err, jetstream.ErrKeyRevisionMismatch) ||
		errors.As(err, &api) && (api.ErrorCode == jetstream.JSErrCodeStreamWrongLastSequence || api.ErrorCode == jetstream.JSErrCodeStreamWrongLastSequenceConstant)
}

// change applies one transition to a job and starts over when another writer was faster.
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

// persist repeats do while it fails for a temporary reason, so that a full disk does not
// cost a worker its result. It ends with ctx or with the queue.
func (q *Queue) persist(ctx context.Context, grow bool, do func() error) error {
	for wait := 50 * time.Millisecond; ; wait = min(2*wait, 5*time.Second) {
		err := q.gate(grow)
		if err == nil {
			err = do()
		}
		if !transient(err) {
			return err
		}
		timer := time.NewTimer(wait)
		select {
		case <-timer.C:
		case <-q.recovered():
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

// purge removes a name from a bucket without leaving a delete marker.
func (q *Queue) purge(ctx context.Context, bucket, name string) error {
	actx, cancel := q.attempt(ctx)
	defer cancel()
	return q.answer(ctx, q.streams[bucket].Purge(actx, jetstream.WithPurgeSubject(q.subject(bucket, name))))
}

// denial is a request that the server refused. It reports refusals apart from the request,
// which only times out.
type denial struct {
	err error
	at  time.Time
}

// explain replaces the timeout of a request by the refusal that caused it.
func (q *Queue) explain(err error) error {
	d := q.denied.Load()
	if d == nil || !errors.Is(err, ErrUnavailable) || time.Since(d.at) > 2*q.o.attempt {
		return err
	}
	return &fault{failedRight, d.err, "allow this user the subjects that the documentation lists for NATS (doc/nats.md), with the prefix of --nats-prefix"}
}
