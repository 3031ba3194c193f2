// Package progress follows the recordings that are being transcribed, and lets those wait for one
// who will get it.
//
// # Waiting
//
// A person who opens a task waits in front of an empty page. That is worth it if the transcript
// is there in time, and lost time if it is not. So Wait looks now and then at what is known:
//
//   - A recording under way has a length, a position and a speed, which is measured over its last
//     seconds. Before it is measured, the speed of the others stands in for it, or else that of
//     the last recording as a whole, or that of the device when the model was loaded.
//   - One that is being downloaded has a number of bytes and a speed as well. How long it is
//     nobody knows, but there is a bound of what so many bytes may hold.
//   - One that has to be tried again is not ready before that.
//   - One in the queue comes after those before it, each of which takes what recordings took on
//     average.
//   - Of all others, such as one whose server has not answered or whose length no header gives,
//     nothing is known but how long they have taken so far. They are expected to take that again.
//
// A wait of which nothing is known lasts for Patience: long enough for a short recording.
//
// A wait that began with a measured promise is not broken off because the promise is kept late: it
// ends early only once the estimate is far off. Otherwise a person would wait and get nothing,
// seconds before the end.
package progress

import (
	"cmp"
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
	// Unsure says that nothing is known but that it was not there in the time of an unsure wait.
	Unsure bool
}

// Error returns What.
func (e *LateError) Error() string { return e.What }

// look is how often Wait looks at what is known.
const look = 500 * time.Millisecond

// tolerance is how many times what is left of the wait a transcription may take by the latest
// estimate, if an earlier one was in time.
const tolerance = 2

// Patience is how long somebody waits for a transcription of which it is not known whether it
// will be there in time. With a look more the answer is there within two seconds.
const Patience = 1500 * time.Millisecond

// Wait waits for the end of a transcription and returns its job, or a LateError as soon as it is
// not expected to end before the deadline of ctx. From the time unsure on it waits only for what
// is known to end before the deadline.
func (p *Progress) Wait(ctx context.Context, q *jobs.Queue, key string, unsure time.Time) (jobs.Job, error) {
	deadline, ok := ctx.Deadline()
	if !ok {
		return q.Wait(ctx, key)
	}
	promised := false
	for {
		if job, ok := q.Peek(key); ok && !job.State.Ended() {
			e := p.expect(q, &job)
			now := time.Now()
			wait := deadline.Sub(now)
			most := wait
			if promised {
				most *= tolerance
			}
			switch kept := e.measured && e.left+e.perhaps <= wait; {
			case e.left > most:
				return job, &LateError{What: e.what, Queued: e.queued}
			case !kept && !(promised && e.measured) && !now.Before(unsure):
				return job, &LateError{What: e.what, Queued: e.queued, Unsure: true}
			case kept:
				promised = true
				if end := now.Add(Patience); end.After(unsure) {
					unsure = end // it goes on to its next step
				}
			}
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
	left     time.Duration // from now on, at least
	perhaps  time.Duration // what may come on top of it
	measured bool          // left and perhaps are more than the time that it has taken so far
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
		e.left, e.measured = time.Duration(ahead/p.places)*p.work, ahead >= p.places
	}
	return e
}

// never is longer than any wait.
const never = 1000 * time.Hour

// atSpeed is what transcribing so much audio takes, at so many seconds of it a second.
func atSpeed(audio time.Duration, speed float64) time.Duration {
	return time.Duration(min(float64(audio)/speed, float64(never)))
}

// guess notes how long transcribing so much audio takes at a speed that others had, of which a time
// has passed. One that takes more than twice as long is not like the others, and nothing is known
// of it.
func (e *expected) guess(audio time.Duration, speed float64, passed time.Duration) {
	if speed <= 0 {
		return
	}
	if all := atSpeed(audio, speed); passed <= 2*all {
		e.left, e.measured = max(all-passed, 0), true
	}
}

// underWay is what is known about a transcription under way.
func (p *Progress) underWay(job *jobs.Job, now time.Time) expected {
	p.mu.Lock()
	defer p.mu.Unlock()
	r := p.running[job.Key]
	if r == nil {
		e := expected{left: now.Sub(job.Attempted), what: "the recording is being downloaded and opened"}
		if a := p.arriving[job.Key]; a != nil {
			e = a.expect(e, now, cmp.Or(p.whole, a.speed))
		}
		return e
	}
	if r.Length <= 0 {
		return expected{left: now.Sub(r.Since), what: fmt.Sprintf("the recording is being transcribed: %s are done", timeline.Clock(r.Done))}
	}
	e := expected{left: now.Sub(r.Since), what: fmt.Sprintf("the recording is being transcribed: %s of %s are done", timeline.Clock(r.Done), timeline.Clock(r.Length))}
	if speed := p.speed(r, now); speed > 0 {
		e.left, e.measured = time.Duration(float64(r.Length-r.Done)/speed), true
		e.what += fmt.Sprintf(", and the rest takes %s", about(e.left))
	} else {
		e.guess(r.Length, cmp.Or(p.whole, r.device), e.left)
	}
	return e
}

const (
	// settling is how long a download has to have lasted for its speed to be known.
	settling = 300 * time.Millisecond
	// density is how many bytes a second of a recording has at least, but for rare ones: it is
	// that of speech at 32 kbit/s.
	density = 4000
)

// expect adds to e what is known about a recording that is being fetched, if its length is not
// known, but that it is at most what its bytes may hold. speed is 0 if it is not known.
func (a *Arriving) expect(e expected, now time.Time, speed float64) expected {
	took := now.Sub(a.mark)
	switch {
	case a.mark.IsZero(), a.total <= 0, a.whole.IsZero() && took < settling:
		return e
	case a.whole.IsZero():
		const mb = 1e6
		// The last byte may come late, but one that does not come makes the rest longer.
		e.left, e.measured = time.Duration(float64(took)*float64(a.total-a.have)/float64(max(a.have-a.from, 1))), true
		e.what = fmt.Sprintf("the recording is being downloaded: %.1f of %.1f MB are there, and the rest takes %s", float64(a.have)/mb, float64(a.total)/mb, about(e.left))
		if speed > 0 {
			e.perhaps = atSpeed(time.Duration(a.total)*time.Second/density, speed)
		} else {
			e.perhaps = never
		}
	default:
		e.left = now.Sub(a.whole)
		if e.guess(time.Duration(a.total)*time.Second/density, speed, e.left); e.measured {
			e.left, e.perhaps = 0, e.left
		}
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
