// Package events works on what Label Studio reports by webhook: tasks that were created or
// deleted, projects that changed, annotations that were saved, and the button Start Training.
//
// # Why events are jobs
//
// Label Studio sends a webhook inside an annotator's request, waits one second for the answer
// and never repeats it. So Put only stores the event, as a job of kind "event", and the
// worker does what follows from it afterwards: through crashes, and outages of the Label
// Studio that it asks. Events of a project are worked on in their order.
//
// # Size
//
// An event is stored as it came, compressed. One that is too large for a job is split by its
// tasks, as an import of thousands of them. What is still too large, as an annotation of a
// long recording, is stored short: what happened, and the numbers of tasks and annotations,
// by which Label Studio is asked for the rest.
//
// # Webhooks without payload
//
// A webhook can be set up to send nothing but the action, without a project. Then all that is
// known is that something is new, and everything of that kind is looked up.
package events

import (
	"context"
	"errors"
	"log/slog"
	"net/http"
	"slices"
	"time"

	"github.com/asr-backend/asr-backend/jobs"
	"github.com/asr-backend/asr-backend/labelstudio"
	"github.com/asr-backend/asr-backend/labelstudio/api"
	"github.com/asr-backend/asr-backend/priority"
	"github.com/asr-backend/asr-backend/service/corrections"
	"github.com/asr-backend/asr-backend/service/predictions"
	"github.com/asr-backend/asr-backend/service/projects"
	"github.com/asr-backend/asr-backend/service/queue"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/promauto"
)

// Options are what Events are made of. Queue, Projects, Predictions and Corrections are
// required.
type Options struct {
	Queue       *queue.Queue
	Projects    *projects.Registry
	Predictions *predictions.Predictions
	Corrections *corrections.Corrections
	// Client is asked for what an event leaves out. Without one, NoClient says why.
	Client   *api.Client
	NoClient error
	Logger   *slog.Logger          // nil: no log
	Registry prometheus.Registerer // of metrics; nil: not registered
}

// Events takes and works on events. It is safe for concurrent use.
type Events struct {
	Options
	received *prometheus.CounterVec // by action
}

// New returns Events.
func New(o Options) (*Events, error) {
	if o.Queue == nil || o.Projects == nil || o.Predictions == nil || o.Corrections == nil {
		return nil, errors.New("events: Options are incomplete")
	}
	if o.Logger == nil {
		o.Logger = slog.New(slog.DiscardHandler)
	}
	return &Events{Options: o, received: promauto.With(o.Registry).NewCounterVec(prometheus.CounterOpts{
		Namespace: "asr_backend", Name: "webhook_events_total", Help: "Webhook events, by action."}, []string{"action"})}, nil
}

// putWithin bounds the wait for the queue in the first moments of the process: Label Studio
// gives up after a second.
const putWithin = 700 * time.Millisecond

// Put implements server.EventQueue: it stores an event for the worker.
func (s *Events) Put(ctx context.Context, p *labelstudio.Project, e *labelstudio.Event, body []byte) error {
	opening, cancel := context.WithTimeout(ctx, putWithin)
	s.Queue.Wait(opening)
	cancel()
	q, err := s.Queue.Get()
	if err != nil {
		return err
	}
	s.received.WithLabelValues(string(e.Action)).Inc()
	for i, payload := range parts(body, e) {
		// Interactive, so that an annotation is not behind an import; inside a class and a
		// project, jobs are taken by age.
		_, _, err := jobs.Insert(ctx, q, event{project: p.ID, at: time.Now(), part: i, payload: payload}, jobs.InsertOptions{Class: priority.Interactive})
		if err != nil {
			return err
		}
	}
	return nil
}

// Worker returns the worker that does what follows from events.
func (s *Events) Worker() jobs.Worker { return jobs.NewWorker(s.work) }

func (s *Events) work(ctx context.Context, a *jobs.Attempt[event]) error {
	e := &a.Args.Event
	id := e.ProjectID
	if id == 0 { // a webhook without payload: its project may stand in its address
		id = projects.ParseName(a.Job().Project)
	}
	p, err := s.Projects.Load(ctx, id)
	if err != nil {
		return err
	}
	if a.Args.short {
		if err := s.complete(ctx, p.ID, e); err != nil {
			return err
		}
	}
	if err := s.Handle(ctx, p, e); err != nil {
		return err
	}
	if err := a.Finish(nil); err != nil {
		return err
	}
	s.Queue.Discard(ctx, a.Job().Key) // nobody asks for it again, and it may be large
	return nil
}

// Handle does what follows from an event.
func (s *Events) Handle(ctx context.Context, p *labelstudio.Project, e *labelstudio.Event) error {
	if e.LabelConfig != "" && p.ID != 0 {
		var err error
		if p, err = s.Projects.Configure(ctx, p.ID, e.LabelConfig); err != nil {
			return err
		}
	}
	switch e.Action {
	case labelstudio.TasksCreated:
		if !e.HasPayload() {
			return s.Predictions.PrepareAll(ctx, p.ID)
		}
		return s.Predictions.Prepare(ctx, p, e.Tasks)
	case labelstudio.TasksDeleted:
		return s.Predictions.Forget(ctx, p.ID, e.Tasks)
	case labelstudio.ProjectUpdated:
		if !e.HasPayload() {
			return s.Predictions.RefreshAll(ctx, p.ID)
		}
		return s.Predictions.Refresh(ctx, p)
	case labelstudio.StartTraining:
		// There is nothing to train yet; the button prepares all tasks of the project.
		return s.Predictions.PrepareAll(ctx, p.ID)
	case labelstudio.AnnotationCreated, labelstudio.AnnotationsCreated, labelstudio.AnnotationUpdated, labelstudio.AnnotationsDeleted:
		switch {
		case !e.HasPayload():
			return s.Corrections.RecordAll(ctx, p.ID)
		case e.Action == labelstudio.AnnotationsDeleted:
			return s.Corrections.Forget(ctx, p.ID, e.Annotations)
		}
		return s.Corrections.Record(ctx, p, e.Tasks, e.Annotations)
	}
	return nil
}

// complete asks Label Studio for what a short event leaves out. Tasks and annotations that
// are gone are left out.
func (s *Events) complete(ctx context.Context, project int64, e *labelstudio.Event) error {
	if s.Client == nil {
		return s.NoClient
	}
	if e.Action == labelstudio.ProjectUpdated {
		p, err := s.Client.Project(ctx, project)
		e.LabelConfig = p.LabelConfig
		return err
	}
	var tasks []labelstudio.Task
	var annotations []labelstudio.Annotation
	for i := range e.Tasks {
		task, err := s.Client.Task(ctx, project, e.Tasks[i].ID)
		if api.Status(err) == http.StatusNotFound {
			continue
		}
		if err != nil {
			return err
		}
		tasks = append(tasks, task)
		all, err := task.StoredAnnotations()
		if err != nil {
			return err
		}
		for _, a := range all {
			if slices.ContainsFunc(e.Annotations, func(b labelstudio.Annotation) bool { return a.ID == b.ID }) {
				a.Task = task.ID
				annotations = append(annotations, a)
			}
		}
	}
	e.Tasks, e.Annotations = tasks, annotations
	return nil
}
