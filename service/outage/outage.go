// Package outage finds out that an outage is over, and wakes the jobs that wait because of it.
//
// # Why
//
// A job that fails is tried again, and waits longer after each attempt, up to half an hour. So a
// thousand jobs that failed during an outage would take up to half an hour to be done when it is
// over. What Label Studio announced meanwhile was not received either.
//
// # What an outage is
//
// There are two kinds, which end independently:
//
//   - Label Studio as a whole cannot be asked: it does not answer, a proxy answers in its place,
//     or the token is refused. A refusal counts because tokens are renewed and memberships given
//     back. It concerns every job.
//   - Label Studio answers, but recordings of one source cannot be fetched: a storage is away, a
//     folder is not mounted. A source is a kind of address and a host, of one project.
//
// # How its end is found
//
// Every error that a job fails with passes through Note. One that may mean an outage starts the
// questions: Label Studio is asked every few seconds who the token belongs to, and a source for
// the first byte of one recording, less often the longer it is away. So what an outage costs the
// other side does not grow with the number of jobs.
//
// # What is woken
//
// After an outage of Label Studio, every job that waits for its next attempt becomes ready, and
// every project is due to be compared with Label Studio. After one of a source, the jobs of its
// project become ready. A job that runs when an outage ends may still fail of it: Missed reports
// that, and it is to be tried again soon.
//
// Jobs are woken once when a process starts as well, since it may have been given another token
// or address than the one before it.
package outage

import (
	"context"
	"errors"
	"log/slog"
	"net/http"
	"sync"
	"time"

	"github.com/asr-backend/asr-backend/internal/pause"
	"github.com/asr-backend/asr-backend/jobs"
	"github.com/asr-backend/asr-backend/labelstudio/api"
	"github.com/asr-backend/asr-backend/labelstudio/media"
	"github.com/asr-backend/asr-backend/service/projects"
	"github.com/asr-backend/asr-backend/service/queue"
)

// Options are what a Watch is made of. Queue, Peek and Due are required.
type Options struct {
	Queue *queue.Queue
	// Peek asks for the first byte of a recording, given the payload of the job that
	// transcribes it. Its error is the one that fetching the recording would give.
	Peek func(ctx context.Context, payload []byte) error
	// Due is where all projects become due when Label Studio is back.
	Due *projects.Due
	// Client asks Label Studio. Without one there is nothing to watch.
	Client *api.Client
	Logger *slog.Logger // nil: no log
}

// Watch watches for the end of outages. It is safe for concurrent use.
type Watch struct {
	Options
	seen    chan struct{} // capacity 1; something failed of an outage
	sources *sources

	mu   sync.Mutex // guards over
	over time.Time  // when an outage ended last
}

// New returns a Watch. Run does its work.
func New(o Options) (*Watch, error) {
	if o.Queue == nil || o.Peek == nil || o.Due == nil {
		return nil, errors.New("outage: Options are incomplete")
	}
	if o.Logger == nil {
		o.Logger = slog.New(slog.DiscardHandler)
	}
	return &Watch{Options: o, seen: make(chan struct{}, 1),
		sources: &sources{queue: o.Queue, peek: o.Peek, failing: map[source]*failing{}}}, nil
}

// Note looks at why a job failed. Every failure of a job is to be noted.
func (w *Watch) Note(job jobs.Job, err error) {
	if w.Client == nil {
		return
	}
	if unfetched, ok := errors.AsType[*media.Error](err); ok {
		if _, again := media.Retryable(err); !again {
			return
		}
		w.sources.add(job, unfetched)
	} else if !outageOf(err) {
		return
	}
	select {
	case w.seen <- struct{}{}:
	default:
	}
}

// Missed reports whether an outage has ended since a job was taken: what the job failed of may
// be over already.
func (w *Watch) Missed(job jobs.Job) bool {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.over.After(job.Attempted)
}

// Run waits for outages and their ends, until ctx ends.
func (w *Watch) Run(ctx context.Context) {
	if w.Client == nil || w.Queue.Wait(ctx) == nil {
		return
	}
	var sources sync.WaitGroup
	defer sources.Wait()
	sources.Go(func() { w.watchSources(ctx) })
	// What failed before this process began may have another token or address now.
	for first := true; ; first = false {
		began, down := time.Now(), false
		for w.Down(ctx) != nil {
			down = true
			if pause.For(ctx, probe) != nil {
				return
			}
		}
		if ctx.Err() == nil && (down || first) {
			w.wake(ctx, jobs.Filter{})
		}
		if ctx.Err() == nil && down {
			w.Logger.Info("Label Studio answers again", "outage_s", time.Since(began).Seconds())
			w.Due.Now(0) // what happened meanwhile was announced to nobody
		}
		select {
		case <-w.seen:
		case <-ctx.Done():
			return
		}
	}
}

// watchSources asks for recordings that could not be had, until ctx ends.
func (w *Watch) watchSources(ctx context.Context) {
	tick := time.NewTicker(probe)
	defer tick.Stop()
	for {
		select {
		case <-tick.C:
		case <-ctx.Done():
			return
		}
		for _, project := range w.sources.back(ctx) {
			w.Logger.Info("recordings can be downloaded again", "project", project)
			w.wake(ctx, jobs.Filter{Project: project})
		}
	}
}

// Down returns why Label Studio cannot be asked, or nil if it can.
func (w *Watch) Down(ctx context.Context) error {
	if w.Client == nil {
		return nil
	}
	ctx, cancel := context.WithTimeout(ctx, 10*probe)
	defer cancel()
	_, err := w.Client.Whoami(ctx)
	if outageOf(err) {
		return err
	}
	return nil
}

// outageOf reports whether an error may mean that Label Studio as a whole cannot be asked.
func outageOf(err error) bool {
	return api.Outage(err) || api.Status(err) == http.StatusForbidden
}

// wake makes jobs ready that wait because an attempt failed.
func (w *Watch) wake(ctx context.Context, f jobs.Filter) {
	w.mu.Lock()
	w.over = time.Now()
	w.mu.Unlock()
	q, err := w.Queue.Get()
	if err != nil {
		return // they are ready when the queue is back, or soon after
	}
	if err := queue.Wake(ctx, q, f, nil); err != nil {
		w.Logger.Warn("jobs that failed in an outage were not made ready; they wait for their next attempt", "error", err)
	}
}
