package jobs

import (
	"fmt"
	"time"

	"github.com/asr-backend/asr-backend/priority"
)

// The transitions of the state machine. Each is a pure function from a record to the record
// that replaces it; the compare-and-set on the revision lets one of several rivals succeed.
//
//	queued  --take-->    running
//	running --finish-->  done
//	running --fail-->    dead
//	running --retry-->   queued, scheduled
//	running --snooze-->  queued, scheduled
//	running --release--> queued
//	running --crash-->   queued, or dead after MaxCrashes crashes in a row
//	dead    --requeue--> queued       queued --requeue--> queued, no longer scheduled
//	dead    --revive-->  queued       but for one crash only
//	queued, running, dead --cancel--> dead, cancelled
//	queued, dead --restart--> queued  as if it were new; done as well, if that is wanted
//	done    --redo-->    queued, if its result is damaged
//	queued  --raise-->   queued in a higher class, or for later
//	running --raise-->   running in a higher class
//	queued  --hold-->    queued, scheduled for when the hold ends
//	queued  --giveUp-->  dead

func (r record) step(to State, now time.Time) record {
	r.State, r.Updated = to, now
	r.Owner, r.Lease, r.NotBefore, r.Held, r.Cancelled = "", "", time.Time{}, time.Time{}, false
	r.Kept = nil
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
	// The index of this process may lag behind a hold. Records have microseconds, while a
	// delay may be finer.
	if r.NotBefore.Truncate(time.Microsecond).After(now) {
		return r, fmt.Errorf("%w: it is scheduled for %s", ErrState, r.NotBefore.Format(time.RFC3339))
	}
	r = r.step(Running, now)
	r.Owner, r.Lease, r.Attempted = owner, lease, now
	r.Attempts++
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
	r.Result, r.Reason, r.Hint, r.Crashes, r.Windows, r.Failing = &ref, "", "", 0, 0, time.Time{}
	return r, nil
}

func (r record) fail(now time.Time, cause error) (record, error) {
	if err := r.expect(Running); err != nil {
		return r, err
	}
	r = r.step(Discarded, now)
	r.Crashes, r.Windows = 0, 0
	r.Reason, r.Hint = describe(cause)
	return r, nil
}

// giveUp is fail for a job that nobody works on.
func (r record) giveUp(now time.Time, cause error) (record, error) {
	if err := r.expect(Queued); err != nil {
		return r, err
	}
	if err := r.unheld(now); err != nil {
		return r, err
	}
	r = r.step(Discarded, now)
	r.Crashes, r.Windows = 0, 0
	r.Reason, r.Hint = describe(cause)
	return r, nil
}

func (r record) retry(now, notBefore time.Time, cause error) (record, error) {
	if err := r.expect(Running); err != nil {
		return r, err
	}
	r = r.step(Queued, now)
	if r.Failing.IsZero() {
		r.Failing = now
	}
	r.Retries++
	r.Crashes, r.Windows = 0, 0
	r.NotBefore = notBefore
	r.Reason, r.Hint = describe(cause)
	return r, nil
}

// release ends an attempt that counts for nothing, as when the process stops.
func (r record) release(now time.Time) (record, error) {
	if err := r.expect(Running); err != nil {
		return r, err
	}
	return r.step(Queued, now), nil
}

// snooze is release with a schedule. It resets the crashes, since this attempt was none.
func (r record) snooze(now, notBefore time.Time) (record, error) {
	r, err := r.release(now)
	r.Crashes, r.Windows, r.Failing = 0, 0, time.Time{}
	r.NotBefore = notBefore
	return r, err
}

// crash ends an attempt whose heartbeats stopped. windows is how many window results are
// stored now: a job that got further than at its last crash is not what kills the workers.
// From the third crash on the job is scheduled for later, each time with a longer delay.
// By then another cause, such as a host that runs out of memory, may be gone, and if the job
// is the cause, other jobs get some time.
func (r record) crash(now time.Time, windows, maxDeliver int, cooldown time.Duration, why string) (record, error) {
	if err := r.expect(Running); err != nil {
		return r, err
	}
	r.Crashes++
	if windows > r.Windows {
		r.Crashes = 0
	}
	r.Windows = windows
	if r.Crashes < maxDeliver {
		r = r.step(Queued, now)
		r.Reason, r.Hint = cut(why, maxReason), ""
		if r.Crashes >= 3 {
			for range min(r.Crashes-3, 3) {
				cooldown *= 6
			}
			r.NotBefore = now.Add(cooldown)
		}
		return r, nil
	}
	r = r.step(Discarded, now)
	r.Reason = cut(fmt.Sprintf("%d attempts in a row crashed; the last one: %s", r.Crashes, why), maxReason)
	r.Hint = fmt.Sprintf("look for a crash, or a process killed for lack of memory, in the logs of the service and the kernel after %s; the job is tried again later, or sooner when it is asked for again", r.Attempted.Format(time.RFC3339))
	return r, nil
}

// requeue queues a dead job again, and makes a scheduled job ready unless it is held.
func (r record) requeue(now time.Time) (record, error) {
	if r.State != Discarded && r.State != Queued {
		return r, fmt.Errorf("%w: it is %s", ErrState, r.State)
	}
	if err := r.unheld(now); err != nil {
		return r, err
	}
	if r.State == Discarded {
		r.Failing = time.Time{}
	}
	r = r.step(Queued, now)
	r.Ended, r.Crashes, r.Windows = time.Time{}, 0, 0
	return r, nil
}

// revive is requeue for a job that crashed: one more crash in a row makes it dead again.
func (r record) revive(now time.Time, maxCrashes int) (record, error) {
	if err := r.expect(Discarded); err != nil {
		return r, err
	}
	r, err := r.requeue(now)
	r.Crashes = max(maxCrashes-1, 0)
	return r, err
}

// redo queues a done job again whose result, at lost, cannot be read.
func (r record) redo(now time.Time, lost resultRef, why error) (record, error) {
	if err := r.expect(Done); err != nil {
		return r, err
	}
	if *r.Result != lost {
		return r, fmt.Errorf("%w: it has another result by now", ErrState)
	}
	r = r.step(Queued, now)
	r.Ended, r.Result = time.Time{}, nil
	r.Reason, r.Hint = describe(why)
	return r, nil
}

// cancel ends a job that nobody wants any more. One that is held is cancelled as well.
func (r record) cancel(now time.Time) (record, error) {
	if r.State == Done {
		return r, fmt.Errorf("%w: it is %s", ErrState, r.State)
	}
	r = r.step(Discarded, now)
	r.Cancelled, r.Reason, r.Hint = true, "it was cancelled", ""
	r.Crashes, r.Windows, r.Failing = 0, 0, time.Time{}
	return r, nil
}

// restart queues a job as if it were new, in its class or a higher one. It keeps its place among
// those of its class, and windows that are stored.
func (r record) restart(now time.Time, o RestartOptions) (record, error) {
	if r.State == Running || r.State == Done && !o.Done {
		return r, fmt.Errorf("%w: it is %s", ErrState, r.State)
	}
	if err := r.unheld(now); err != nil {
		return r, err
	}
	r = r.step(Queued, now)
	r.Class, r.Result, r.Summary = max(r.Class, o.Class), nil, nil
	r.Ended, r.Failing, r.Reason, r.Hint = time.Time{}, time.Time{}, "", ""
	r.Attempts, r.Retries, r.Crashes, r.Windows = 0, 0, 0, 0
	return r, nil
}

// raise moves a job that has not ended to a higher class, and a queued one to a later time.
func (r record) raise(now time.Time, c priority.Class, notBefore time.Time) (record, error) {
	if r.State.Ended() {
		return r, fmt.Errorf("%w: it is %s", ErrState, r.State)
	}
	r.Class = max(r.Class, c)
	if r.State == Queued {
		r.Updated = now
		if notBefore.After(r.NotBefore) {
			r.NotBefore = notBefore
		}
	}
	return r, nil
}

// hold keeps a queued job from starting until a time, for one holder: it fails while there is
// another.
func (r record) hold(now, until time.Time) (record, error) {
	if err := r.expect(Queued); err != nil {
		return r, err
	}
	if err := r.unheld(now); err != nil {
		return r, err
	}
	r.Updated, r.Held = now, until
	if until.After(r.NotBefore) {
		r.NotBefore = until
	}
	return r, nil
}

// unheld returns ErrState if somebody holds the job.
func (r record) unheld(now time.Time) error {
	if r.Held.After(now) {
		return fmt.Errorf("%w: it is held until %s", ErrState, r.Held.Format(time.RFC3339))
	}
	return nil
}
