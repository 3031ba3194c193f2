package training

import (
	"context"
	"encoding/json"
	"fmt"
	"slices"
	"time"

	"github.com/asr-backend/asr-backend/jobs"
	"github.com/asr-backend/asr-backend/service/projects"
	"github.com/asr-backend/asr-backend/wer"
)

// keyState is the value of a project that holds its runs, as JSON.
const keyState = "training"

// Run is a run that ended.
type Run struct {
	At    time.Time `json:"at"`
	TookS float64   `json:"took_s,omitempty"`
	// Model is the new model, and Base the one that it was made of. Model is empty if there is none.
	Model string `json:"model,omitempty"`
	Base  string `json:"base,omitempty"`
	// Learn and Judge are how many clips there were, and LeftOut how many passages were left out, by
	// reason.
	Learn   int            `json:"learn_clips"`
	Judge   int            `json:"judge_clips"`
	LeftOut map[string]int `json:"left_out,omitempty"`
	// Before and After are the errors of both models on the clips that judge.
	Before  *wer.Errors `json:"before,omitempty"`
	After   *wer.Errors `json:"after,omitempty"`
	TakenUp bool        `json:"taken_up"`
	Reason  string      `json:"reason"`
}

// mostRuns is how many are remembered.
const mostRuns = 20

// Status is what people may want to know of how a project's model is trained.
type Status struct {
	// On says that the service has a command for it.
	On bool `json:"on"`
	// Waits and Running say what becomes of the job, if there is one.
	Waits   bool `json:"waits"`
	Running bool `json:"running"`
	// Problem is why the last attempt failed, of a job that is tried again or was given up.
	Problem string `json:"problem,omitempty"`
	Hint    string `json:"hint,omitempty"`
	// Model is the trained model in use, and From the one that the settings of the project name; empty
	// for none.
	Model string `json:"model,omitempty"`
	From  string `json:"from,omitempty"`
	// Runs are those that ended, the last one first.
	Runs []Run `json:"runs"`
	// Log is the end of what the command has written.
	Log []string `json:"log,omitempty"`
}

// logLines is how many lines of the log are part of a Status.
const logLines = 20

// Status returns how the model of a project is trained.
func (t *Training) Status(ctx context.Context, project int64) (*Status, error) {
	out := &Status{On: t.On()}
	q, err := t.Queue.Get()
	if err != nil {
		return nil, err
	}
	if job, ok := q.Peek(trainJob{project}.Key()); ok && !job.Cancelled {
		out.Waits, out.Running = job.State == jobs.Queued, job.State == jobs.Running
		if job.State != jobs.Done {
			out.Problem, out.Hint = job.Reason, job.Hint
		}
	}
	text, _, err := q.Values(projects.Name(project)).Get(ctx, keyState)
	if err != nil {
		return nil, fmt.Errorf("read how the model of project %d was trained: %w", project, err)
	}
	out.Runs = parseRuns(text)
	slices.Reverse(out.Runs)
	trained, err := t.Projects.Trained(ctx, project)
	if err != nil {
		return nil, err
	}
	out.Model, out.From = trained.Model, trained.From
	out.Log = lastLines(t.Log(project), logLines)
	return out, nil
}

// parseRuns reads runs, the last one at the end. What cannot be read counts as none: which model is
// used does not depend on it.
func parseRuns(text string) []Run {
	runs := []Run{}
	if text == "" || json.Unmarshal([]byte(text), &runs) != nil {
		return []Run{}
	}
	return runs
}

// note remembers a run.
func (t *Training) note(ctx context.Context, project int64, run Run) error {
	q, err := t.Queue.Get()
	if err != nil {
		return err
	}
	err = q.Values(projects.Name(project)).Update(ctx, keyState, func(old string) (string, error) {
		runs := append(parseRuns(old), run)
		raw, err := json.Marshal(runs[max(len(runs)-mostRuns, 0):])
		return string(raw), err
	})
	if err != nil {
		return fmt.Errorf("note how the model of project %d was trained: %w", project, err)
	}
	return nil
}
