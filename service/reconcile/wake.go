package reconcile

import (
	"context"
	"errors"
	"fmt"

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
