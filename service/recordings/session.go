package recordings

import (
	"context"
	"errors"
	"sync"
	"time"

	"github.com/asr-backend/asr-backend/asr/ctc"
	"github.com/asr-backend/asr-backend/jobs"
	"github.com/asr-backend/asr-backend/service/progress"
	"github.com/asr-backend/asr-backend/service/queue"
	"github.com/asr-backend/asr-backend/service/turns"
	"github.com/asr-backend/asr-backend/timeline"
	"github.com/asr-backend/asr-backend/transcribe"
)

// session is one attempt at a recording, which is transcribed in turns with others. It belongs
// to the goroutine that transcribes.
type session struct {
	place   *turns.Place // nil: it does not take turns
	queue   *queue.Queue
	running *progress.Recording
	yield   context.CancelCauseFunc // ends the attempt

	saved     bool          // a window, so that the next attempt gets further than this one
	restarted time.Duration // the work up to where the last attempt was
}

// followClass moves the place of a job to the class that the job is raised to while it runs: somebody
// has opened its task, or asked that it go first. It returns a function that ends that.
func followClass(ctx context.Context, a *jobs.Attempt[Recording], place *turns.Place) func() {
	if place == nil {
		return func() {}
	}
	ctx, stop := context.WithCancel(ctx)
	var following sync.WaitGroup
	following.Go(func() {
		for {
			place.Raise(a.Class())
			select {
			case <-a.Raised():
			case <-ctx.Done():
				return
			}
		}
	})
	return func() {
		stop()
		following.Wait()
	}
}

// errYielded ends an attempt so that a recording of another project can be opened.
var errYielded = errors.New("the recording has to be opened again later")

// rest lets other recordings have their turn, if that of this one is over, and returns when its
// next one begins or ctx has ended.
func (s *session) rest(ctx context.Context) {
	if s.place == nil || !s.place.Wanted() {
		return
	}
	if s.yields() {
		s.yield(errYielded)
		return
	}
	s.place.Lose()
	s.running.SetWaiting(true)
	defer s.running.SetWaiting(false)
	_ = s.place.Regain(ctx) // it fails with ctx, as the transcription does
}

// yields reports whether the recording is to be closed: others wait that cannot be opened
// before one is. What this costs is decoding it again up to where it is, so it has to have been
// of use for as long before.
func (s *session) yields() bool {
	q, err := s.queue.Get()
	if err != nil || !s.saved || s.place.Worked() < 2*s.restarted {
		return false
	}
	return s.place.Crowding(q.ReadyProjects(Kind))
}

// follow takes note of how far a request gets.
func (s *session) follow(r *transcribe.Request) {
	load, save, missed := r.Load, r.Save, false
	r.Load = func(channel int, start timeline.Row) ctc.Saved {
		rows := load(channel, start)
		if rows.Rows == nil && rows.Checkpoint == nil && !missed && s.place != nil {
			missed, s.restarted = true, s.place.Worked()
		}
		return rows
	}
	r.Save = func(channel int, start timeline.Row, rows *ctc.Saved) {
		save(channel, start, rows)
		s.saved = true
		s.running.Computed()
	}
}
