package recordings

import (
	"context"
	"errors"

	"github.com/asr-backend/asr-backend/labelstudio/media"
)

// A recording may stand in the task itself, as a data URI of megabytes. Jobs are not made for
// that, so the job has a reference to it. What the reference names is kept in the cache of
// recordings from the moment the task is seen, and read from Label Studio again where the cache
// has dropped it, or where another node works on the job.

// keep puts the data URI of a recording into the cache.
func (r *Recordings) keep(ctx context.Context, rec *Recording) error {
	if rec.inline == "" {
		return nil
	}
	file, err := r.fetcher.Fetch(ctx, media.Request{Value: rec.inline, Project: rec.ProjectID})
	if err != nil {
		return err
	}
	file.Close()
	return nil
}

// refetch fetches a recording that stands in a task and is not kept any more, given the error
// of fetching it. If the task does not have it either, that error is the answer.
func (r *Recordings) refetch(ctx context.Context, rec *Recording, cause error) (*media.File, error) {
	if !errors.Is(cause, media.ErrNotKept) || r.client == nil {
		return nil, cause
	}
	p, err := r.projects.Present(ctx, rec.ProjectID)
	if err != nil {
		return nil, err
	}
	for task, err := range r.client.TasksByID(ctx, rec.ProjectID, []int64{rec.TaskID}, false) {
		if err != nil {
			return nil, err
		}
		for _, plan := range p.Plans {
			value, _ := plan.Recording(task.Data)
			if reference, ok := media.Reference(value); ok && reference == rec.Value {
				return r.fetcher.Fetch(ctx, media.Request{Value: value, Project: rec.ProjectID})
			}
		}
	}
	return nil, cause
}
