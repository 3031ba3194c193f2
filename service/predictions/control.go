package predictions

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"

	"github.com/asr-backend/asr-backend/internal/parallel"
	"github.com/asr-backend/asr-backend/jobs"
	"github.com/asr-backend/asr-backend/labelstudio"
	"github.com/asr-backend/asr-backend/priority"
	"github.com/asr-backend/asr-backend/service/internal/background"
	"github.com/asr-backend/asr-backend/service/problems"
	"github.com/asr-backend/asr-backend/service/projects"
)

// Cancelled reports whether the work for a task was cancelled, in the project's present version.
func (s *Predictions) Cancelled(p *projects.Project, task int64) bool {
	q, err := s.Queue.Get()
	if err != nil {
		return false
	}
	job, ok := q.Peek(push{TaskID: task, ProjectID: p.ID, Version: p.Version}.Key())
	return ok && job.Cancelled
}

// Cancel ends the work for tasks of a project, given the keys of their pushes: these stay
// cancelled until they are asked for again by a person. Transcriptions that no other push waits
// for end with them. The errors are by position: jobs.ErrState for a push that is done.
//
// The push is cancelled first. If the process is killed then, the transcription goes on and is
// stored, which does no harm.
func (s *Predictions) Cancel(ctx context.Context, project int64, pushes []string) []error {
	errs := make([]error, len(pushes))
	q, err := s.Queue.Get()
	if err != nil {
		return fill(errs, err)
	}
	keys := make([][]string, len(pushes))
	parallel.For(len(pushes), background.Together, func(i int) {
		job, err := q.Cancel(ctx, pushes[i])
		if errs[i] = err; err == nil {
			keys[i] = TranscriptionsOf(job)
		}
	})
	var all []string
	for _, of := range keys {
		all = append(all, of...)
	}
	if err := s.withdraw(ctx, q, project, all); err != nil {
		return fill(errs, err)
	}
	return errs
}

// fill sets the errors that are nil.
func fill(errs []error, err error) []error {
	for i := range errs {
		if errs[i] == nil {
			errs[i] = err
		}
	}
	return errs
}

// TranscriptionsOf returns the keys of the transcriptions that a push needs, given its job with the
// payload.
func TranscriptionsOf(job jobs.Job) []string {
	var args push
	if json.Unmarshal(job.Payload, &args) != nil || len(args.Transcriptions) == 0 {
		return []string{job.After} // an unreadable one at least waited for this
	}
	return args.Transcriptions
}

// withdraw cancels those of a project's transcriptions that no push waits for any more. A push that
// is enqueued at the same moment finds that out; see push.
func (s *Predictions) withdraw(ctx context.Context, q *jobs.Queue, project int64, keys []string) error {
	left := map[string]bool{}
	for _, key := range keys {
		if job, ok := q.Peek(key); ok && (!job.State.Ended() || job.Crashes > 0) { // one that crashed is tried again later
			left[key] = job.Project == projects.Name(project)
		}
	}
	if err := s.keepWanted(ctx, q, project, left); err != nil {
		return err
	}
	var unwanted []string
	for key, ok := range left {
		if ok {
			unwanted = append(unwanted, key)
		}
	}
	errs := make([]error, len(unwanted))
	parallel.For(len(unwanted), background.Together, func(i int) {
		_, err := q.Cancel(ctx, unwanted[i])
		if !jobs.Overtaken(err) {
			errs[i] = err
		}
	})
	return errors.Join(errs...)
}

// keepWanted deletes the transcriptions from keys that a push of the project still waits for.
func (s *Predictions) keepWanted(ctx context.Context, q *jobs.Queue, project int64, keys map[string]bool) error {
	if len(keys) == 0 {
		return nil
	}
	// A push names the last of its recordings in its record, and the others in its payload only.
	p, err := s.Projects.Show(ctx, project)
	several := err != nil || len(p.Plans) > 1
	for push := range q.Pairs(jobs.Filter{Project: projects.Name(project), Kind: Kind, States: []jobs.State{jobs.Queued, jobs.Running}}) {
		delete(keys, push.After)
		if !several {
			continue
		}
		job, err := q.Get(ctx, push.Key)
		if err != nil && !errors.Is(err, jobs.ErrNotFound) {
			return fmt.Errorf("find out who else waits for a recording: %w", err)
		}
		for _, key := range TranscriptionsOf(job) {
			delete(keys, key)
		}
	}
	return nil
}

// wantAgain restarts those of the transcriptions that were cancelled.
func (s *Predictions) wantAgain(ctx context.Context, keys []string, class priority.Class) error {
	q, err := s.Queue.Get()
	if err != nil {
		return err
	}
	for _, key := range keys {
		if job, ok := q.Peek(key); !ok || !job.Cancelled {
			continue
		}
		_, err := q.Restart(ctx, key, jobs.RestartOptions{Class: class})
		if err != nil && !jobs.Overtaken(err) {
			return err
		}
	}
	return nil
}

// Retry tries tasks again with fresh attempts, whatever became of them; with force, those that are
// done are transcribed again. The errors are by position.
func (s *Predictions) Retry(ctx context.Context, p *projects.Project, tasks []labelstudio.Task, force bool) []error {
	errs := make([]error, len(tasks))
	parallel.For(len(tasks), background.Together, func(i int) {
		_, errs[i] = s.enqueue(ctx, p, &tasks[i], request{class: priority.Batch, asked: true, again: true, force: force})
		s.Problems.SetTask(p.ID, tasks[i].ID, problems.NotAccepted, errs[i])
	})
	return errs
}

// Prioritize raises the transcriptions of a task and its push, given the key of the push, before
// all that nobody has opened. Those that run go on in their new class. It reports whether there was
// anything to raise.
func (s *Predictions) Prioritize(ctx context.Context, key string) (bool, error) {
	q, err := s.Queue.Get()
	if err != nil {
		return false, err
	}
	job, err := q.Get(ctx, key)
	if err != nil {
		return false, err
	}
	raised := false
	for _, key := range append(TranscriptionsOf(job), key) {
		switch _, err := q.Raise(ctx, key, priority.Expedited); {
		case err == nil:
			raised = true
		case !jobs.Overtaken(err):
			return raised, err
		}
	}
	return raised, nil
}
