package service

import (
	"context"
	"encoding/json"
	"errors"
	"net/http"
	"time"

	"github.com/asr-backend/asr-backend/asr"
	"github.com/asr-backend/asr-backend/asr/ort"
	"github.com/asr-backend/asr-backend/audio"
	"github.com/asr-backend/asr-backend/internal/hint"
	"github.com/asr-backend/asr-backend/internal/pause"
	"github.com/asr-backend/asr-backend/jobs"
	"github.com/asr-backend/asr-backend/labelstudio/api"
	"github.com/asr-backend/asr-backend/labelstudio/media"
	"github.com/asr-backend/asr-backend/priority"
	"github.com/asr-backend/asr-backend/service/events"
	"github.com/asr-backend/asr-backend/service/projects"
	"github.com/asr-backend/asr-backend/service/recordings"
)

// crew is the workers of one kind of job.
type crew struct {
	jobs.Worker
	count int
	least priority.Class // of the jobs they take
	// model says that nothing can be done without one.
	model bool
	// take takes a job and returns what to call after the attempt; nil is Queue.Take.
	take func(ctx context.Context, q *jobs.Queue, least priority.Class) (*jobs.Lease, func(), error)
}

// crews are all workers. Besides those that take any recording, and share Options.Recordings
// places in turns, there is one for recordings that somebody has opened, so that these never
// wait for a turn; inside the recognizer their windows go first.
func (s *Service) crews() []crew {
	return []crew{
		{Worker: s.recordings.Worker(), count: s.recordings.Workers(), model: true, take: s.recordings.Take},
		{Worker: s.recordings.Worker(), count: 1, least: priority.Opened, model: true},
		{Worker: s.predictions.Worker(), count: 2},
		{Worker: s.events.Worker(), count: 1, model: true},
		{Worker: s.events.AnnotationWorker(), count: 1, model: true},
		{Worker: s.corrections.Worker(), count: 1, model: true},
		{Worker: s.learning.Worker(), count: 1, model: true},
		{Worker: s.training.Worker(), count: 1, model: true},
	}
}

// work takes jobs, one after the other, until the service stops. A job that the worker
// neither ends nor returns an error for is released.
func (s *Service) work(c crew) {
	q := s.queue.Wait(s.working)
	if c.model {
		// A job that is taken before there is a model only waits, and a process that is
		// killed meanwhile would count against it as if it had crashed on it.
		select {
		case <-s.models.Attempted():
		case <-s.working.Done():
		}
	}
	for q != nil && s.working.Err() == nil {
		lease, leave, err := c.next(s.working, q)
		if err != nil {
			if s.working.Err() == nil {
				s.log.Error("no job taken", "kind", c.Kind(), "error", err)
				_ = pause.For(s.working, time.Second)
			}
			continue
		}
		s.attempt(c, lease)
		leave()
	}
}

// next takes the next job.
func (c *crew) next(ctx context.Context, q *jobs.Queue) (*jobs.Lease, func(), error) {
	if c.take != nil {
		return c.take(ctx, q, c.least)
	}
	lease, err := q.Take(ctx, c.Kind(), c.least)
	return lease, func() {}, err
}

// attempt works on a job.
func (s *Service) attempt(c crew, lease *jobs.Lease) {
	job := lease.Job()
	defer func() {
		if err := lease.Release(); err != nil && s.working.Err() == nil {
			s.log.Warn("job not given back", about(job, "error", err)...)
		}
	}()
	ctx := lease.Context()
	err := c.Work(ctx, s.storing, lease)
	switch {
	case err == nil, errors.Is(err, jobs.ErrLeaseLost):
	case ctx.Err() != nil: // the service stops, or the job is no longer ours
	default:
		s.failed(ctx, c, lease, err)
	}
}

// failed decides what becomes of a job that went wrong: it is tried again for as long as
// that can help, and then given up with its reason.
func (s *Service) failed(ctx context.Context, c crew, lease *jobs.Lease, cause error) {
	job := lease.Job()
	delay, again := retry(cause, job)
	if !again && fromStudio(cause) {
		// Who says so may not be Label Studio: while it cannot be asked, nothing is final.
		if down := s.outage.Down(ctx); down != nil {
			s.log.Warn("a refusal is not final while Label Studio is unavailable", "job", job.Key, "error", cause)
			cause = down
			delay, again = retry(cause, job)
		}
	}
	s.outage.Note(job, cause)
	if s.outage.Missed(job) {
		delay = min(delay, shortestWait)
	}
	// A job may have waited for its first attempt for longer than that.
	if again && (job.Failing.IsZero() || time.Since(job.Failing) < s.options.GiveUp) {
		s.log.Warn("job will be tried again", about(job, "in_s", delay.Seconds(), "error", cause)...)
		if err := lease.Retry(s.storing, delay, hint.With(cause)); err != nil && ctx.Err() == nil {
			s.log.Error("job not put back", about(job, "error", err)...)
		}
		return
	}
	s.log.Error("job given up", about(job, "error", cause, "hint", hint.Of(cause))...)
	s.metrics.givenUp.WithLabelValues(job.Kind).Inc()
	if unstored, ok := errors.AsType[*recordings.NoStorageError](cause); ok {
		s.due.Now(unstored.Project) // for the others in that storage
	}
	if err := lease.Fail(s.storing, hint.With(cause)); err != nil && ctx.Err() == nil {
		s.log.Error("job not ended", about(job, "error", err)...)
	}
	if job.Kind == events.Kind || job.Kind == events.AnnotationKind {
		s.events.GivenUp(job, cause)
	}
}

// about returns log attributes that name a job: by its key, its project and, if it has one, its
// task, by which people find it in Label Studio.
func about(job jobs.Job, more ...any) []any {
	attrs := []any{"job", job.Key, "project", projects.ParseName(job.Project)}
	var args struct {
		Task int64 `json:"task"`
	}
	if err := json.Unmarshal(job.Payload, &args); err == nil && args.Task != 0 {
		attrs = append(attrs, "task", args.Task)
	}
	return append(attrs, more...)
}

// attempts is how often a job is tried that fails for no reason that time cures.
const attempts = 3

// A job waits so long after its first attempt, and twice as long after each further one.
const (
	shortestWait = 5 * time.Second
	longestWait  = 30 * time.Minute
)

// fromStudio reports whether an error is a refusal that came from Label Studio, or from whoever
// answers at its address.
func fromStudio(err error) bool {
	if unfetched, ok := errors.AsType[*media.Error](err); ok {
		return unfetched.Status != 0 && unfetched.Kind != media.Direct
	}
	if _, ok := errors.AsType[*recordings.NoStorageError](err); ok {
		return true
	}
	_, ok := errors.AsType[*api.Error](err)
	return ok
}

// retry reports whether a job may succeed later, and when to try. A refusal of Label Studio may
// end too: a token is renewed, a membership given.
func retry(cause error, job jobs.Job) (time.Duration, bool) {
	delay := jobs.Backoff{First: shortestWait, Most: longestWait}.Delay(job.Retries)
	if asked, ok := media.Retryable(cause); ok {
		return max(delay, asked), true
	}
	if asked, ok := api.Retryable(cause); ok {
		return max(delay, asked), true
	}
	if status := api.Status(cause); status == http.StatusUnauthorized || status == http.StatusForbidden {
		return delay, true
	}
	var model *asr.ModelError
	var damaged *audio.Error
	var unfetched *media.Error
	var store *jobs.Error
	var outdated *recordings.OutdatedError
	var unserved *projects.NotServedError
	var unstored *recordings.NoStorageError
	switch {
	case errors.As(cause, &unstored):
		return 0, false // until there is a storage, which reconcile looks for
	case errors.As(cause, &unserved):
		return min(delay, time.Minute), true // somebody is at work on it, and reconcile wakes the job
	case errors.As(cause, &outdated), errors.Is(cause, jobs.ErrTooLarge):
		return 0, false
	case errors.As(cause, &store):
		return delay, true // its disk or network has failed, and nothing is wrong with the job
	case errors.Is(cause, ort.ErrLibrary), errors.Is(cause, ort.ErrCUDA), errors.As(cause, &model):
		return delay, true // somebody may install what is missing
	case errors.As(cause, &damaged), errors.As(cause, &unfetched), api.Status(cause) != 0:
		return 0, false
	}
	return delay, job.Retries+1 < attempts
}
