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
		return fmt.Errorf("Label Studio cannot be asked: %w", s.clientErr)
	}
	switch state, err := s.heardAll(ctx, e.Hear); {
	case err != nil:
		return err
	case state == jobs.Dead:
		return finish(ctx, lease, []byte(unheard))
	case state != jobs.Done:
		return later(ctx, lease, 5*time.Second, errors.New("another recording of the task is still being heard"))
	}
	p, err := s.store.project(ctx, e.Project)
	if err != nil {
		return err
	}
	r, err := s.resolve(p)
	if err != nil {
		return err
	}
	if r.version != e.Version {
		return finish(ctx, lease, []byte(superseded))
	}
	wait, end := s.deliveries.deliver(deliveryKey{e.Task, e.Version})
	if end == nil {
		return later(ctx, lease, wait, errors.New("an answer to Label Studio's own request comes first"))
	}
	outcome, err := s.store1(ctx, p, r, &e)
	end(err == nil)
	if err != nil {
		s.metrics.delivered("error")
		return err
	}
	s.metrics.delivered(outcome)
	s.log.Info("delivery ended", "project", e.Project, "task", e.Task, "version", e.Version, "outcome", outcome, "retries", lease.Job().Retries)
	return finish(ctx, lease, []byte(outcome))
}

// heardAll returns Done if all recordings of a task have been heard, Dead if one was
// given up, and Queued otherwise.
func (s *Service) heardAll(ctx context.Context, keys []string) (jobs.State, error) {
	q, err := s.store.jobs()
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
		case job.State != jobs.Done:
			if job.State == jobs.Running {
				return jobs.Queued, nil
			}
			return job.State, nil
		}
	}
	return jobs.Done, nil
}

// store1 builds the results of a task and stores them: in the task's data, as its one
// prediction of the version, or both. It may be repeated at any point.
func (s *Service) store1(ctx context.Context, p *labelstudio.Project, r *resolved, e *errand) (string, error) {
	var plans []*labelconfig.Plan
	for _, index := range e.Plans {
		i := slices.IndexFunc(r.plans, func(p *labelconfig.Plan) bool { return p.Index == index })
		if i < 0 {
			return superseded, nil
		}
		plans = append(plans, r.plans[i])
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
			return notFoundIsGone(err)
		}
	}
	// A plan that only changes the task's data gets an empty prediction, which tells Label
	// Studio that the task has been seen to.
	if _, err := s.client.PutPrediction(ctx, e.Task, b.prediction(e.Version), ourVersion); err != nil {
		return notFoundIsGone(err)
	}
	return delivered, nil
}

func notFoundIsGone(err error) (string, error) {
	if api.Status(err) == http.StatusNotFound {
		return gone, nil
	}
	return "", err
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
