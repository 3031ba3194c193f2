package reconcile

import (
	"context"
	"errors"
	"fmt"

	"github.com/asr-backend/asr-backend/jobs"
	"github.com/asr-backend/asr-backend/labelstudio/api"
	"github.com/asr-backend/asr-backend/service/predictions"
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
	if r.Forgotten != nil {
		r.Forgotten(project)
	}
	r.Problems.ForgetProject(project)
	r.mu.Lock()
	delete(r.known, project)
	r.mu.Unlock()
	r.Logger.Info("a project that Label Studio does not know any more was forgotten", "project", project)
	return errForgotten
}

// storages looks after recordings that were given up because their project has no storage for
// them. While that is so, the others in that storage that wait are given up as well: each would
// fail only when its turn comes. Once there is one, they are tried again, and the look goes on to
// find their tasks.
//
// A recording that failed so is the evidence. Label Studio may list no storages because it failed
// to read them.
func (r *Reconciler) storages(ctx context.Context, q *jobs.Queue, project int64) error {
	failed, err := r.unstored(ctx, q, project)
	if err != nil || len(failed) == 0 {
		return err
	}
	list, err := r.Client.Storages(ctx, project)
	if api.Status(err) != 0 {
		return nil // the user behind the token may not see storages
	}
	if err != nil {
		return err
	}
	lost := map[string]bool{}
	for root, keys := range failed {
		if lost[root] = !recordings.Serve(list, root); lost[root] {
			continue
		}
		if err := r.again(ctx, q, project, keys); err != nil {
			return err
		}
		r.Logger.Info("recordings whose storage was missing are tried again", "project", project, "storage", root, "recordings", len(keys))
	}
	return r.giveUp(ctx, q, project, lost)
}

// unstored returns the keys of the transcriptions that were given up for want of a storage, by
// what is in that storage.
func (r *Reconciler) unstored(ctx context.Context, q *jobs.Queue, project int64) (map[string]map[string]bool, error) {
	roots := map[string]string{} // by reason, which is the same for all in a storage
	out := map[string]map[string]bool{}
	for job := range q.Jobs(jobs.Filter{Project: projects.Name(project), Kind: recordings.Kind, States: []jobs.State{jobs.Discarded}}) {
		if _, known := roots[job.Reason]; !known {
			root, err := r.root(ctx, q, job.Key)
			if err != nil {
				return nil, err
			}
			if job.Reason != (&recordings.NoStorageError{Project: project, Storage: root}).Error() {
				root = ""
			}
			roots[job.Reason] = root
		}
		if root := roots[job.Reason]; root != "" {
			if out[root] == nil {
				out[root] = map[string]bool{}
			}
			out[root][job.Key] = true
		}
	}
	return out, nil
}

// root returns what of a storage the recording of a job is in, or "".
func (r *Reconciler) root(ctx context.Context, q *jobs.Queue, key string) (string, error) {
	job, err := q.Get(ctx, key)
	if err != nil && !errors.Is(err, jobs.ErrNotFound) {
		return "", fmt.Errorf("read job %s: %w", key, err)
	}
	root, _ := r.Predictions.Recordings.Storage(job.Payload)
	return root, nil
}

// giveUp gives up the transcriptions that wait and whose storage is lost.
func (r *Reconciler) giveUp(ctx context.Context, q *jobs.Queue, project int64, lost map[string]bool) error {
	n := 0
	for job := range q.Jobs(jobs.Filter{Project: projects.Name(project), Kind: recordings.Kind, States: []jobs.State{jobs.Queued}}) {
		root, err := r.root(ctx, q, job.Key)
		if err != nil {
			return err
		}
		if !lost[root] {
			continue
		}
		_, err = q.GiveUp(ctx, job.Key, &recordings.NoStorageError{Project: project, Storage: root})
		if err != nil && !jobs.Overtaken(err) {
			return fmt.Errorf("give up job %s: %w", job.Key, err)
		}
		n++
	}
	if n > 0 {
		r.Logger.Warn("recordings are given up because their project has no storage for them any more", "project", project, "recordings", n)
	}
	return nil
}

// again makes transcriptions ready that were given up, and forgets the pushes that ended with them,
// so that the look makes them anew. A push that has not run yet goes on waiting.
func (r *Reconciler) again(ctx context.Context, q *jobs.Queue, project int64, keys map[string]bool) error {
	// The pushes first: while their transcriptions are given up, they are found again.
	for job := range q.Jobs(jobs.Filter{Project: projects.Name(project), Kind: predictions.Kind, States: []jobs.State{jobs.Done, jobs.Discarded}}) {
		if keys[job.After] {
			if err := q.RemoveEnded(ctx, job.Key); err != nil && !jobs.Overtaken(err) {
				return fmt.Errorf("forget job %s: %w", job.Key, err)
			}
		}
	}
	for key := range keys {
		if _, err := q.Requeue(ctx, key); err != nil && !jobs.Overtaken(err) {
			return fmt.Errorf("make job %s ready: %w", key, err)
		}
	}
	return nil
}
