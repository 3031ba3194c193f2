package service

import (
	"context"
	"fmt"
	"time"

	"asr-backend/jobs"
	"asr-backend/labelstudio"
	"asr-backend/service/projects"
)

// Put implements backend.EventQueue: a webhook event becomes a job, so that it is worked
// on once Label Studio has its answer, also after a crash.
func (s *Service) Put(ctx context.Context, p *labelstudio.Project, e *labelstudio.Event, body []byte) error {
	opening, cancel := context.WithTimeout(ctx, putWithin)
	s.queue.Wait(opening)
	cancel()
	q, err := s.queue.Get()
	if err != nil {
		return err
	}
	s.metrics.event(string(e.Action))
	for part, payload := range parts(body, e) {
		key := fmt.Sprintf("%s/%d/%d-%d-%s", kindEvent, p.ID, time.Now().UnixNano(), part, projects.Fingerprint(payload))
		// Events of a project are worked on in their order, as fairness inside it is by age.
		if _, _, err := q.Enqueue(ctx, jobs.Spec{Key: key, Project: projects.Name(p.ID), Kind: kindEvent, Class: jobs.Interactive, Payload: payload}); err != nil {
			return err
		}
	}
	return nil
}

// putWithin bounds the wait for the queue in the first moments of the process: Label
// Studio gives up after a second.
const putWithin = 700 * time.Millisecond

// fit works on an event's job.
func (s *Service) fit(ctx context.Context, lease *jobs.Lease) error {
	job := lease.Job()
	e, err := readEvent(job.Payload)
	if err != nil {
		return fmt.Errorf("the event cannot be read: %w", err)
	}
	id := e.ProjectID
	if id == 0 { // a webhook without payload: its project may stand in its address
		id = projects.ParseName(job.Project)
	}
	p, err := s.projects.Load(ctx, id)
	if err != nil {
		return err
	}
	if e.short {
		if err := s.complete(ctx, p.ID, &e.Event); err != nil {
			return err
		}
	}
	if err := s.Fit(ctx, p, &e.Event); err != nil {
		return err
	}
	if err := lease.Finish(s.last, nil); err != nil {
		return err
	}
	s.discard(ctx, job.Key) // nobody asks for it again, and it may be large
	return nil
}

// Fit implements labelstudio.Model: it is told what happened in a project.
func (s *Service) Fit(ctx context.Context, p *labelstudio.Project, e *labelstudio.Event) error {
	if e.LabelConfig != "" && p.ID != 0 {
		var err error
		if p, err = s.projects.Configure(ctx, p.ID, e.LabelConfig); err != nil {
			return err
		}
	}
	switch e.Action {
	case labelstudio.TasksCreated:
		if !e.HasPayload() {
			return s.sweepAll(ctx, p.ID)
		}
		return s.prepare(ctx, p, e.Tasks)
	case labelstudio.TasksDeleted:
		return s.forget(ctx, p, e.Tasks)
	case labelstudio.ProjectUpdated:
		if !e.HasPayload() {
			return s.rereadAll(ctx, p.ID)
		}
		return s.refresh(ctx, p)
	case labelstudio.StartTraining:
		// There is nothing to train yet; the button prepares all tasks of the project.
		return s.sweepAll(ctx, p.ID)
	case labelstudio.AnnotationCreated, labelstudio.AnnotationsCreated, labelstudio.AnnotationUpdated, labelstudio.AnnotationsDeleted:
		switch {
		case !e.HasPayload():
			return s.learnAll(ctx, p.ID)
		case e.Action == labelstudio.AnnotationsDeleted:
			return s.unlearn(ctx, p, e.Annotations)
		}
		return s.learn(ctx, p, e)
	}
	return nil
}
