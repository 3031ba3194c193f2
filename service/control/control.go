// Package control lets people cancel, retry and prioritize the work for tasks, and look at it.
//
// # The unit
//
// People know tasks of Label Studio, by their ids. The queue knows two jobs for each: a
// transcription, which tasks with the same recording share, and a push of the prediction. So what
// is done to a task is done to its push, and to its transcriptions as far as no other task is
// concerned.
//
//	           push                          transcription
//	cancel     cancelled                     cancelled, unless the push of another task waits for it
//	retry      queued with fresh attempts    the same, unless it is done or runs
//	prioritize raised                        raised, also while it runs
//
// # What lasts
//
// Everything is a transition of a record in the queue, one compare-and-set each (package jobs), so it
// survives restarts and kills, and is right whatever workers do at the same moment. A cancelled push
// keeps its record: that is how webhooks and the comparison with Label Studio know that the task is
// to be left alone. It is over when somebody retries the task, opens it, or asks for its prediction
// in Label Studio, and for the next version of the model, which has a push of its own.
//
// What is done to a task may be repeated: a request that broke off is sent again as it was.
//
// # Routes
//
//	GET  /jobs              tasks by state, with package overview's query; or one, with task=ID
//	POST /jobs/cancel       a Selection as JSON, or as a form of a page
//	POST /jobs/retry
//	POST /jobs/prioritize
package control

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"slices"
	"time"

	"github.com/asr-backend/asr-backend/jobs"
	"github.com/asr-backend/asr-backend/labelstudio/api"
	"github.com/asr-backend/asr-backend/service/overview"
	"github.com/asr-backend/asr-backend/service/predictions"
	"github.com/asr-backend/asr-backend/service/projects"
	"github.com/asr-backend/asr-backend/service/queue"
	"github.com/asr-backend/asr-backend/service/recordings"
)

// Options are what a Control is made of. All but Client and Logger are required.
type Options struct {
	Queue       *queue.Queue
	Projects    *projects.Registry
	Recordings  *recordings.Recordings
	Predictions *predictions.Predictions
	Overview    *overview.Overview
	// Client reads tasks that are retried. Without one there are no pushes, and nothing to control.
	Client *api.Client
	Logger *slog.Logger // nil: no log
}

// Control controls the work for tasks. It is safe for concurrent use.
type Control struct{ Options }

// New returns a Control.
func New(o Options) (*Control, error) {
	if o.Queue == nil || o.Projects == nil || o.Recordings == nil || o.Predictions == nil || o.Overview == nil {
		return nil, errors.New("control: Options are incomplete")
	}
	if o.Logger == nil {
		o.Logger = slog.New(slog.DiscardHandler)
	}
	return &Control{o}, nil
}

// Action is what to do with tasks.
type Action string

// The actions.
const (
	Cancel     Action = "cancel"
	Retry      Action = "retry"
	Prioritize Action = "prioritize"
)

// Selection says which tasks. Either Tasks or Project is set; Project and States also limit Tasks.
type Selection struct {
	Tasks   []int64          `json:"tasks,omitempty"`
	Project int64            `json:"project,omitempty"`
	States  []overview.State `json:"states,omitempty"` // empty: those that the action is for
	// Force has tasks that are done transcribed again, by Retry.
	Force bool `json:"force,omitempty"`
}

// Outcomes of an action, by task.
const (
	Cancelled   = "cancelled"
	Retried     = "retried"
	Prioritized = "prioritized"
	Unchanged   = "unchanged" // there is nothing to do; the detail says why
	NotKnown    = "not known" // the service knows no such task
	Failed      = "failed"    // the detail says why
)

// Outcome is what became of one task.
type Outcome struct {
	Task    int64  `json:"task"`
	Project int64  `json:"project,omitempty"`
	Outcome string `json:"outcome"`
	Detail  string `json:"detail,omitempty"`
	Hint    string `json:"hint,omitempty"`
}

// Report is what became of a selection.
type Report struct {
	Outcomes []Outcome      `json:"outcomes"` // at most MaxListed, those that failed first
	Counts   map[string]int `json:"counts"`   // of all, by outcome
	Omitted  int            `json:"omitted,omitempty"`
	// Left is how many tasks match beyond MaxTasks: repeat the request for them.
	Left int `json:"left,omitempty"`
}

const (
	// MaxTasks is how many tasks one request works on.
	MaxTasks = 10_000
	// MaxListed is how many outcomes a Report lists.
	MaxListed = 1000
)

// eligible are the states of tasks for which there is something to do, by action.
var eligible = map[Action][]overview.State{
	Cancel:     {overview.Waiting, overview.Transcribing, overview.ToBePushed, overview.NotPushed, overview.Cancelled},
	Retry:      {overview.Failed, overview.NotPushed, overview.NotAccepted, overview.Cancelled, overview.Waiting, overview.ToBePushed},
	Prioritize: {overview.Waiting, overview.Transcribing, overview.ToBePushed},
}

// selectable are the states that a selection without states means.
var selectable = map[Action][]overview.State{
	Cancel:     {overview.Waiting, overview.Transcribing, overview.ToBePushed},
	Retry:      {overview.Failed, overview.NotPushed, overview.NotAccepted, overview.Cancelled},
	Prioritize: eligible[Prioritize],
}

// SelectionError says what is wrong with a selection.
type SelectionError struct{ What string }

func (e *SelectionError) Error() string { return e.What }

func (s *Selection) check() error {
	if len(s.Tasks) == 0 && s.Project == 0 {
		return &SelectionError{"name tasks, or a project"}
	}
	for _, state := range s.States {
		if !state.Known() {
			return &SelectionError{fmt.Sprintf("there is no state %q; the states are %q", state, overview.States())}
		}
	}
	if len(s.Tasks) > MaxTasks {
		return &SelectionError{fmt.Sprintf("%d tasks are too many, one request takes %d", len(s.Tasks), MaxTasks)}
	}
	return nil
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

// opening is how long a request waits for the queue, in the first moments of the process.
const opening = 10 * time.Second

// queue returns the queue.
func (c *Control) queue(ctx context.Context) (*jobs.Queue, error) {
	ctx, cancel := context.WithTimeout(ctx, opening)
	defer cancel()
	c.Queue.Wait(ctx)
	return c.Queue.Get()
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
		c.Overview.Each(q, ids, overview.Query{States: states}, func(t overview.Task) bool {
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
