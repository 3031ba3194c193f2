package service

import (
	"context"
	"time"

	"github.com/asr-backend/asr-backend/internal/pause"
	"github.com/asr-backend/asr-backend/jobs"
)

// A job is given up when several attempts in a row crash, since it may be what crashes the
// process. It may be something else: a lack of memory, a defect that has been fixed, somebody
// who kills the process. So such a job gets another chance after a while, after an orderly stop,
// which shows that the process does not always crash, and after an update of the program.

const (
	// reviveAfter is when a job that was given up after crashes gets another chance.
	reviveAfter = time.Hour
	// reviveEvery is how often such jobs are looked for.
	reviveEvery = 5 * time.Minute
	// keyBuild is the value of the service that holds the version of the program that ran last.
	keyService, keyBuild = "service", "build"
)

// revive gives jobs that crashed another chance, until ctx ends.
func (s *Service) revive(ctx context.Context) {
	q := s.queue.Wait(ctx)
	if q == nil {
		return
	}
	updated, err := s.updated(ctx, q)
	if err != nil && ctx.Err() == nil {
		s.log.Warn("the version of the program that ran before could not be read", "error", err)
	}
	if updated {
		s.clearCrashes(ctx, q, 0)
	}
	for ctx.Err() == nil {
		s.clearCrashes(ctx, q, reviveAfter)
		_ = pause.For(ctx, reviveEvery)
	}
}

// stopOrderly gives all jobs that crashed another chance at the next start.
func (s *Service) stopOrderly(ctx context.Context) error {
	if q, err := s.queue.Get(); err == nil {
		ctx, cancel := context.WithTimeout(ctx, stopGrace/2)
		defer cancel()
		s.clearCrashes(ctx, q, 0)
	}
	return nil
}

// updated reports whether another version of the program ran before, and keeps which runs now.
func (s *Service) updated(ctx context.Context, q *jobs.Queue) (bool, error) {
	values := q.Values(keyService)
	before, known, err := values.Get(ctx, keyBuild)
	if err != nil || known && before == s.options.Version {
		return false, err
	}
	return true, values.Set(ctx, keyBuild, s.options.Version)
}

// clearCrashes gives jobs another chance that were given up at least so long ago: one attempt.
// With zero the crashes are forgotten altogether, those of jobs that wait as well.
func (s *Service) clearCrashes(ctx context.Context, q *jobs.Queue, after time.Duration) {
	for job := range q.Jobs(jobs.Filter{}) {
		if job.Crashes == 0 {
			continue
		}
		switch {
		case job.State == jobs.Discarded && time.Since(job.Ended) >= after:
		case job.State == jobs.Queued && after == 0:
		default:
			continue
		}
		again := q.Requeue
		if after > 0 {
			again = q.Revive
		}
		_, err := again(ctx, job.Key)
		switch {
		case err == nil && job.State == jobs.Discarded:
			s.log.Info("a job that crashed is tried again", "job", job.Key, "project", job.Project)
			s.release(ctx, q, job)
		case err != nil && !jobs.Overtaken(err):
			s.log.Warn("jobs that crashed are not tried again", "error", err)
			return
		}
	}
}

// release lets the pushes go on that wait for a recording that crashed.
func (s *Service) release(ctx context.Context, q *jobs.Queue, crashed jobs.Job) {
	for job := range q.Jobs(jobs.Filter{Project: crashed.Project, States: []jobs.State{jobs.Queued}}) {
		if job.After == crashed.Key && job.NotBefore.After(time.Now()) {
			_, _ = q.Requeue(ctx, job.Key) // else it looks by itself in a while
		}
	}
}
