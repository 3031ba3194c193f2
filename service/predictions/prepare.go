package predictions

import (
	"context"
	"errors"
	"sync/atomic"

	"github.com/asr-backend/asr-backend/internal/parallel"
	"github.com/asr-backend/asr-backend/jobs"
	"github.com/asr-backend/asr-backend/labelstudio"
	"github.com/asr-backend/asr-backend/labelstudio/media"
	"github.com/asr-backend/asr-backend/priority"
	"github.com/asr-backend/asr-backend/service/internal/background"
	"github.com/asr-backend/asr-backend/service/problems"
	"github.com/asr-backend/asr-backend/service/projects"
)

// Prepare enqueues tasks before anybody opens them, and returns how many of their recordings
// have to be transcribed. A problem with one task is recorded and stops no other. Tasks that were
// cancelled stay so.
func (s *Predictions) Prepare(ctx context.Context, p *projects.Project, tasks []labelstudio.Task, class priority.Class) (transcribe int, err error) {
	if len(p.Plans) == 0 {
		return 0, nil
	}
	errs := make([]error, len(tasks))
	var missing atomic.Int64
	parallel.For(len(tasks), background.Together, func(i int) {
		a, err := s.enqueue(ctx, p, &tasks[i], request{class: class})
		if a != nil {
			missing.Add(int64(a.missing))
		}
		s.Problems.SetTask(p.ID, tasks[i].ID, problems.NotAccepted, err)
		if !ofTask(err) {
			errs[i] = err
		}
	})
	return int(missing.Load()), errors.Join(errs...)
}

// ofTask reports whether an error of accepting a task is about the task alone, so that trying
// again does not help. Others are of the store.
func ofTask(err error) bool {
	if unfetched, ok := errors.AsType[*media.Error](err); ok {
		_, again := media.Retryable(unfetched)
		return !again
	}
	return errors.Is(err, errNoRecording) || errors.Is(err, jobs.ErrTooLarge)
}

// Known reports whether a task has a push of the project's present version, in whatever state:
// it waits, has ended, or was given up with its reason.
func (s *Predictions) Known(q *jobs.Queue, p *projects.Project, task int64) bool {
	job, ok := q.Peek(push{TaskID: task, ProjectID: p.ID, Version: p.Version}.Key())
	return ok && job.Project != "" // else its record is damaged, and is made anew
}

// WaitingFor returns the tasks of a project that wait for a transcription alone, given the key of
// its job, to have their prediction of the present version pushed.
func WaitingFor(q *jobs.Queue, p *projects.Project, transcription string) (tasks []int64) {
	for job := range q.Jobs(jobs.Filter{Project: projects.Name(p.ID), Kind: Kind, States: []jobs.State{jobs.Queued}}) {
		if _, task, version, ok := ParseKey(job.Key); ok && job.After == transcription && version == p.Version {
			tasks = append(tasks, task)
		}
	}
	return tasks
}

// Forget takes back what is queued for tasks that are gone. Transcriptions stay: other tasks
// may show the same recording.
func (s *Predictions) Forget(ctx context.Context, project int64, gone map[int64]bool) error {
	q, err := s.Queue.Get()
	if err != nil {
		return err
	}
	s.Problems.Forget(project, gone)
	for job := range q.Jobs(jobs.Filter{Project: projects.Name(project), Kind: Kind}) {
		if _, task, _, ok := ParseKey(job.Key); !ok || !gone[task] {
			continue
		}
		if err := q.Remove(ctx, job.Key); err != nil && !errors.Is(err, jobs.ErrNotFound) {
			return err
		}
		if before, ok := q.Peek(job.After); ok && before.Cancelled {
			s.Queue.Discard(ctx, before.Key) // nothing else would remove it
		}
	}
	return nil
}
