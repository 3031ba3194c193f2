package control

import (
	"context"
	"fmt"
	"slices"

	"github.com/asr-backend/asr-backend/service/overview"
)

// eligible are the states of tasks for which there is something to do, by action.
var eligible = map[Action][]overview.State{
	Cancel:     {overview.Waiting, overview.Transcribing, overview.ToBePushed, overview.NotPushed, overview.Cancelled},
	Retry:      {overview.Failed, overview.NotPushed, overview.NotAccepted, overview.Cancelled, overview.Waiting, overview.ToBePushed},
	Prioritize: {overview.Waiting, overview.Transcribing, overview.ToBePushed},
}

// Do does something with tasks. The error is that of a selection that makes no sense, or of a queue
// that is not open.
func (c *Control) Do(ctx context.Context, action Action, s Selection) (*Report, error) {
	if err := s.check(); err != nil {
		return nil, err
	}
	q, err := c.queue(ctx)
	if err != nil {
		return nil, err
	}
	r := &Report{Outcomes: []Outcome{}, Counts: map[string]int{}}
	tasks, err := c.find(ctx, q, action, &s, r)
	if err != nil {
		return nil, err
	}
	byProject := map[int64][]overview.Task{}
	for _, t := range tasks {
		if why := refusal(action, t.State, s.Force); why != "" {
			r.add(Outcome{Task: t.ID, Project: t.Project, Outcome: Unchanged, Detail: why})
			continue
		}
		byProject[t.Project] = append(byProject[t.Project], t)
	}
	for project, tasks := range byProject {
		switch action {
		case Cancel:
			c.cancel(ctx, project, tasks, r)
		case Retry:
			c.retry(ctx, project, tasks, s.Force, r)
		case Prioritize:
			c.prioritize(ctx, tasks, r)
		}
	}
	r.close()
	c.Logger.Info("somebody controls tasks", "action", action, "project", s.Project, "named", len(s.Tasks), "states", s.States, "outcomes", r.Counts, "left", r.Left)
	return r, nil
}

// refusal says why there is nothing to do for a task in a state, empty if there is.
func refusal(action Action, s overview.State, force bool) string {
	switch {
	case slices.Contains(eligible[action], s):
		return ""
	case action == Retry && (s == overview.Pushed || s == overview.Transcribed):
		if force {
			return ""
		}
		return fmt.Sprintf("it is %s; with force it is transcribed again", s)
	case action == Retry && s == overview.Transcribing:
		return "it is being transcribed; cancel it first"
	case s == overview.NotAnswered:
		return "a region of it was not transcribed; draw the region again"
	}
	return fmt.Sprintf("it is %s", s)
}
