package jobs

import (
	"context"
	"errors"
	"time"

	"github.com/asr-backend/asr-backend/priority"
)

// Requeue queues a dead job again, and makes a scheduled one ready now. Jobs in other states
// are ErrState.
func (q *Queue) Requeue(ctx context.Context, key string) (Job, error) {
	return q.transition(ctx, "requeue", key, func(r record) (record, error) { return r.requeue(now()) })
}

// Revive queues a job again that is dead after crashes, for one attempt: if that crashes as
// well, the job is dead again. Jobs in other states are ErrState.
func (q *Queue) Revive(ctx context.Context, key string) (Job, error) {
	return q.transition(ctx, "revive", key, func(r record) (record, error) { return r.revive(now(), q.o.MaxCrashes) })
}

// GiveUp ends a queued job as dead without an attempt, with cause as its reason; see Lease.Fail.
// Jobs in other states, and those that somebody holds, are ErrState.
func (q *Queue) GiveUp(ctx context.Context, key string, cause error) (Job, error) {
	return q.transition(ctx, "give up", key, func(r record) (record, error) { return r.giveUp(now(), cause) })
}

// Hold keeps a queued job from starting until a time, for a caller that does its work in
// another way. It is a lock that all processes on the store share and that outlives them: of
// several callers one gets it, until that time has come. Otherwise, and if the job is not
// queued, Hold answers ErrState.
func (q *Queue) Hold(ctx context.Context, key string, until time.Time) (Job, error) {
	return q.transition(ctx, "hold", key, func(r record) (record, error) { return r.hold(now(), stored(until)) })
}

// transition changes a job that this process need not run.
func (q *Queue) transition(ctx context.Context, op, key string, step func(record) (record, error)) (Job, error) {
	if err := q.gate(false); err != nil {
		return Job{}, fail(op, key, err)
	}
	j, err := q.change(ctx, key, step)
	return j, fail(op, key, err)
}

// Cancel ends a job as dead and cancelled, unless it is done, which is ErrState. A worker that
// runs it loses its lease, and its windows are removed. The job stays cancelled, also through
// restarts of the process and enqueueing it again: retention does not remove it, and only Requeue,
// Restart, Remove and RemoveEnded change it. Whoever cancels a job cleans it up in the end.
func (q *Queue) Cancel(ctx context.Context, key string) (Job, error) {
	id := ""
	j, err := q.transition(ctx, "cancel", key, func(r record) (record, error) {
		id = r.ID
		return r.cancel(now())
	})
	if err != nil {
		return j, err
	}
	q.revokeIfHeld(key, j.Revision, "", "")
	// The job has ended, even if this fails; sweep tries again.
	if err := q.purge(ctx, bucketWindows, id+".>"); err != nil {
		q.log.Warn("jobs: windows of a cancelled job are left for later", "job", key, "error", err)
	}
	return j, nil
}

// RestartOptions configure Restart.
type RestartOptions struct {
	Class priority.Class // the least one for the job
	Done  bool           // a job that is done is done again; its result is removed
}

// Restart queues a job as if it had just been enqueued: with no attempts, failures or schedule.
// It takes jobs that are queued, dead, cancelled and, if that is wanted, done. A job that runs or
// is held is ErrState. What a queued job has stored in windows is kept; what a done one has kept of
// them is removed, so that everything is computed again.
func (q *Queue) Restart(ctx context.Context, key string, o RestartOptions) (Job, error) {
	var result *resultRef
	j, err := q.transition(ctx, "restart", key, func(r record) (record, error) {
		result = r.Result
		next, err := r.restart(now(), o)
		if err == nil && r.Kept != nil {
			// Before a worker can take the job. If the job stays done after all, it has lost what
			// can be computed again.
			err = q.purge(ctx, bucketWindows, r.ID+".>")
		}
		return next, err
	})
	if err != nil || result == nil {
		return j, err
	}
	// No record refers to the result any more, even if this fails; sweep tries again. Only this one
	// is removed: there may be a new one by now.
	if result.Blob {
		err = q.discardBlob(ctx, result.Name)
	} else {
		err = q.purge(ctx, bucketResults, result.Name)
	}
	if err != nil {
		q.log.Warn("jobs: the result of a job that is done again is left for later", "job", key, "error", err)
	}
	return j, nil
}

// Raise moves a job to a class, if that is higher than its own. A worker that runs the job sees
// it in Lease.Raised. A job that has ended is ErrState.
func (q *Queue) Raise(ctx context.Context, key string, class priority.Class) (Job, error) {
	if e := q.index.get(key); e != nil && !e.job.State.Ended() && e.job.Class >= class {
		return *e.job, nil
	}
	j, err := q.transition(ctx, "raise", key, func(r record) (record, error) {
		if !r.State.Ended() && r.Class >= class {
			return r, errRaised
		}
		return r.raise(now(), class, time.Time{})
	})
	if errors.Is(err, errRaised) {
		return j, nil
	}
	return j, err
}

// errRaised: there is nothing to raise.
var errRaised = errors.New("the job is in that class already")
