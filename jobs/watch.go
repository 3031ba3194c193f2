package jobs

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/nats-io/nats.go/jetstream"
)

// errAgain: the connection was lost while the bucket was read.
var errAgain = errors.New("read again")

// watch keeps the index up to date with the bucket of jobs until ctx ends. It sends to loaded
// when the first reading is complete or has failed.
//
// It starts over, with a complete reading, when the connection was lost, and when the audit
// finds that it has missed a change.
func (q *Queue) watch(ctx context.Context, loaded chan<- error) {
	reported := false
	for ctx.Err() == nil {
		err := q.watchOnce(ctx, func() {
			if !reported {
				reported = true
				loaded <- nil
			}
		})
		switch {
		case ctx.Err() != nil || err == nil:
			continue
		case !reported:
			loaded <- err
			return
		}
		q.log.Warn("jobs: watching the jobs", "error", err)
		q.kick(q.recheck)
		select {
		case <-ctx.Done():
		case <-q.rewatch:
		case <-time.After(q.o.check):
		}
	}
}

func (q *Queue) watchOnce(ctx context.Context, complete func()) error {
	actx, cancel := q.attempt(ctx)
	defer cancel()
	info, err := q.streams[bucketJobs].Info(actx)
	if err != nil {
		return q.answer(ctx, err)
	}
	// The context of WatchAll bounds the watch, not one request.
	wctx, stop := context.WithCancel(ctx)
	defer stop()
	w, err := q.jobs.WatchAll(wctx)
	if err != nil {
		return q.answer(ctx, err)
	}
	defer func() {
		_ = w.Stop()
		// The watcher sends with a lock held that Stop needs too.
		for range w.Updates() {
		}
	}()
	if err := q.load(ctx, w, info.State.LastSeq); errors.Is(err, errAgain) {
		return nil
	} else if err != nil {
		return err
	}
	complete()
	return q.follow(ctx, w)
}

// load reads the current content of the bucket, up to the nil that the watcher sends after it.
func (q *Queue) load(ctx context.Context, w jetstream.KeyWatcher, upTo uint64) error {
	shown := make(map[string]struct{})
	stall := time.NewTimer(q.o.loadStall)
	defer stall.Stop()
	for {
		select {
		case <-ctx.Done():
			return context.Cause(ctx)
		case <-q.rewatch:
			return errAgain
		case <-stall.C:
			// The server does not skip a message that it cannot read: it stalls there.
			return fmt.Errorf("%w: reading the jobs stopped after %d of them", ErrDamaged, len(shown))
		case e, ok := <-w.Updates():
			if !ok {
				return fmt.Errorf("%w: the watch ended", ErrUnavailable)
			}
			stall.Reset(q.o.loadStall)
			if e == nil {
				q.index.sweep(shown, upTo, time.Now())
				q.index.applied(upTo)
				return nil
			}
			if key, ok := q.notice(e); ok {
				shown[key] = struct{}{}
			}
		}
	}
}

// never is larger than any revision.
const never = ^uint64(0)

// follow applies changes as they come. It returns nil when the bucket must be reread.
func (q *Queue) follow(ctx context.Context, w jetstream.KeyWatcher) error {
	audit := time.NewTicker(5 * q.o.check)
	defer audit.Stop()
	stuck := never // the revision seen at the last audit, if it was not the latest
	for {
		select {
		case <-ctx.Done():
			return context.Cause(ctx)
		case <-q.rewatch:
			return nil
		case e, ok := <-w.Updates():
			if !ok {
				return fmt.Errorf("%w: the watch ended", ErrUnavailable)
			}
			if e != nil {
				q.notice(e)
			}
		case <-audit.C:
			actx, cancel := q.attempt(ctx)
			info, err := q.streams[bucketJobs].Info(actx)
			cancel()
			_, seen := q.index.extent()
			switch {
			case err != nil || seen >= info.State.LastSeq:
				stuck = never
			case stuck == seen:
				q.log.Warn("jobs: the watch has stalled; rereading all jobs")
				return nil
			default:
				stuck = seen
			}
		}
	}
}

// notice applies one change, and revokes the lease of this process if the job was taken from
// it. It returns the key and whether that job exists now.
func (q *Queue) notice(e jetstream.KeyValueEntry) (string, bool) {
	defer q.index.applied(e.Revision())
	now := time.Now()
	key, err := unescape(e.Key())
	if err != nil || key == "" {
		q.log.Warn("jobs: a record under a foreign name is ignored", "bucket", q.o.Prefix+bucketJobs, "name", e.Key())
		return "", false
	}
	if e.Operation() != jetstream.KeyValuePut {
		q.setDamaged(key, nil)
		q.index.drop(key, e.Revision(), now)
		q.revokeIfHeld(key, e.Revision(), "", "")
		return key, false
	}
	r, err := decodeRecord(e.Value())
	if err == nil && r.Key != key {
		err = errors.New("the record is of another job")
	}
	if err != nil {
		// Before the index, so that whoever sees the job there finds its damage in Health.
		q.setDamaged(key, fmt.Errorf("%w: %w", ErrDamaged, err))
		q.index.applyDamaged(key, e.Revision(), err, now)
		return key, true
	}
	q.index.apply(r, e.Revision(), now)
	q.revokeIfHeld(key, e.Revision(), r.Lease, r.Write)
	q.raiseIfHeld(key, r.Lease, r.Class)
	return key, true
}
