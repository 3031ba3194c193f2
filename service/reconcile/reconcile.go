// Package reconcile compares the tasks of Label Studio with the jobs and predictions known here,
// and enqueues what was missed.
//
// Label Studio sends a webhook once and ignores the answer: tasks that were imported while
// this process was away, its disk full or its settings wrong are never announced again. So
// every project that has connected is compared
//
//   - after each start,
//   - after an event that was refused, could not be read or was about the project as a whole,
//   - after a project connects, or its settings or labelling configuration change,
//   - when Label Studio answers again after an outage (package outage),
//   - and every hour.
//
// Afterwards each task has a prediction of the present version, a push that waits or has ended
// (package predictions), or a failure that /status shows.
//
// # What it costs
//
// One request for the project and one for each hundred tasks that have no prediction of the
// present version: Label Studio filters them. What is known here is compared in memory. A
// project whose tasks all have one costs two requests an hour.
//
// # Which tasks
//
// Tasks without a prediction of ours and without an annotation are new and are prepared as if
// they had just been imported. Tasks that have a prediction of an earlier version are predicted
// again, after everything else, if the setting "repredict" says so: "unlabelled" (the default)
// those that nobody has annotated, "all", or "off". A recording whose transcript is still right
// is not transcribed again. The setting "reconcile": false leaves a project alone.
//
// # Storages that are gone
//
// Label Studio opens recordings in a bucket only while their project has a storage for it. When a
// recording fails because there is none, all others in that storage are given up with the same
// reason. When there is one again, they are found like tasks that were missed.
//
// # Projects that are gone
//
// A project that Label Studio has not known for a day is forgotten with all that is kept for it.
// The day begins with the first look that misses it, and goes on over restarts.
package reconcile

import (
	"context"
	"errors"
	"log/slog"
	"math/rand/v2"
	"net/http"
	"strings"
	"sync"
	"time"

	"github.com/asr-backend/asr-backend/internal/pause"
	"github.com/asr-backend/asr-backend/jobs"
	"github.com/asr-backend/asr-backend/labelstudio"
	"github.com/asr-backend/asr-backend/labelstudio/api"
	"github.com/asr-backend/asr-backend/priority"
	"github.com/asr-backend/asr-backend/service/predictions"
	"github.com/asr-backend/asr-backend/service/problems"
	"github.com/asr-backend/asr-backend/service/projects"
	"github.com/asr-backend/asr-backend/service/queue"
)

// Options are what a Reconciler is made of. All but Forgotten and Logger are required.
type Options struct {
	Queue       *queue.Queue
	Projects    *projects.Registry
	Predictions *predictions.Predictions
	Problems    *problems.Log
	Due         *projects.Due
	Client      *api.Client
	// Forgotten is called with a project of which everything was dropped; nil: nobody.
	Forgotten func(project int64)
	Logger    *slog.Logger // nil: no log
}

// Reconciler looks through projects. It is safe for concurrent use.
type Reconciler struct {
	Options

	mu    sync.Mutex // guards known
	known map[int64]state
}

// state is what is known of the looks at a project.
type state struct {
	Look
	failures int       // in a row
	next     time.Time // the earliest time of the next look
}

// Look is the last look at a project, as /status shows it.
type Look struct {
	At time.Time `json:"at"`
	// Without is how many tasks had no prediction of the present version; of these Prepared
	// were new, Again had an earlier prediction of ours and get a new one, and Labelled were
	// left as they are, since people have annotated them.
	Without  int `json:"without_prediction"`
	Prepared int `json:"prepared"`
	Again    int `json:"predicted_again"`
	Labelled int `json:"labelled"`
	// Transcribe is how many recordings of the new tasks and of those that are predicted again
	// have to be transcribed; the others have a transcript.
	Transcribe int `json:"to_transcribe"`
}

// New returns a Reconciler. Run does its work.
func New(o Options) (*Reconciler, error) {
	if o.Queue == nil || o.Projects == nil || o.Predictions == nil || o.Problems == nil || o.Due == nil || o.Client == nil {
		return nil, errors.New("reconcile: Options are incomplete")
	}
	if o.Logger == nil {
		o.Logger = slog.New(slog.DiscardHandler)
	}
	return &Reconciler{Options: o, known: map[int64]state{}}, nil
}

const (
	// often is how long a project is left alone after a look, whoever asks for the next, and
	// share how often what the look took: strangers can ask for looks.
	often, share = 5 * time.Second, 10
	// seldom is when the next look comes that nobody asks for.
	seldom = time.Hour
	// forgotten is how long Label Studio may not know a project until it is forgotten here: with
	// another token it may be back.
	forgotten = 24 * time.Hour
)

// Run looks through projects when they are due, until ctx ends.
func (r *Reconciler) Run(ctx context.Context) {
	if r.Queue.Wait(ctx) == nil {
		return
	}
	var others sync.WaitGroup
	defer others.Wait()
	others.Go(func() { r.adopt(ctx) })
	r.Due.Now(0)
	for {
		project, err := r.Due.Next(ctx)
		if err != nil {
			return
		}
		if project == 0 {
			for _, id := range r.Projects.List(ctx) {
				r.Due.Now(id)
			}
			continue
		}
		if next := r.last(project).next; next.After(time.Now()) {
			r.Due.At(project, next)
			continue
		}
		began := time.Now()
		look, err := r.Project(ctx, project)
		if ctx.Err() != nil {
			return
		}
		if errors.Is(err, errForgotten) {
			continue
		}
		r.Due.At(project, time.Now().Add(r.ended(project, look, time.Since(began), err)))
	}
}

// adopt makes projects due now and then that have never been looked through here: those that
// connected to another process on the same store, and those that are back after they were
// forgotten. It returns when ctx ends.
func (r *Reconciler) adopt(ctx context.Context) {
	for pause.For(ctx, seldom) == nil {
		for _, id := range r.Projects.List(ctx) {
			if r.last(id).At.IsZero() {
				r.Due.Now(id)
			}
		}
	}
}

// ended notes how a look ended that took so long, and returns when the next one comes.
func (r *Reconciler) ended(project int64, look Look, took time.Duration, err error) time.Duration {
	r.mu.Lock()
	defer r.mu.Unlock()
	s := r.known[project]
	s.next = time.Now().Add(max(often, share*took))
	if err == nil {
		s.Look, s.failures = look, 0
		r.known[project] = s
		if look.Prepared+look.Again > 0 {
			r.Logger.Info("tasks without a prediction were found", "project", project, "new", look.Prepared, "again", look.Again, "labelled", look.Labelled, "to_transcribe", look.Transcribe)
		}
		return time.Duration((0.9 + 0.2*rand.Float64()) * float64(seldom))
	}
	s.At = time.Now()
	delay := max(jobs.Backoff{First: 5 * time.Second, Most: 10 * time.Minute}.Delay(s.failures), often, share*took)
	s.failures++
	r.known[project] = s
	r.Problems.SetAccess(project, err)
	r.Logger.Warn("a project could not be compared with Label Studio; trying again", "project", project, "in_s", delay.Seconds(), "error", err)
	return delay
}

// Last returns the last look at a project; ok is false if there was none.
func (r *Reconciler) Last(project int64) (look Look, ok bool) {
	s := r.last(project)
	return s.Look, !s.At.IsZero()
}

func (r *Reconciler) last(project int64) state {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.known[project]
}

// Project looks through a project now.
func (r *Reconciler) Project(ctx context.Context, id int64) (Look, error) {
	look := Look{At: time.Now()}
	q, err := r.Queue.Get()
	if err != nil {
		return look, err
	}
	lp, err := r.Projects.Refresh(ctx, r.Client, id)
	if api.Status(err) == http.StatusNotFound {
		r.Problems.SetAccess(id, err)
		since, err := r.Projects.SetMissing(ctx, id, look.At)
		if err == nil && look.At.Sub(since) > forgotten {
			err = r.forget(ctx, q, id)
		}
		return look, err
	}
	if err != nil {
		return look, err
	}
	if err := r.Projects.SetFound(ctx, id); err != nil {
		return look, err
	}
	p, err := r.Projects.Resolve(ctx, lp)
	if err == nil {
		err = p.Served()
	}
	if unserved := new(projects.NotServedError); errors.As(err, &unserved) {
		r.Problems.SetProject(id, err)
		return look, nil
	}
	if err != nil {
		return look, err
	}
	r.Problems.SetProject(id, p.Check())
	r.Problems.SetAccess(id, nil)
	if err := r.wake(ctx, q, id); err != nil {
		return look, err
	}
	if err := r.storages(ctx, q, id); err != nil {
		return look, err
	}
	if on := p.Settings.Reconcile; on != nil && !*on {
		return look, nil
	}
	return look, r.tasks(ctx, q, p, &look)
}

// tasks looks through the tasks of a project that have no prediction of its version.
func (r *Reconciler) tasks(ctx context.Context, q *jobs.Queue, p *projects.Project, look *Look) error {
	written, err := r.Projects.Written(ctx, p.ID)
	if err != nil {
		return err
	}
	var imported, again []labelstudio.Task
	flush := func(tasks *[]labelstudio.Task, class priority.Class) error {
		n, err := r.Predictions.Prepare(ctx, p, *tasks, class)
		look.Transcribe += n
		*tasks = (*tasks)[:0]
		return err
	}
	for task, err := range r.Client.TasksWithout(ctx, p.ID, p.Version) {
		if err != nil {
			return err
		}
		look.Without++
		if r.Predictions.Known(q, p, task.ID) {
			continue
		}
		tasks, class := &imported, priority.Batch
		delete(written, labelstudio.PartialVersion(p.Version)) // the rest is still to come
		switch earlier := predicted(&task, written); {
		case earlier && p.Settings.Repredict == projects.RepredictOff:
			continue
		case task.TotalAnnotations > 0 && p.Settings.Repredict != projects.RepredictAll:
			look.Labelled++
			continue
		case earlier:
			look.Again++
			tasks, class = &again, priority.Background
		default:
			look.Prepared++
		}
		if *tasks = append(*tasks, task); len(*tasks) == api.TaskPage {
			if err := flush(tasks, class); err != nil {
				return err
			}
		}
	}
	return errors.Join(flush(&imported, priority.Batch), flush(&again, priority.Background))
}

// predicted reports whether a task has a prediction of ours.
func predicted(t *labelstudio.Task, written projects.Written) bool {
	for version := range strings.SplitSeq(t.ModelVersions, ",") {
		if written[strings.TrimSpace(version)] {
			return true
		}
	}
	return false
}
