package service

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"regexp"
	"slices"
	"time"

	"asr-backend/jobs"
	"asr-backend/labelstudio"
	"asr-backend/labelstudio/api"
	"asr-backend/labelstudio/labelconfig"
	"asr-backend/labelstudio/results"
	"asr-backend/service/projects"
)

// Outcomes of deliveries, as their jobs' results.
const (
	delivered  = "delivered"
	superseded = "superseded" // the project wants another version now
	gone       = "gone"       // the task no longer exists
	unheard    = "not heard"  // the recording was given up, which its own job states
)

// deliver stores a task's prediction in Label Studio.
func (s *Service) deliver(ctx context.Context, lease *jobs.Lease) error {
	var e errand
	if err := json.Unmarshal(lease.Job().Payload, &e); err != nil {
		return fmt.Errorf("the job cannot be read: %w", err)
	}
	if s.client == nil {
		return fmt.Errorf("ask Label Studio: %w", s.clientErr)
	}
	p, err := s.projects.Load(ctx, e.Project)
	if err != nil {
		return err
	}
	r, err := s.projects.Resolve(ctx, p)
	if err != nil {
		return err
	}
	if r.Version != e.Version {
		return s.supersede(ctx, lease, p, &e)
	}
	switch state, err := s.heardAll(ctx, e.Hear); {
	case err != nil:
		return err
	case state == jobs.Dead:
		return s.delivered(ctx, lease, &e, unheard)
	case state != jobs.Done:
		return lease.Postpone(s.last, 10*time.Second)
	}
	wait, end := s.deliveries.deliver(deliveryKey{e.Task, e.Version})
	if end == nil {
		return lease.Postpone(s.last, wait)
	}
	outcome, err := s.bring(ctx, p, r, &e)
	if err == nil {
		err = s.delivered(ctx, lease, &e, outcome)
	}
	end(err == nil)
	if err != nil {
		s.metrics.delivered("error")
	}
	return err
}

// delivered ends a delivery. One that brought nothing leaves nothing behind, so that it is
// made anew when it is asked for again.
func (s *Service) delivered(ctx context.Context, lease *jobs.Lease, e *errand, outcome string) error {
	if err := lease.Finish(s.last, []byte(outcome)); err != nil {
		return err
	}
	job := lease.Job()
	s.metrics.delivered(outcome)
	s.log.Info("delivery ended", "project", e.Project, "task", e.Task, "version", e.Version, "outcome", outcome, "retries", job.Retries)
	if outcome == superseded || outcome == gone {
		s.discard(ctx, job.Key)
	}
	return nil
}

// discard removes a job that has ended; what that fails for removes it later.
func (s *Service) discard(ctx context.Context, key string) {
	q, err := s.queue.Get()
	if err == nil {
		err = q.Remove(context.WithoutCancel(ctx), key)
	}
	if err != nil && !errors.Is(err, jobs.ErrNotFound) {
		s.log.Warn("a job that is done with was not removed", "job", key, "error", err)
	}
}

// supersede ends a delivery whose version is no longer the project's, once the task has
// one of the version that is: nobody else may ask for that.
func (s *Service) supersede(ctx context.Context, lease *jobs.Lease, p *labelstudio.Project, e *errand) error {
	task, err := s.client.Task(ctx, e.Project, e.Task)
	if api.Status(err) == http.StatusNotFound {
		return s.delivered(ctx, lease, e, gone)
	}
	if err == nil {
		err = s.prepare(ctx, p, []labelstudio.Task{task})
	}
	if err != nil {
		return err
	}
	return s.delivered(ctx, lease, e, superseded)
}

// heardAll returns Done if all recordings of a task have been heard, Dead if one was
// given up, and Queued otherwise.
func (s *Service) heardAll(ctx context.Context, keys []string) (jobs.State, error) {
	q, err := s.queue.Get()
	if err != nil {
		return jobs.Queued, err
	}
	for _, key := range keys {
		job, err := q.Get(ctx, key)
		switch {
		case errors.Is(err, jobs.ErrNotFound):
			return jobs.Dead, nil // its result is older than the store keeps
		case err != nil:
			return jobs.Queued, err
		case job.State == jobs.Dead:
			return jobs.Dead, nil
		case job.State != jobs.Done:
			return jobs.Queued, nil
		}
	}
	return jobs.Done, nil
}

// bring builds the results of a task and stores them: in the task's data, as its one
// prediction of the version, or both. It may be repeated at any point.
func (s *Service) bring(ctx context.Context, p *labelstudio.Project, r *projects.Project, e *errand) (string, error) {
	var plans []*labelconfig.Plan
	for _, index := range e.Plans {
		i := slices.IndexFunc(r.Plans, func(p *labelconfig.Plan) bool { return p.Index == index })
		if i < 0 {
			return superseded, nil
		}
		plans = append(plans, r.Plans[i])
	}
	var data labelstudio.Data
	if readsData(plans) {
		task, err := s.client.Task(ctx, e.Project, e.Task)
		if api.Status(err) == http.StatusNotFound {
			return gone, nil
		}
		if err != nil {
			return "", err
		}
		data = task.Data
	}
	b, err := s.build(ctx, r, plans, e.Hear, data)
	if err != nil {
		return "", err
	}
	if err := results.Validate(b.items, p.Config); err != nil {
		return "", fmt.Errorf("the result does not fit the labelling configuration: %w", err)
	}
	if len(b.notes) > 0 {
		s.log.Info("left as it is", "project", e.Project, "task", e.Task, "notes", b.notes)
	}
	if len(b.patch) > 0 {
		if err := s.client.SetTaskData(ctx, e.Task, data.With(b.patch)); err != nil {
			return s.goneOr(ctx, e, err)
		}
	}
	var replaced []string
	older := func(version string) bool {
		if version == e.Version || !ourVersion(version) {
			return false
		}
		replaced = append(replaced, version)
		return true
	}
	// A plan that only changes the task's data gets an empty prediction, which tells Label
	// Studio that the task has been seen to.
	if _, err := s.client.PutPrediction(ctx, e.Task, b.prediction(e.Version), older); err != nil {
		return s.goneOr(ctx, e, err)
	}
	for _, version := range replaced {
		// What it brought is gone, and would be wanted again if the settings went back.
		s.discard(ctx, errandKey(e.Project, e.Task, version))
	}
	return delivered, nil
}

// goneOr tells a request that failed because the task is gone, which Label Studio says in
// several ways, from one that failed for another reason.
func (s *Service) goneOr(ctx context.Context, e *errand, cause error) (string, error) {
	switch api.Status(cause) {
	case http.StatusBadRequest, http.StatusNotFound:
		if _, err := s.client.Task(ctx, e.Project, e.Task); api.Status(err) == http.StatusNotFound {
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

// versions of ours end in twelve hex digits, see fingerprint.
var versionForm = regexp.MustCompile(`-[0-9a-f]{12}$`)

// ourVersion reports whether a prediction's version was made by this program, so that an
// older one may be replaced.
func ourVersion(version string) bool { return versionForm.MatchString(version) }
