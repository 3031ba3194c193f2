// Package events works on what Label Studio reports by webhook: tasks that were created or
// deleted, projects that changed, annotations that were saved, and the button Start Training.
//
// # An event is a hint
//
// Label Studio sends webhooks without credentials, so their route is open and anybody may send
// one. Of an event only the action, the project and the ids of tasks and annotations are taken.
// What they are now is read from Label Studio with the token: a project or task that Label
// Studio does not know leaves nothing behind, and so does a project that is not connected: only
// requests with a password say that one is. Without a token events do nothing.
//
// # Why events are jobs
//
// Label Studio sends a webhook inside an annotator's request, waits one second for the answer
// and never repeats it. So Put only stores the event, as a job, and a worker does what follows
// from it afterwards: through crashes, and outages of the Label Studio that it asks. An event
// that is lost all the same, since the process was away or its disk full, is made up for by
// package reconcile.
//
// Events about annotations are jobs of kind "annotation", and all others of kind "event". Each
// kind has one worker, which works on the events of a project in their order. A large import
// is taken in parts, between which other projects have their turn.
//
// # Webhooks without payload
//
// A webhook can be set up to send nothing but the action, without a project. Then all that is
// known is that something is new, and everything of that kind is looked up.
package events

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"slices"
	"sync"
	"time"

	"github.com/asr-backend/asr-backend/jobs"
	"github.com/asr-backend/asr-backend/labelstudio"
	"github.com/asr-backend/asr-backend/labelstudio/api"
	"github.com/asr-backend/asr-backend/priority"
	"github.com/asr-backend/asr-backend/service/corrections"
	"github.com/asr-backend/asr-backend/service/learning"
	"github.com/asr-backend/asr-backend/service/predictions"
	"github.com/asr-backend/asr-backend/service/problems"
	"github.com/asr-backend/asr-backend/service/projects"
	"github.com/asr-backend/asr-backend/service/queue"
	"github.com/asr-backend/asr-backend/service/training"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/promauto"
)

// Options are what Events are made of. All but Client, Logger and Registry are required.
type Options struct {
	Queue       *queue.Queue
	Projects    *projects.Registry
	Predictions *predictions.Predictions
	Corrections *corrections.Corrections
	Learning    *learning.Learning
	Training    *training.Training
	Due         *projects.Due
	Problems    *problems.Log
	// Client is asked what has happened. Without one, events do nothing.
	Client   *api.Client
	Logger   *slog.Logger          // nil: no log
	Registry prometheus.Registerer // of metrics; nil: not registered
}

// Events takes and works on events. It is safe for concurrent use.
type Events struct {
	Options
	received *prometheus.CounterVec // by action
	useless  sync.Once              // guards the log line about events without a client

	mu       sync.Mutex // guards lookedUp
	lookedUp time.Time  // when all projects are, or were last, looked through for an event
}

// New returns Events.
func New(o Options) (*Events, error) {
	if o.Queue == nil || o.Projects == nil || o.Predictions == nil || o.Corrections == nil || o.Learning == nil || o.Training == nil || o.Due == nil || o.Problems == nil {
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
func (s *Events) Put(ctx context.Context, n labelstudio.Notice) error {
	s.received.WithLabelValues(string(n.Action)).Inc()
	if s.Client == nil {
		s.useless.Do(func() {
			s.Logger.Warn("webhook events do nothing without LABEL_STUDIO_URL and LABEL_STUDIO_API_KEY: tasks are transcribed when they are opened")
		})
		return nil
	}
	opening, cancel := context.WithTimeout(ctx, putWithin)
	s.Queue.Wait(opening)
	cancel()
	q, err := s.Queue.Get()
	if err == nil {
		err = insert(ctx, q, event{Notice: n, at: time.Now()})
		if errors.Is(err, jobs.ErrTooLarge) {
			short := labelstudio.Notice{Action: n.Action, Project: n.Project, Truncated: true}
			err = insert(ctx, q, event{Notice: short, at: time.Now()})
		}
	}
	if err != nil {
		s.Due.Now(n.Project)
	}
	return err
}

// Missed implements server.EventQueue.
func (s *Events) Missed() { s.lookUp() }

// lookUp has all projects compared with Label Studio, now or soon. Anybody can send an event that
// asks for it, and each look costs requests to Label Studio: hence once a minute at most.
func (s *Events) lookUp() {
	s.mu.Lock()
	defer s.mu.Unlock()
	now := time.Now()
	if s.lookedUp.After(now) {
		return // that look will see it
	}
	at := s.lookedUp.Add(time.Minute)
	if at.Before(now) {
		at = now
	}
	s.lookedUp = at
	s.Due.At(0, at)
}

// GivenUp notes that a job of the worker was given up. What its event announced is looked up
// instead, and the reason stands at the project until that has been done.
func (s *Events) GivenUp(job jobs.Job, cause error) {
	project := projects.ParseName(job.Project)
	if project == 0 {
		s.lookUp()
		return
	}
	s.Problems.SetAccess(project, fmt.Errorf("the event of %s was not processed: %w", job.Created.UTC().Format(time.RFC3339), cause))
	s.Due.Now(project)
}

// insert enqueues an event for the worker of its kind.
func insert(ctx context.Context, q *jobs.Queue, e event) error {
	var err error
	if aboutAnnotations(e.Action) {
		_, _, err = jobs.Insert(ctx, q, annotationEvent{e}, jobs.InsertOptions{Class: priority.Batch})
	} else {
		_, _, err = jobs.Insert(ctx, q, e, jobs.InsertOptions{Class: priority.Interactive})
	}
	return err
}

// Worker returns the worker that does what follows from events, except those about annotations.
func (s *Events) Worker() jobs.Worker {
	return jobs.NewWorker(func(ctx context.Context, a *jobs.Attempt[event]) error {
		return work(ctx, s, a, &a.Args.Notice, s.handle)
	})
}

// AnnotationWorker returns the worker that does what follows from events about annotations.
func (s *Events) AnnotationWorker() jobs.Worker {
	return jobs.NewWorker(func(ctx context.Context, a *jobs.Attempt[annotationEvent]) error {
		return work(ctx, s, a, &a.Args.Notice, s.handleAnnotations)
	})
}

// work does what follows from an event and ends its job. What is left to do is a job of its own.
func work[T jobs.Args](ctx context.Context, s *Events, a *jobs.Attempt[T], n *labelstudio.Notice, handle func(context.Context, *labelstudio.Notice) (rest *labelstudio.Notice, err error)) error {
	if s.Client != nil {
		if n.Project == 0 { // a webhook without payload: its project may stand in its address
			n.Project = projects.ParseName(a.Job().Project)
		}
		rest, err := handle(ctx, n)
		if err != nil {
			return err
		}
		if rest != nil {
			q, err := s.Queue.Get()
			if err == nil {
				// The time of this job, so that another attempt does not make another job.
				err = insert(ctx, q, event{Notice: *rest, at: a.Job().Created})
			}
			if err != nil {
				return err
			}
		}
	}
	if err := a.Finish(nil); err != nil {
		return err
	}
	s.Queue.Discard(ctx, a.Job().Key) // nobody asks for it again
	return nil
}

// project returns the project of an event as Label Studio has it now, or nil if it is not
// connected or the token's user cannot see it.
func (s *Events) project(ctx context.Context, n *labelstudio.Notice) (*labelstudio.Project, error) {
	if !slices.Contains(s.Projects.List(ctx), n.Project) {
		s.Logger.Info("event of a project that is not connected", "project", n.Project, "action", n.Action)
		return nil, nil
	}
	p, err := s.Projects.Refresh(ctx, s.Client, n.Project)
	if projects.Inaccessible(ctx, s.Client, err) {
		s.Logger.Info("event of a project that the token's user cannot see", "project", n.Project, "action", n.Action, "error", err)
		s.Due.Now(n.Project) // the user may be given access, and the reason shows meanwhile
		return nil, nil
	}
	return p, err
}

// part is how many tasks of an import are enqueued before other events have their turn.
const part = 500

// handle does what follows from an event that is not about annotations.
func (s *Events) handle(ctx context.Context, n *labelstudio.Notice) (rest *labelstudio.Notice, err error) {
	if aboutAnnotations(n.Action) {
		return n, nil // stored by an earlier program
	}
	if n.Project == 0 {
		s.lookUp()
		return nil, nil
	}
	p, err := s.project(ctx, n)
	if p == nil {
		return nil, err
	}
	switch n.Action {
	case labelstudio.TasksCreated:
		if n.Truncated {
			s.Due.Now(p.ID)
		}
		if len(n.Tasks) > part {
			rest = &labelstudio.Notice{Action: n.Action, Project: n.Project, Tasks: n.Tasks[part:]}
		}
		return rest, s.prepare(ctx, p, n.Tasks[:min(part, len(n.Tasks))])
	case labelstudio.TasksDeleted:
		return nil, s.forget(ctx, p.ID, n.Tasks)
	case labelstudio.ProjectUpdated:
		s.Due.Now(p.ID)
	case labelstudio.StartTraining:
		s.Due.Now(p.ID)
		// What was corrected while events were missed counts too.
		if err := s.Corrections.RecordAll(ctx, p.ID); err != nil {
			return nil, err
		}
		_, err := s.Learning.Enqueue(ctx, p.ID, learning.Asked)
		if err == nil && s.Training.On() {
			_, err = s.Training.Enqueue(ctx, p.ID)
		}
		return nil, err
	}
	return nil, nil
}

// handleAnnotations does what follows from an event about annotations.
func (s *Events) handleAnnotations(ctx context.Context, n *labelstudio.Notice) (*labelstudio.Notice, error) {
	if n.Project == 0 {
		return nil, s.Corrections.RecordAll(ctx, 0)
	}
	p, err := s.project(ctx, n)
	if p == nil {
		return nil, err
	}
	if n.Action == labelstudio.AnnotationsDeleted {
		return nil, s.Corrections.ForgetDeleted(ctx, p.ID, n.Annotations)
	}
	return nil, s.record(ctx, p, n)
}

// prepare enqueues those of new tasks that exist.
func (s *Events) prepare(ctx context.Context, p *labelstudio.Project, ids []int64) error {
	var tasks []labelstudio.Task
	for task, err := range s.Client.TasksByID(ctx, p.ID, ids, false) {
		if err != nil {
			return err
		}
		tasks = append(tasks, task)
	}
	resolved, err := s.Projects.Resolve(ctx, p)
	if err != nil {
		return err
	}
	_, err = s.Predictions.Prepare(ctx, resolved, tasks, priority.Batch)
	return err
}

// forget takes back what is queued for those of deleted tasks that are gone.
func (s *Events) forget(ctx context.Context, project int64, ids []int64) error {
	gone := make(map[int64]bool, len(ids))
	for _, id := range ids {
		gone[id] = true
	}
	for task, err := range s.Client.TasksByID(ctx, project, ids, false) {
		if err != nil {
			return err
		}
		delete(gone, task.ID)
	}
	return s.Predictions.Forget(ctx, project, gone)
}

// record keeps what the annotations of an event say now.
func (s *Events) record(ctx context.Context, p *labelstudio.Project, n *labelstudio.Notice) error {
	if n.Truncated || len(n.Tasks) == 0 {
		return s.Corrections.RecordAll(ctx, p.ID)
	}
	wanted := make(map[int64]bool, len(n.Annotations))
	for _, id := range n.Annotations {
		wanted[id] = true
	}
	// What Label Studio 1.13 makes in bulk on SQLite has null for ids in the event.
	unknown := len(n.Annotations) < len(n.Tasks)
	for task, err := range s.Client.TasksByID(ctx, p.ID, n.Tasks, true) {
		if err != nil {
			return err
		}
		all, err := task.StoredAnnotations()
		if err != nil {
			return err
		}
		var annotations []labelstudio.Annotation
		for _, a := range all {
			if unknown || wanted[a.ID] {
				a.Task = task.ID
				annotations = append(annotations, a)
			}
		}
		if err := s.Corrections.Record(ctx, p, []labelstudio.Task{task}, annotations); err != nil {
			return err
		}
	}
	return nil
}
