package service

import (
	"bytes"
	"context"
	"encoding/json"
	"time"

	"asr-backend/jobs"
	"asr-backend/labelstudio"
	"asr-backend/service/problems"
	"asr-backend/service/projects"
)

// Predict implements labelstudio.Model. It enqueues everything that is not there yet and
// waits for it for a bounded time; a task that is not ready, or that another request or
// the delivery takes care of, is answered with "not now".
func (s *Service) Predict(ctx context.Context, p *labelstudio.Project, tasks []labelstudio.Task, c *labelstudio.Context) ([]labelstudio.Predictions, error) {
	r, err := s.projects.Resolve(ctx, p)
	if err != nil {
		return nil, err
	}
	out := make([]labelstudio.Predictions, len(tasks))
	if len(r.Plans) == 0 {
		return out, nil
	}
	if c != nil {
		prediction, err := s.interact(ctx, p, r, &tasks[0], c)
		if err != nil {
			s.log.Warn("region not heard", "project", p.ID, "task", tasks[0].ID, "error", err)
		}
		s.problems.SetTask(p.ID, tasks[0].ID, problems.NotAnswered, err)
		out[0] = prediction
		return out, nil
	}
	a := &asking{Service: s, project: p, resolved: r, arrived: time.Now(), class: jobs.Batch}
	a.until = a.arrived.Add(max(s.options.PredictWait, 0))
	if len(tasks) == 1 {
		a.class = jobs.Opened
	}
	wait, cancel := context.WithDeadline(ctx, a.until)
	defer cancel()
	s.queue.Wait(wait) // in the first moments of the process
	if s.options.PredictWait < 0 {
		a.enqueue(ctx, tasks)
		return out, nil
	}
	defer a.expect(tasks)()
	a.enqueue(ctx, tasks)
	for i, o := range a.orders {
		if o == nil {
			continue
		}
		out[i], err = a.await(ctx, wait, o)
		if err != nil && wait.Err() == nil {
			s.log.Warn("task not answered", "project", p.ID, "task", o.task.ID, "error", err)
		}
	}
	return out, nil
}

// asking is a request for predictions.
type asking struct {
	*Service
	project  *labelstudio.Project
	resolved *projects.Project
	class    jobs.Class
	arrived  time.Time
	until    time.Time // when it is answered at the latest
	orders   []*order  // by position; nil for tasks that were not accepted
}

// enqueue places the orders, some at a time: each is written to the disk before the next
// one of its kind, and writes that come together share a sync.
func (a *asking) enqueue(ctx context.Context, tasks []labelstudio.Task) {
	a.orders = make([]*order, len(tasks))
	each(len(tasks), func(i int) {
		t := &tasks[i]
		o, err := a.Service.enqueue(ctx, a.project, a.resolved, t, asked{class: a.class, until: a.until, lacks: !has(t.Predictions, a.resolved.Version)})
		if err != nil {
			a.log.Warn("task not accepted", "project", a.project.ID, "task", t.ID, "error", err)
		}
		a.problems.SetTask(a.project.ID, t.ID, problems.NotAccepted, err)
		a.orders[i] = o
	})
}

// expect tells deliveries that the tasks are waited for.
func (a *asking) expect(tasks []labelstudio.Task) (done func()) {
	var ends []func()
	for i := range tasks {
		if id := tasks[i].ID; id != 0 {
			ends = append(ends, a.deliveries.expect(deliveryKey{id, a.resolved.Version}, a.until))
		}
	}
	return func() {
		for _, end := range ends {
			end()
		}
	}
}

// await waits until a task's recordings have been heard and returns its prediction, or
// nothing if somebody else gives it. ctx is the request's and outlives wait by what it
// takes to answer.
func (a *asking) await(ctx, wait context.Context, o *order) (labelstudio.Predictions, error) {
	q, err := a.queue.Get()
	if err != nil {
		return nil, err
	}
	for _, key := range o.keys {
		job, err := q.Wait(wait, key)
		if err != nil && wait.Err() != nil {
			// What was heard while another task of the request was waited for is answered.
			job, err = q.Get(ctx, key)
		}
		if err != nil || job.State != jobs.Done {
			return nil, err // given up is stated where people look: /status and the log
		}
	}
	if a.client != nil && patches(o.plans) {
		return nil, nil // the text goes into the task's data, through the API
	}
	k := deliveryKey{o.task.ID, a.resolved.Version}
	if o.task.ID != 0 && (has(o.task.Predictions, a.resolved.Version) || o.delivered && a.stored(ctx, k)) {
		return nil, nil
	}
	built, err := a.build(ctx, a.resolved, o.plans, o.keys, o.task.Data)
	if err != nil || !built.predict {
		return nil, err
	}
	if o.task.ID != 0 && !a.deliveries.answer(ctx, k, a.arrived) {
		return nil, nil
	}
	return labelstudio.Predictions{built.prediction(a.resolved.Version)}, nil
}

// stored asks Label Studio whether it has a prediction that was delivered a moment ago
// and that a task came without: Label Studio may have read the task before it was
// delivered, or somebody has deleted it since. If that cannot be found out, it is there.
func (a *asking) stored(ctx context.Context, k deliveryKey) bool {
	ctx, cancel := context.WithTimeout(ctx, 3*time.Second)
	defer cancel()
	rows, err := a.client.Predictions(ctx, k.task)
	for _, row := range rows {
		if row.ModelVersion == k.version {
			return true
		}
	}
	return err != nil
}

// has reports whether a task came with a prediction of a version.
func has(predictions json.RawMessage, version string) bool {
	if len(predictions) == 0 || !bytes.Contains(predictions, []byte(version)) {
		return false
	}
	var list []struct {
		Version string `json:"model_version"`
	}
	if json.Unmarshal(predictions, &list) != nil {
		return false
	}
	for _, p := range list {
		if p.Version == version {
			return true
		}
	}
	return false
}
