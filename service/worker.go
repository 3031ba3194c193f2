package service

import (
	"context"
	"errors"
	"net/http"
	"time"

	"asr-backend/asr"
	"asr-backend/asr/ort"
	"asr-backend/audio"
	"asr-backend/jobs"
	"asr-backend/labelstudio/api"
	"asr-backend/labelstudio/media"
	"asr-backend/service/problems"
)

// startWorkers starts everything that takes jobs. Besides the workers that take any
// recording there is one for recordings that somebody has opened, so that these never
// wait for a long one to end; inside the recognizer their windows go first.
func (s *Service) startWorkers() {
	for range s.options.Recordings {
		s.worker(kindTranscribe, jobs.Batch, s.transcribe)
	}
	s.worker(kindTranscribe, jobs.Opened, s.transcribe)
	for range 2 {
		s.worker(kindDeliver, jobs.Batch, s.deliver)
	}
	s.worker(kindEvent, jobs.Batch, s.fit)
	s.worker(kindRetime, jobs.Batch, s.retime)
}

// worker takes jobs of a kind, one after the other, until the service stops. A job that
// the function neither ends nor returns an error for is released.
func (s *Service) worker(kind string, least jobs.Class, work func(context.Context, *jobs.Lease) error) {
	s.running.Go(func() {
		q := s.queue.Wait(s.work)
		if kind == kindTranscribe || kind == kindRetime {
			// A job that is taken before there is a model only waits, and a process that is
			// killed meanwhile would count against it as if it had crashed on it.
			select {
			case <-s.models.Attempted():
			case <-s.work.Done():
			}
		}
		for q != nil && s.work.Err() == nil {
			lease, err := q.Take(s.work, kind, least)
			if err != nil {
				if s.work.Err() == nil {
					s.log.Error("no job taken", "kind", kind, "error", err)
					pause(s.work, time.Second)
				}
				continue
			}
			s.do(lease, work)
		}
	})
}

func (s *Service) do(lease *jobs.Lease, work func(context.Context, *jobs.Lease) error) {
	job := lease.Job()
	defer func() {
		if err := lease.Release(); err != nil && s.work.Err() == nil {
			s.log.Warn("job not given back", "job", job.Key, "error", err)
		}
	}()
	ctx := lease.Context()
	err := work(ctx, lease)
	switch {
	case err == nil, errors.Is(err, jobs.ErrLeaseLost):
	case ctx.Err() != nil: // the service stops, or the job is no longer ours
	default:
		s.settle(ctx, lease, err)
	}
}

// settle decides what becomes of a job that went wrong: it is tried again for as long as
// that can help, and then given up with its reason.
func (s *Service) settle(ctx context.Context, lease *jobs.Lease, cause error) {
	job := lease.Job()
	delay, again := retry(cause, job)
	if again && time.Since(job.Created) < s.options.GiveUp {
		s.log.Warn("job will be tried again", "job", job.Key, "in_s", delay.Seconds(), "error", cause)
		if err := lease.Retry(s.last, delay, problems.WithHint(cause)); err != nil && ctx.Err() == nil {
			s.log.Error("job not put back", "job", job.Key, "error", err)
		}
		return
	}
	s.log.Error("job given up", "job", job.Key, "error", cause, "hint", problems.Hint(cause))
	s.metrics.failed(job.Kind)
	if err := lease.Fail(s.last, problems.WithHint(cause)); err != nil && ctx.Err() == nil {
		s.log.Error("job not ended", "job", job.Key, "error", err)
	}
}

// attempts is how often a job is tried that fails for no reason that time cures.
const attempts = 3

// retry reports whether a job may succeed later and when to try.
func retry(cause error, job jobs.Job) (time.Duration, bool) {
	delay := jobs.Backoff{First: 5 * time.Second, Most: 30 * time.Minute}.Delay(job.Retries)
	if asked, ok := media.Retryable(cause); ok {
		return max(delay, asked), true
	}
	if asked, ok := api.Retryable(cause); ok {
		return max(delay, asked), true
	}
	if status := api.Status(cause); status == http.StatusUnauthorized || status == http.StatusForbidden {
		// A token that is renewed or a membership that is given cures this, and what has
		// been heard is worth waiting for.
		return max(delay, time.Minute), job.Kind == kindDeliver || job.Kind == kindRetime
	}
	var model *asr.ModelError
	var sound *audio.Error
	var store *jobs.Error
	var old *outdatedError
	switch {
	case errors.As(cause, &old), errors.Is(cause, jobs.ErrTooLarge):
		return 0, false
	case errors.As(cause, &store):
		return delay, true // its disk or network is in trouble, and nothing is wrong with the job
	case errors.Is(cause, ort.ErrLibrary), errors.Is(cause, ort.ErrCUDA), errors.As(cause, &model):
		return delay, true // somebody may install what is missing
	case errors.As(cause, &sound), problems.IsMedia(cause), api.Status(cause) != 0:
		return 0, false
	}
	return delay, job.Retries+1 < attempts
}

// pause waits, or until ctx ends.
func pause(ctx context.Context, d time.Duration) {
	select {
	case <-ctx.Done():
	case <-time.After(d):
	}
}
