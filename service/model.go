package service

import (
	"context"
	"errors"
	"net/http"

	"github.com/asr-backend/asr-backend/labelstudio"
	"github.com/asr-backend/asr-backend/service/events"
	"github.com/asr-backend/asr-backend/service/predictions"
	"github.com/asr-backend/asr-backend/service/problems"
	"github.com/asr-backend/asr-backend/service/projects"
)

// model is what the HTTP server needs, a labelstudio.Model: each request goes to the package
// that answers it.
type model struct {
	projects    *projects.Registry
	predictions *predictions.Predictions
	events      *events.Events
	problems    *problems.Log
}

// Setup returns the version of a project, without loading anything.
func (m *model) Setup(ctx context.Context, p *labelstudio.Project) (labelstudio.Setup, error) {
	r, err := m.projects.Resolve(ctx, p)
	if err != nil {
		m.problems.SetProject(p.ID, err)
		if ctx.Err() != nil {
			return labelstudio.Setup{}, labelstudio.Errorf(http.StatusServiceUnavailable, "%v; try again in a moment", err)
		}
		return labelstudio.Setup{}, labelstudio.Errorf(http.StatusBadRequest, "%v", err)
	}
	if len(r.Plans) == 0 && p.LabelConfig != "" {
		// Label Studio would refuse the connection; its users see the reason at /status.
		m.problems.SetProject(p.ID, errors.New(r.Why))
	} else {
		m.problems.SetProject(p.ID, nil)
	}
	return labelstudio.Setup{ModelVersion: r.Version, State: r}, nil
}

// Predict returns the predictions of tasks that are ready in time. The project was resolved
// by Setup of the same request.
func (m *model) Predict(ctx context.Context, p *labelstudio.Project, tasks []labelstudio.Task, c *labelstudio.Context) ([]labelstudio.Predictions, error) {
	r, ok := p.State.(*projects.Project)
	if !ok {
		return nil, errors.New("the request was not set up")
	}
	return m.predictions.Predict(ctx, r, tasks, c)
}

// Fit does what follows from an event. The server does not call it: events come as jobs.
func (m *model) Fit(ctx context.Context, p *labelstudio.Project, e *labelstudio.Event) error {
	return m.events.Handle(ctx, p, e)
}
