// Package progress follows the recordings that are being transcribed, and lets those wait for one
// who will get it.
//
// # Waiting
//
// A person who opens a task waits in front of an empty page. That is worth it if the transcript
// is there in time, and lost time if it is not. So Wait looks now and then at what is known:
//
//   - A recording under way has a length, a position and a speed, which is measured over its last
//     seconds. Before it is measured, the speed of the others stands in for it, or else the time
//     that the last recording took as a whole.
//   - One that has to be tried again is not ready before that.
//   - One in the queue comes after those before it, each of which takes what recordings took on
//     average.
//   - Of all others, such as one that is being downloaded or whose length no header gives, nothing
//     is known but how long they have taken so far. They are expected to take that again. So a
//     wait of which nothing is ever known lasts for half of its time.
//
// A wait that began with a measured promise is not broken off because the promise is kept late: it
// ends early only once the estimate is far off. Otherwise a person would wait and get nothing,
// seconds before the end.
package progress

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/asr-backend/asr-backend/jobs"
	"github.com/asr-backend/asr-backend/timeline"
)

// LateError says that a recording will not be transcribed in time.
type LateError struct {
	What string // what happens to it, for people
	// Queued says that it waits behind others, as do those that were enqueued after it.
	Queued bool
}

// Error returns What.
func (e *LateError) Error() string { return e.What }

// look is how often Wait looks at what is known.
const look = 500 * time.Millisecond

// tolerance is how many times what is left of the wait a transcription may take by the latest
// estimate, if an earlier one was in time.
const tolerance = 2

// Wait waits for the end of a transcription and returns its job, or a LateError as soon as it is
// not expected to end before the deadline of ctx.
func (p *Progress) Wait(ctx context.Context, q *jobs.Queue, key string) (jobs.Job, error) {
	deadline, ok := ctx.Deadline()
	if !ok {
		return q.Wait(ctx, key)
	}
	promised := false
	for {
		if job, ok := q.Peek(key); ok && !job.State.Ended() {
			e := p.expect(q, &job)
			wait := time.Until(deadline)
			if promised {
				wait *= tolerance
			}
			if e.left > wait {
				return job, &LateError{e.what, e.queued}
			}
			promised = promised || e.measured
		}
		short, cancel := context.WithTimeout(ctx, look)
		job, err := q.Wait(short, key)
		over := short.Err() != nil
		cancel()
		if err == nil || !over || ctx.Err() != nil {
			if ctx.Err() != nil && errors.Is(err, context.DeadlineExceeded) {
				err = &LateError{What: p.expect(q, &job).what}
			}
			return job, err
		}
	}
}

// Expected returns how long a transcription is expected to take from now on until it ends; ok is
// false if that would be a guess.
func (p *Progress) Expected(q *jobs.Queue, job *jobs.Job) (left time.Duration, ok bool) {
	e := p.expect(q, job)
	if e.measured && job.State == jobs.Queued && e.queued {
		p.mu.Lock()
		e.left += p.work // its own
		p.mu.Unlock()
	}
	return e.left, e.measured
}

// expected is what is known about the end of a transcription.
type expected struct {
	left     time.Duration // from now on
	measured bool          // left is more than a guess
	queued   bool
	what     string
}

func (p *Progress) expect(q *jobs.Queue, job *jobs.Job) expected {
	now := time.Now()
	if job.State == jobs.Running {
		return p.underWay(job, now)
	}
	if wait := job.NotBefore.Sub(now); wait > 0 && job.Retries > 0 {
		return expected{left: wait, measured: true, what: fmt.Sprintf("the last attempt to transcribe the recording failed (%s), the next one is in %s", job.Reason, about(wait))}
	}
	ahead := q.Ahead(job.Key)
	if ahead == 0 {
		return expected{what: "the recording is about to be transcribed"}
	}
	e := expected{left: now.Sub(job.Created), queued: true, what: fmt.Sprintf("the recording waits to be transcribed, after %d others", ahead)}
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.work > 0 {
		e.left, e.measured = time.Duration(ahead/p.places)*p.work, true
	}
	return e
}

// underWay is what is known about a transcription under way.
func (p *Progress) underWay(job *jobs.Job, now time.Time) expected {
	p.mu.Lock()
	defer p.mu.Unlock()
	r := p.running[job.Key]
	if r == nil {
		return expected{left: now.Sub(job.Attempted), what: "the recording is being downloaded and opened"}
	}
	if r.Length <= 0 {
		return expected{left: now.Sub(r.Since), what: fmt.Sprintf("the recording is being transcribed: %s are done", timeline.Clock(r.Done))}
	}
	e := expected{left: now.Sub(r.Since), what: fmt.Sprintf("the recording is being transcribed: %s of %s are done", timeline.Clock(r.Done), timeline.Clock(r.Length))}
	if speed := p.speed(r, now); speed > 0 {
		e.left, e.measured = time.Duration(float64(r.Length-r.Done)/speed), true
		e.what += fmt.Sprintf(", and the rest takes %s", about(e.left))
	} else if p.whole > 0 {
		e.left = min(e.left, max(time.Duration(float64(r.Length)/p.whole)-e.left, 0))
	}
	return e
}

// speed returns how fast a recording gets on, in seconds of audio a second, or 0 if nothing is
// known about that.
func (p *Progress) speed(r *Recording, now time.Time) float64 {
	if own := r.speed.of(now, r.Done); own > 0 {
		return own
	}
	sharing := 0
	for _, other := range p.running {
		if !other.Waiting && other.class >= r.class {
			sharing++
		}
	}
	return p.rate / float64(max(sharing, 1))
}

// about writes a duration as people say it.
func about(d time.Duration) string {
	switch {
	case d < 2*time.Minute:
		return fmt.Sprintf("about %d s", max(int(d.Round(time.Second).Seconds()), 1))
	case d < 2*time.Hour:
		return fmt.Sprintf("about %d min", int(d.Round(time.Minute).Minutes()))
	}
	return fmt.Sprintf("about %d h", int(d.Round(time.Hour).Hours()))
}
