package service

import (
	"bytes"
	"compress/gzip"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"time"

	"asr-backend/jobs"
	"asr-backend/labelstudio"
	"asr-backend/labelstudio/api"
)

// Put implements backend.EventQueue: a webhook event becomes a job, so that it is worked
// on once Label Studio has its answer, also after a crash. An event too large for a job,
// such as an import of thousands of tasks with long data, is split by its tasks.
func (s *Service) Put(ctx context.Context, p *labelstudio.Project, e *labelstudio.Event, body []byte) error {
	q, err := s.store.jobs()
	if err != nil {
		return err
	}
	s.metrics.event(string(e.Action))
	for part, payload := range parts(body, e) {
		key := fmt.Sprintf("%s/%d/%d-%d-%s", kindEvent, p.ID, time.Now().UnixNano(), part, fingerprint(payload))
		// Events of a project are worked on in their order, as fairness inside it is by age.
		if _, _, err := q.Enqueue(ctx, jobs.Spec{Key: key, Project: projectName(p.ID), Kind: kindEvent, Class: jobs.Interactive, Payload: payload}); err != nil {
			return err
		}
	}
	return nil
}

// parts returns the payloads of an event: its body, compressed, or several bodies with
// some of the tasks each if that is too large.
func parts(body []byte, e *labelstudio.Event) [][]byte {
	if payload := pack(body); len(payload) <= jobs.MaxPayload || len(e.Tasks) < 2 {
		return [][]byte{payload}
	}
	var whole map[string]json.RawMessage
	var tasks []json.RawMessage
	if json.Unmarshal(body, &whole) != nil || json.Unmarshal(whole["tasks"], &tasks) != nil || len(tasks) < 2 {
		return [][]byte{pack(body)}
	}
	half := len(tasks) / 2
	var out [][]byte
	for _, some := range [][]json.RawMessage{tasks[:half], tasks[half:]} {
		list, err := json.Marshal(some)
		if err != nil {
			return [][]byte{pack(body)}
		}
		whole["tasks"] = list
		part, err := json.Marshal(whole)
		if err != nil {
			return [][]byte{pack(body)}
		}
		out = append(out, parts(part, &labelstudio.Event{Tasks: make([]labelstudio.Task, len(some))})...)
	}
	return out
}

func pack(body []byte) []byte {
	var b bytes.Buffer
	w, _ := gzip.NewWriterLevel(&b, gzip.BestSpeed) // the level exists
	_, _ = w.Write(body)                            // a bytes.Buffer takes everything
	_ = w.Close()
	return b.Bytes()
}

func unpack(payload []byte) ([]byte, error) {
	r, err := gzip.NewReader(bytes.NewReader(payload))
	if err != nil {
		return nil, err
	}
	return io.ReadAll(io.LimitReader(r, 512<<20))
}

// fit works on an event's job.
func (s *Service) fit(ctx context.Context, lease *jobs.Lease) error {
	body, err := unpack(lease.Job().Payload)
	var e labelstudio.Event
	if err == nil {
		err = json.Unmarshal(body, &e)
	}
	if err != nil {
		return fail(ctx, lease, fmt.Errorf("the event cannot be read: %w", err))
	}
	id := e.ProjectID
	if id == 0 { // a webhook without payload: its project may stand in its address
		id = projectOf(lease.Job().Project)
	}
	p, err := s.store.project(ctx, id)
	if err != nil {
		return err
	}
	if err := s.Fit(ctx, p, &e); err != nil {
		return err
	}
	return finish(ctx, lease, nil)
}

// Fit implements labelstudio.Model: it is told what happened in a project.
func (s *Service) Fit(ctx context.Context, p *labelstudio.Project, e *labelstudio.Event) error {
	if e.LabelConfig != "" && p.ID != 0 {
		if err := s.store.Set(ctx, p.ID, labelstudio.KeyLabelConfig, e.LabelConfig); err != nil {
			return err
		}
		fresh, err := s.store.project(ctx, p.ID)
		if err != nil {
			return err
		}
		p = fresh
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
		return s.refresh(ctx, p)
	case labelstudio.StartTraining:
		// There is nothing to train yet; the button prepares all tasks of the project.
		return s.sweepAll(ctx, p.ID)
	case labelstudio.AnnotationCreated, labelstudio.AnnotationsCreated, labelstudio.AnnotationUpdated:
		if !e.HasPayload() {
			return s.learnAll(ctx, p.ID)
		}
		return s.learn(ctx, p, e)
	case labelstudio.AnnotationsDeleted:
		return s.unlearn(ctx, p, e.Annotations)
	}
	return nil
}

// prepare enqueues tasks before anybody opens them.
func (s *Service) prepare(ctx context.Context, p *labelstudio.Project, tasks []labelstudio.Task) error {
	r, err := s.resolve(p)
	if err != nil {
		return err
	}
	if len(r.plans) == 0 {
		return nil
	}
	for i := range tasks {
		_, err := s.enqueue(ctx, p, r, &tasks[i], jobs.Batch)
		s.troubles.task(p.ID, tasks[i].ID, err)
		if err != nil && !errors.Is(err, errNoRecording) {
			return err
		}
	}
	return nil
}

// forget takes back what is queued for tasks that are gone. Transcriptions stay: other
// tasks may show the same recording.
func (s *Service) forget(ctx context.Context, p *labelstudio.Project, tasks []labelstudio.Task) error {
	q, err := s.store.jobs()
	if err != nil {
		return err
	}
	gone := map[int64]bool{}
	for i := range tasks {
		gone[tasks[i].ID] = true
	}
	for _, job := range q.List(jobs.Filter{Project: projectName(p.ID), Kind: kindDeliver}) {
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
	r, err := s.resolve(p)
	if err != nil {
		s.troubles.project(p.ID, err)
		return nil // its users are told when Label Studio asks for /setup
	}
	q, err := s.store.jobs()
	if err != nil || s.client == nil || len(r.plans) == 0 {
		return err
	}
	seen := map[int64]bool{} // whether the task has a delivery of the version
	for _, job := range q.List(jobs.Filter{Project: projectName(p.ID), Kind: kindDeliver}) {
		if _, task, version, ok := parseErrandKey(job.Key); ok {
			seen[task] = seen[task] || version == r.version
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

// sweepAll prepares all tasks of a project, or of all projects that have asked so far.
func (s *Service) sweepAll(ctx context.Context, id int64) error {
	ids := []int64{id}
	if id == 0 {
		ids = s.store.projects(ctx)
	}
	for _, id := range ids {
		p, err := s.store.project(ctx, id)
		if err == nil {
			err = s.sweep(ctx, p, func(*labelstudio.Task) bool { return true })
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
		if status := api.Status(err); status == http.StatusNotFound || status == http.StatusForbidden {
			s.troubles.project(p.ID, err)
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
