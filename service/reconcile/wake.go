package reconcile

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/asr-backend/asr-backend/jobs"
	"github.com/asr-backend/asr-backend/service/projects"
	"github.com/asr-backend/asr-backend/service/queue"
	"github.com/asr-backend/asr-backend/service/recordings"
)

// wake makes jobs of a project ready that wait because they failed, since what they failed of
// may be over. Recordings fail of other things, see package outage.
func (r *Reconciler) wake(ctx context.Context, q *jobs.Queue, project int64) error {
	return queue.Wake(ctx, q, jobs.Filter{Project: projects.Name(project)}, func(j jobs.Job) bool { return j.Kind != recordings.Kind })
}

// missing notes that Label Studio does not know a project, and returns for how long it has not.
func (r *Reconciler) missing(project int64, now time.Time) time.Duration {
	r.mu.Lock()
	defer r.mu.Unlock()
	s := r.known[project]
	if s.missing.IsZero() {
		s.missing = now
		r.known[project] = s
	}
	return now.Sub(s.missing)
}

// found notes that Label Studio knows a project.
func (r *Reconciler) found(project int64) {
	r.mu.Lock()
	defer r.mu.Unlock()
	s := r.known[project]
	s.missing = time.Time{}
	r.known[project] = s
}

// errForgotten says that a project is not looked through any more.
var errForgotten = errors.New("the project was forgotten")

// forget drops a project and everything that is kept for it, transcripts too. It returns
// errForgotten.
func (r *Reconciler) forget(ctx context.Context, q *jobs.Queue, project int64) error {
	for job := range q.Jobs(jobs.Filter{Project: projects.Name(project)}) {
		if err := q.Remove(ctx, job.Key); err != nil && !errors.Is(err, jobs.ErrNotFound) {
			return fmt.Errorf("forget job %s: %w", job.Key, err)
		}
	}
	if err := r.Projects.Forget(ctx, project); err != nil {
		return err
	}
	r.Problems.ForgetProject(project)
	r.mu.Lock()
	delete(r.known, project)
	r.mu.Unlock()
	r.Logger.Info("a project that Label Studio does not know any more was forgotten", "project", project)
	return errForgotten
}
