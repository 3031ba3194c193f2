package predictions

import (
	"context"
	"fmt"
	"net/http"
	"slices"
	"time"

	"github.com/asr-backend/asr-backend/jobs"
	"github.com/asr-backend/asr-backend/labelstudio"
	"github.com/asr-backend/asr-backend/labelstudio/api"
	"github.com/asr-backend/asr-backend/labelstudio/labelconfig"
	"github.com/asr-backend/asr-backend/labelstudio/results"
	"github.com/asr-backend/asr-backend/service/projects"
	"github.com/asr-backend/asr-backend/service/recordings"
)

// Worker returns the worker that stores predictions.
func (s *Predictions) Worker() jobs.Worker { return jobs.NewWorker(s.push) }

func (s *Predictions) push(ctx context.Context, a *jobs.Attempt[push]) error {
	if s.Client == nil {
		return fmt.Errorf("ask Label Studio: %w", s.NoClient)
	}
	args := &a.Args
	p, err := s.Projects.Present(ctx, args.ProjectID)
	if err != nil {
		return err
	}
	if err := p.Served(); err != nil {
		return err // somebody is changing the configuration; what was transcribed is kept
	}
	if p.Version != args.Version {
		// Whether the task gets a prediction of the new version is for reconcile to decide.
		s.Due.At(p.ID, time.Now().Add(settle))
		return s.end(ctx, a, superseded)
	}
	switch state, err := s.Recordings.State(ctx, p.ID, args.Transcriptions); {
	case err != nil:
		return err
	case state == recordings.GivenUp:
		return s.end(ctx, a, notTranscribed)
	case state == recordings.Crashed:
		return a.Snooze(crashed)
	case state == recordings.Foreign:
		// An earlier program shared transcripts among projects. Reconcile makes one of this
		// project's own.
		s.Due.At(p.ID, time.Now().Add(settle))
		return s.end(ctx, a, superseded)
	case state == recordings.Cancelled:
		// It was, for other tasks, while this push was being enqueued.
		if err := s.wantAgain(ctx, args.Transcriptions, a.Job().Class); err != nil {
			return err
		}
		return a.Snooze(time.Second)
	case state == recordings.Waiting:
		return a.Snooze(10 * time.Second)
	}
	outcome, err := s.store(ctx, p, args)
	if err == nil {
		err = s.end(ctx, a, outcome)
	}
	if err != nil {
		s.pushed.WithLabelValues("error").Inc()
	}
	return err
}

// end ends a push. One that stored nothing leaves no job behind, so that it is made anew
// when it is asked for again.
func (s *Predictions) end(ctx context.Context, a *jobs.Attempt[push], outcome string) error {
	if err := a.Finish([]byte(outcome)); err != nil {
		return err
	}
	job := a.Job()
	s.pushed.WithLabelValues(outcome).Inc()
	s.log.Info("push ended", "project", a.Args.ProjectID, "task", a.Args.TaskID, "version", a.Args.Version, "outcome", outcome, "retries", job.Retries)
	if outcome == superseded || outcome == gone {
		s.Queue.Discard(ctx, job.Key)
	}
	return nil
}

// crashed is how long a push waits for a recording that crashed the process, before it looks
// whether the recording was given another chance.
const crashed = 10 * time.Minute

// settle is how long a project is left alone after a change of version was noticed: pushes
// that notice it too come in the next moments.
const settle = 2 * time.Second

// store builds the results of a task and stores them: in the task's data, as its one
// prediction of the version, or both. It may be repeated at any point.
func (s *Predictions) store(ctx context.Context, p *projects.Project, args *push) (outcome string, err error) {
	var plans []*labelconfig.Plan
	for _, index := range args.Plans {
		i := slices.IndexFunc(p.Plans, func(p *labelconfig.Plan) bool { return p.Index == index })
		if i < 0 {
			return superseded, nil
		}
		plans = append(plans, p.Plans[i])
	}
	var data labelstudio.Data
	if readsData(plans) {
		task, err := s.Client.Task(ctx, args.ProjectID, args.TaskID)
		if api.Status(err) == http.StatusNotFound {
			return gone, nil
		}
		if err != nil {
			return "", err
		}
		data = task.Data
	}
	if err := s.Projects.Write(ctx, p); err != nil {
		return "", err
	}
	written, err := s.Projects.Written(ctx, p.ID)
	if err != nil {
		return "", err
	}
	ours := func(version string) bool { return written[version] }
	built, err := s.Recordings.Build(ctx, p, plans, args.Transcriptions, data, ours)
	if err != nil {
		return "", err
	}
	if err := results.Validate(built.Items, p.Config); err != nil {
		return "", fmt.Errorf("the result does not fit the labelling configuration: %w", err)
	}
	if len(built.Notes) > 0 {
		s.log.Info("task data left as they are", "project", args.ProjectID, "task", args.TaskID, "notes", built.Notes)
	}
	if len(built.Patch) > 0 {
		if err := s.Client.SetTaskData(ctx, args.TaskID, data.With(built.Patch)); err != nil {
			return s.goneOr(ctx, args, err)
		}
	}
	var replaced []string
	older := func(version string) bool {
		if version == args.Version || !ours(version) {
			return false
		}
		replaced = append(replaced, version)
		return true
	}
	// A plan that only changes the task's data gets an empty prediction, which shows Label
	// Studio that the task has been seen to.
	if _, err := s.Client.PutPrediction(ctx, args.TaskID, built.Prediction(args.Version), older); err != nil {
		return s.goneOr(ctx, args, err)
	}
	for _, version := range replaced {
		// What it stored is gone, and would be wanted again if the settings went back.
		s.Queue.Discard(ctx, push{TaskID: args.TaskID, ProjectID: args.ProjectID, Version: version}.Key())
	}
	s.Selector.Select(ctx, p)
	return pushed, nil
}

// goneOr distinguishes a request that failed because the task is gone, for which Label
// Studio has several answers, from one that failed for another reason.
func (s *Predictions) goneOr(ctx context.Context, args *push, cause error) (string, error) {
	switch api.Status(cause) {
	case http.StatusBadRequest, http.StatusNotFound:
		if _, err := s.Client.Task(ctx, args.ProjectID, args.TaskID); api.Status(err) == http.StatusNotFound {
			return gone, nil
		}
	}
	return "", cause
}

// readsData reports whether results of plans depend on the task's data.
func readsData(plans []*labelconfig.Plan) bool {
	return patches(plans) || slices.ContainsFunc(plans, func(p *labelconfig.Plan) bool {
		return p.Regions != nil && p.Regions.Labels != nil && p.Regions.Labels.Dynamic()
	})
}
