package jobs

import (
	"fmt"
	"time"
)

// The steps of the state machine. Each is a pure function from a record to the record to be
// written in its place; the compare-and-set on the revision makes exactly one of several
// rivals succeed.
//
//	queued  --take-->    running
//	running --finish-->  done
//	running --fail-->    dead
//	running --retry-->   queued, not before a time
//	running --release--> queued
//	running --postpone-> queued, not before a time
//	running --lose-->    queued, or dead after MaxDeliver losses in a row
//	dead    --requeue--> queued       queued --requeue--> queued, now
//	queued  --raise-->   queued in a higher class

func (r record) step(to State, now time.Time) record {
	r.State, r.Updated = to, now
	r.Owner, r.Lease, r.NotBefore = "", "", time.Time{}
	if to.Ended() {
		r.Ended = now
	}
	return r
}

func (r record) expect(s State) error {
	if r.State != s {
		return fmt.Errorf("%w: it is %s, not %s", ErrState, r.State, s)
	}
	return nil
}

func (r record) take(now time.Time, owner, lease string) (record, error) {
	if err := r.expect(Queued); err != nil {
		return r, err
	}
	r = r.step(Running, now)
	r.Owner, r.Lease, r.Taken = owner, lease, now
	r.Deliveries++
	return r, nil
}

func (r record) heartbeat(now time.Time) (record, error) {
	r.Updated = now
	return r, r.expect(Running)
}

func (r record) finish(now time.Time, ref resultRef) (record, error) {
	if err := r.expect(Running); err != nil {
		return r, err
	}
	r = r.step(Done, now)
	r.Result, r.Reason, r.Hint, r.Losses, r.Windows = &ref, "", "", 0, 0
	return r, nil
}

func (r record) fail(now time.Time, cause error) (record, error) {
	if err := r.expect(Running); err != nil {
		return r, err
	}
	r = r.step(Dead, now)
	r.Reason, r.Hint = describe(cause)
	return r, nil
}

func (r record) retry(now, notBefore time.Time, cause error) (record, error) {
	if err := r.expect(Running); err != nil {
		return r, err
	}
	r = r.step(Queued, now)
	r.Retries++
	r.Losses, r.Windows = 0, 0
	r.NotBefore = notBefore
	r.Reason, r.Hint = describe(cause)
	return r, nil
}

// release undoes a hand-out that the worker did not use up, as at an orderly stop.
func (r record) release(now time.Time) (record, error) {
	if err := r.expect(Running); err != nil {
		return r, err
	}
	return r.step(Queued, now), nil
}

// postpone is release until a time. That the worker spoke shows that the job did not kill it.
func (r record) snooze(now, notBefore time.Time) (record, error) {
	r, err := r.release(now)
	r.Losses, r.Windows = 0, 0
	r.NotBefore = notBefore
	return r, err
}

// lose ends a hand-out that ended without a word. windows is how many window results are
// stored now: a job that got further than at its last loss is not a job that kills workers.
// From the third loss on the job rests, longer each time: what kills the process for
// another reason, such as a host that runs out of memory, is then over, while a job that
// does kill it gives the others time.
func (r record) crash(now time.Time, windows, maxDeliver int, rest time.Duration, why string) (record, error) {
	if err := r.expect(Running); err != nil {
		return r, err
	}
	r.Losses++
	if windows > r.Windows {
		r.Losses = 0
	}
	r.Windows = windows
	if r.Losses < maxDeliver {
		r = r.step(Queued, now)
		r.Reason, r.Hint = cut(why, maxReason), ""
		if r.Losses >= 3 {
			for range min(r.Losses-3, 3) {
				rest *= 6
			}
			r.NotBefore = now.Add(rest)
		}
		return r, nil
	}
	r = r.step(Dead, now)
	r.Reason = cut(fmt.Sprintf("%d workers in a row stopped without a word while they ran this job; the last one: %s", r.Losses, why), maxReason)
	r.Hint = fmt.Sprintf("look in the logs and the kernel's log after %s for a crash or for a process killed for memory, then requeue the job", r.Taken.Format(time.RFC3339))
	return r, nil
}

// requeue makes a dead job start afresh, and a job that waits for its time ready.
func (r record) requeue(now time.Time) (record, error) {
	if r.State != Dead && r.State != Queued {
		return r, fmt.Errorf("%w: it is %s", ErrState, r.State)
	}
	r = r.step(Queued, now)
	r.Ended, r.Losses, r.Windows = time.Time{}, 0, 0
	return r, nil
}

func (r record) raise(now time.Time, c Class) (record, error) {
	r.Updated, r.Class = now, max(r.Class, c)
	return r, r.expect(Queued)
}
