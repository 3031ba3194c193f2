package service

import (
	"context"
	"errors"
	"net/http"
	"sync"
	"time"

	"github.com/asr-backend/asr-backend/labelstudio"
	"github.com/asr-backend/asr-backend/service/interactive"
	"github.com/asr-backend/asr-backend/service/predictions"
	"github.com/asr-backend/asr-backend/service/problems"
	"github.com/asr-backend/asr-backend/service/projects"
)

// model is what the HTTP server needs, a labelstudio.Model: each request goes to the package
// that answers it.
type model struct {
	projects    *projects.Registry
	predictions *predictions.Predictions
	regions     *interactive.Regions
	due         *projects.Due
	known       sync.Map // project to the version that Setup returned last
	problems    *problems.Log
}

// Setup returns the version of a project, without loading anything.
func (m *model) Setup(ctx context.Context, p *labelstudio.Project) (labelstudio.Setup, error) {
	r, err := m.projects.Resolve(ctx, p)
	if err != nil {
		m.problems.SetProject(p.ID, err)
		m.known.Delete(p.ID) // once this is corrected, even to what it was, tasks may be missing
		if ctx.Err() != nil {
			return labelstudio.Setup{}, labelstudio.Errorf(http.StatusServiceUnavailable, "%v; try again in a moment", err)
		}
		return labelstudio.Setup{}, labelstudio.Errorf(http.StatusBadRequest, "%v", err)
	}
	if len(r.Plans) == 0 && p.LabelConfig != "" {
		// Label Studio would refuse the connection; its users see the reason at /status.
		m.problems.SetProject(p.ID, errors.New(r.Why))
		m.known.Delete(p.ID)
		return labelstudio.Setup{ModelVersion: r.Version, State: r}, nil
	}
	// A label may have been renamed since: predictions go on, and whoever connects is asked to correct it.
	wrong := r.Check()
	m.problems.SetProject(p.ID, wrong)
	if wrong != nil && p.Hostname != "" { // it is /setup
		return labelstudio.Setup{}, labelstudio.Errorf(http.StatusBadRequest, "%v", wrong)
	}
	if before, ok := m.known.Swap(p.ID, r.Version); p.ID != 0 && (!ok || before != r.Version) {
		m.due.At(p.ID, time.Now().Add(connected))
	}
	return labelstudio.Setup{ModelVersion: r.Version, State: r}, nil
}

// connected is how long a project is left alone after it was connected or its version
// changed: its user may change more than one setting.
const connected = 5 * time.Second

// Predict returns the predictions of tasks that are ready in time. The project was resolved
// by Setup of the same request.
func (m *model) Predict(ctx context.Context, p *labelstudio.Project, tasks []labelstudio.Task, c *labelstudio.Context) ([]labelstudio.Predictions, error) {
	r, ok := p.State.(*projects.Project)
	if !ok {
		return nil, errors.New("the request was not set up")
	}
	if c != nil && len(r.Plans) > 0 {
		expecting, err := r.Expecting(c.Hotwords)
		if err != nil {
			return nil, labelstudio.Errorf(http.StatusBadRequest, "params: %v", err)
		}
		return []labelstudio.Predictions{m.regions.Answer(ctx, expecting, &tasks[0], c)}, nil
	}
	return m.predictions.Predict(ctx, r, tasks)
}

// Fit is not called: the server hands its events to package events.
func (m *model) Fit(context.Context, *labelstudio.Project, *labelstudio.Event) error { return nil }
