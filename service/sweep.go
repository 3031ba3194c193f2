package service

import (
	"context"
	"errors"

	"asr-backend/jobs"
	"asr-backend/labelstudio"
	"asr-backend/service/problems"
	"asr-backend/service/projects"
)

// prepare enqueues tasks before anybody opens them. What is wrong with one task is stated
// and stops no other.
func (s *Service) prepare(ctx context.Context, p *labelstudio.Project, tasks []labelstudio.Task) error {
	r, err := s.projects.Resolve(ctx, p)
	if err != nil {
		return err
	}
	if len(r.Plans) == 0 {
		return nil
	}
	errs := make([]error, len(tasks))
	each(len(tasks), func(i int) {
		_, err := s.enqueue(ctx, p, r, &tasks[i], asked{class: jobs.Batch})
		s.problems.SetTask(p.ID, tasks[i].ID, problems.NotAccepted, err)
		if err != nil && !errors.Is(err, errNoRecording) && !errors.Is(err, jobs.ErrTooLarge) {
			errs[i] = err
		}
	})
	return errors.Join(errs...)
}

// forget takes back what is queued for tasks that are gone. Transcriptions stay: other
// tasks may show the same recording.
func (s *Service) forget(ctx context.Context, p *labelstudio.Project, tasks []labelstudio.Task) error {
	q, err := s.queue.Get()
	if err != nil {
		return err
	}
	gone := map[int64]bool{}
	for i := range tasks {
		gone[tasks[i].ID] = true
	}
	s.problems.Forget(p.ID, gone)
	for _, job := range q.List(jobs.Filter{Project: projects.Name(p.ID), Kind: kindDeliver}) {
		if _, task, _, ok := parseErrandKey(job.Key); !ok || !gone[task] {
			continue
		}
		if err := q.Remove(ctx, job.Key); err != nil && !errors.Is(err, jobs.ErrNotFound) {
			return err
		}
	}
	return nil
}

// refresh follows a change of a project: if its version has changed, tasks that had a
// prediction of ours get the new one.
func (s *Service) refresh(ctx context.Context, p *labelstudio.Project) error {
	r, err := s.projects.Resolve(ctx, p)
	if err != nil {
		s.problems.SetProject(p.ID, err)
		return nil // its users are told when Label Studio asks for /setup
	}
	q, err := s.queue.Get()
	if err != nil || s.client == nil || len(r.Plans) == 0 {
		return err
	}
	seen := map[int64]bool{} // whether the task has a delivery of the version
	for _, job := range q.List(jobs.Filter{Project: projects.Name(p.ID), Kind: kindDeliver}) {
		if _, task, version, ok := parseErrandKey(job.Key); ok {
			seen[task] = seen[task] || version == r.Version
		}
	}
	stale := map[int64]bool{}
	for task, current := range seen {
		if !current {
			stale[task] = true
		}
	}
	if len(stale) == 0 {
		return nil
	}
	return s.sweep(ctx, p, func(t *labelstudio.Task) bool { return stale[t.ID] })
}

// sweepAll prepares all tasks of a project, or of all projects.
func (s *Service) sweepAll(ctx context.Context, id int64) error {
	for _, id := range s.projects.Concerned(ctx, id) {
		p, err := s.projects.Load(ctx, id)
		if err == nil {
			err = s.sweep(ctx, p, func(*labelstudio.Task) bool { return true })
		}
		if err != nil {
			return err
		}
	}
	return nil
}

// rereadAll asks Label Studio for the configuration of a project, or of all projects, and
// follows what has changed.
func (s *Service) rereadAll(ctx context.Context, id int64) error {
	if s.client == nil {
		return nil
	}
	for _, id := range s.projects.Concerned(ctx, id) {
		now, err := s.client.Project(ctx, id)
		if projects.Inaccessible(err) {
			continue
		}
		if err != nil {
			return err
		}
		p, err := s.projects.Configure(ctx, id, now.LabelConfig)
		if err == nil {
			err = s.refresh(ctx, p)
		}
		if err != nil {
			return err
		}
	}
	return nil
}

// sweep prepares those tasks of a project that are wanted. A project that is gone, or
// that the token's user may not see, is passed over.
func (s *Service) sweep(ctx context.Context, p *labelstudio.Project, wanted func(*labelstudio.Task) bool) error {
	if s.client == nil {
		return nil
	}
	for task, err := range s.client.Tasks(ctx, p.ID, false) {
		if projects.Inaccessible(err) {
			s.problems.SetProject(p.ID, err)
			return nil
		}
		if err != nil {
			return err
		}
		if !wanted(&task) {
			continue
		}
		if err := s.prepare(ctx, p, []labelstudio.Task{task}); err != nil {
			return err
		}
	}
	return nil
}
