package control

import (
	"cmp"
	"fmt"
	"slices"

	"github.com/asr-backend/asr-backend/internal/hint"
	"github.com/asr-backend/asr-backend/jobs"
	"github.com/asr-backend/asr-backend/service/overview"
)

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

func (r *Report) add(o Outcome) {
	r.Counts[o.Outcome]++
	r.Outcomes = append(r.Outcomes, o)
}

// ended adds the outcome of a task for which something was tried.
func (r *Report) ended(t *overview.Task, outcome string, err error) {
	o := Outcome{Task: t.ID, Project: t.Project, Outcome: outcome}
	switch {
	case jobs.Overtaken(err):
		o.Outcome, o.Detail = Unchanged, "it has ended meanwhile"
	case err != nil:
		o.Outcome, o.Detail, o.Hint = Failed, err.Error(), hint.Of(err)
	}
	r.add(o)
}

// close puts what failed first, and leaves out what is too much.
func (r *Report) close() {
	rank := []string{Failed, NotKnown, Unchanged}
	slices.SortStableFunc(r.Outcomes, func(a, b Outcome) int {
		i, j := slices.Index(rank, a.Outcome), slices.Index(rank, b.Outcome)
		return cmp.Or(cmp.Compare(uint(i), uint(j)), cmp.Compare(a.Task, b.Task)) // -1 is the largest
	})
	if r.Omitted = len(r.Outcomes) - MaxListed; r.Omitted > 0 {
		r.Outcomes = r.Outcomes[:MaxListed]
	}
	r.Omitted = max(r.Omitted, 0)
}
