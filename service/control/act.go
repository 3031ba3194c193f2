package control

import (
	"context"
	"errors"

	"github.com/asr-backend/asr-backend/internal/parallel"
	"github.com/asr-backend/asr-backend/jobs"
	"github.com/asr-backend/asr-backend/labelstudio"
	"github.com/asr-backend/asr-backend/service/overview"
	"github.com/asr-backend/asr-backend/service/projects"
)

// together is how many tasks are worked on at once: writes that come together are faster.
const together = 64

// cancel ends the work for tasks of a project.
func (c *Control) cancel(ctx context.Context, project int64, tasks []overview.Task, r *Report) {
	keys := make([]string, len(tasks))
	for i := range tasks {
		keys[i] = tasks[i].Push
	}
	for i, err := range c.Predictions.Cancel(ctx, project, keys) {
		r.ended(&tasks[i], Cancelled, err)
	}
}

// prioritize moves tasks before all that nobody has opened.
func (c *Control) prioritize(ctx context.Context, tasks []overview.Task, r *Report) {
	errs := make([]error, len(tasks))
	parallel.For(len(tasks), together, func(i int) {
		raised, err := c.Predictions.Prioritize(ctx, tasks[i].Push)
		if errs[i] = err; err == nil && !raised {
			errs[i] = jobs.ErrState
		}
	})
	for i, err := range errs {
		r.ended(&tasks[i], Prioritized, err)
	}
}

// retry tries tasks of a project again, with what Label Studio has of them now.
func (c *Control) retry(ctx context.Context, project int64, tasks []overview.Task, force bool, r *Report) {
	read, p, err := c.read(ctx, project, tasks)
	if err != nil {
		for i := range tasks {
			r.ended(&tasks[i], Failed, err)
		}
		return
	}
	errs := c.Predictions.Retry(ctx, p, read, force)
	became := make(map[int64]error, len(read))
	for i := range read {
		became[read[i].ID] = errs[i]
	}
	for i := range tasks {
		err, there := became[tasks[i].ID]
		if !there {
			r.add(Outcome{Task: tasks[i].ID, Project: project, Outcome: NotKnown, Detail: "Label Studio does not have it any more"})
			continue
		}
		r.ended(&tasks[i], Retried, err)
	}
}

// read reads tasks and their project.
func (c *Control) read(ctx context.Context, project int64, tasks []overview.Task) ([]labelstudio.Task, *projects.Project, error) {
	if c.Client == nil {
		return nil, nil, errors.New("tasks cannot be read without LABEL_STUDIO_URL and LABEL_STUDIO_API_KEY: open the task in Label Studio to try it again")
	}
	loaded, err := c.Projects.Refresh(ctx, c.Client, project)
	if err != nil {
		return nil, nil, err
	}
	p, err := c.Projects.Resolve(ctx, loaded)
	if err == nil {
		err = p.Served()
	}
	if err != nil {
		return nil, nil, err
	}
	ids := make([]int64, len(tasks))
	for i := range tasks {
		ids[i] = tasks[i].ID
	}
	var read []labelstudio.Task
	for task, err := range c.Client.TasksByID(ctx, project, ids, false) {
		if err != nil {
			return nil, nil, err
		}
		read = append(read, task)
	}
	return read, p, nil
}
