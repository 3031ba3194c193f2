package control

import (
	"context"
	"fmt"
	"slices"

	"github.com/asr-backend/asr-backend/jobs"
	"github.com/asr-backend/asr-backend/service/overview"
)

// selectable are the states that a selection without states means.
var selectable = map[Action][]overview.State{
	Cancel:     {overview.Waiting, overview.Transcribing, overview.ToBePushed},
	Retry:      {overview.Failed, overview.NotPushed, overview.NotAccepted, overview.Cancelled},
	Prioritize: {overview.Waiting, overview.Transcribing, overview.ToBePushed},
}

// find returns the tasks of a selection, as they are now.
func (c *Control) find(ctx context.Context, q *jobs.Queue, action Action, s *Selection, r *Report) ([]overview.Task, error) {
	ids := c.Projects.List(ctx)
	if s.Project != 0 {
		if !slices.Contains(ids, s.Project) {
			return nil, &SelectionError{fmt.Sprintf("project %d is not connected", s.Project)}
		}
		ids = []int64{s.Project}
	}
	var found []overview.Task
	if len(s.Tasks) == 0 {
		states := s.States
		if len(states) == 0 {
			states = selectable[action]
		}
		c.Overview.Each(ctx, q, ids, overview.Query{States: states, Sort: overview.ByUpdated}, func(t overview.Task) bool {
			if len(found) == MaxTasks {
				r.Left++
			} else {
				found = append(found, t)
			}
			return true
		})
		return found, nil
	}
	seen := map[int64]bool{}
	for _, id := range s.Tasks {
		if seen[id] {
			continue
		}
		seen[id] = true
		t, ok := c.one(ctx, q, ids, id)
		switch {
		case !ok:
			r.add(Outcome{Task: id, Outcome: NotKnown})
		case len(s.States) > 0 && !slices.Contains(s.States, t.State):
			r.add(Outcome{Task: id, Project: t.Project, Outcome: Unchanged, Detail: fmt.Sprintf("it is %s", t.State)})
		default:
			found = append(found, t)
		}
	}
	return found, nil
}

// one returns a task of any of some projects.
func (c *Control) one(ctx context.Context, q *jobs.Queue, projects []int64, task int64) (overview.Task, bool) {
	for _, id := range projects {
		if t, ok := c.Overview.Of(ctx, q, id, task); ok {
			return t, true
		}
	}
	return overview.Task{}, false
}
