package predictions

import (
	"context"
	"errors"

	"github.com/asr-backend/asr-backend/internal/parallel"
	"github.com/asr-backend/asr-backend/jobs"
	"github.com/asr-backend/asr-backend/labelstudio"
	"github.com/asr-backend/asr-backend/priority"
	"github.com/asr-backend/asr-backend/service/problems"
	"github.com/asr-backend/asr-backend/service/projects"
)

// Prepare enqueues tasks before anybody opens them. A problem with one task is recorded and
// stops no other.
func (s *Predictions) Prepare(ctx context.Context, lp *labelstudio.Project, tasks []labelstudio.Task) error {
	p, err := s.Projects.Resolve(ctx, lp)
	if err != nil {
		return err
	}
	return s.prepare(ctx, p, tasks)
}

func (s *Predictions) prepare(ctx context.Context, p *projects.Project, tasks []labelstudio.Task) error {
	if len(p.Plans) == 0 {
		return nil
	}
	errs := make([]error, len(tasks))
	parallel.For(len(tasks), together, func(i int) {
		_, err := s.enqueue(ctx, p, &tasks[i], request{class: priority.Batch})
		s.Problems.SetTask(p.ID, tasks[i].ID, problems.NotAccepted, err)
		if err != nil && !errors.Is(err, errNoRecording) && !errors.Is(err, jobs.ErrTooLarge) {
			errs[i] = err
		}
	})
	return errors.Join(errs...)
}

// PrepareAll prepares all tasks of a project, or with zero of all projects.
func (s *Predictions) PrepareAll(ctx context.Context, project int64) error {
	for _, id := range s.Projects.Concerned(ctx, project) {
		loaded, err := s.Projects.Load(ctx, id)
		if err == nil && s.Client != nil {
			err = s.prepareStored(ctx, loaded, func(*labelstudio.Task) bool { return true })
		}
		if err != nil {
			return err
		}
	}
	return nil
}

// prepareStored prepares those tasks of a project in Label Studio that are wanted. A project
// that is gone, or that the token's user may not see, is passed over.
func (s *Predictions) prepareStored(ctx context.Context, lp *labelstudio.Project, wanted func(*labelstudio.Task) bool) error {
	var p *projects.Project
	for task, err := range s.Client.Tasks(ctx, lp.ID, false) {
		if projects.Inaccessible(err) {
			s.Problems.SetProject(lp.ID, err)
			return nil
		}
		if err != nil {
			return err
		}
		if !wanted(&task) {
			continue
		}
		if p == nil {
			if p, err = s.Projects.Resolve(ctx, lp); err != nil {
				return err
			}
		}
		if err := s.prepare(ctx, p, []labelstudio.Task{task}); err != nil {
			return err
		}
	}
	return nil
}

// Forget takes back what is queued for tasks that are gone. Transcriptions stay: other tasks
// may show the same recording.
func (s *Predictions) Forget(ctx context.Context, project int64, tasks []labelstudio.Task) error {
	q, err := s.Queue.Get()
	if err != nil {
		return err
	}
	gone := map[int64]bool{}
	for i := range tasks {
		gone[tasks[i].ID] = true
	}
	s.Problems.Forget(project, gone)
	for job := range q.Jobs(jobs.Filter{Project: projects.Name(project), Kind: Kind}) {
		if _, task, _, ok := parseKey(job.Key); !ok || !gone[task] {
			continue
		}
		if err := q.Remove(ctx, job.Key); err != nil && !errors.Is(err, jobs.ErrNotFound) {
			return err
		}
	}
	return nil
}

// Refresh follows a change of a project: if its version has changed, tasks that had a
// prediction of ours get the new one.
func (s *Predictions) Refresh(ctx context.Context, lp *labelstudio.Project) error {
	p, err := s.Projects.Resolve(ctx, lp)
	if err != nil {
		s.Problems.SetProject(lp.ID, err)
		return nil // its users see it when Label Studio asks for /setup
	}
	q, err := s.Queue.Get()
	if err != nil || s.Client == nil || len(p.Plans) == 0 {
		return err
	}
	current := map[int64]bool{} // whether the task has a push of the version
	for job := range q.Jobs(jobs.Filter{Project: projects.Name(p.ID), Kind: Kind}) {
		if _, task, version, ok := parseKey(job.Key); ok {
			current[task] = current[task] || version == p.Version
		}
	}
	stale := map[int64]bool{}
	for task, ok := range current {
		if !ok {
			stale[task] = true
		}
	}
	if len(stale) == 0 {
		return nil
	}
	return s.prepareStored(ctx, lp, func(t *labelstudio.Task) bool { return stale[t.ID] })
}

// RefreshAll asks Label Studio for the configuration of a project, or with zero of all
// projects, and follows what has changed.
func (s *Predictions) RefreshAll(ctx context.Context, project int64) error {
	if s.Client == nil {
		return nil
	}
	for _, id := range s.Projects.Concerned(ctx, project) {
		now, err := s.Client.Project(ctx, id)
		if projects.Inaccessible(err) {
			continue
		}
		if err != nil {
			return err
		}
		p, err := s.Projects.Configure(ctx, id, now.LabelConfig)
		if err == nil {
			err = s.Refresh(ctx, p)
		}
		if err != nil {
			return err
		}
	}
	return nil
}
