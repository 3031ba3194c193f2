package service

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

// outage watches for the end of outages. A job that fails of one waits longer after each
// attempt, up to half an hour, and a thousand of them would go out in as long when the outage is
// over. So during an outage of Label Studio it is asked every few seconds, and its first answer
// makes all jobs ready that wait. Where Label Studio answers and recordings cannot be had all
// the same, as in an outage of a storage, one recording of each source is asked for instead.
type outage struct {
	client *api.Client // nil: there is nothing to watch
	peek   func(ctx context.Context, payload []byte) error
	queue  *queue.Queue
	due    *projects.Due
	log    *slog.Logger
	seen   chan struct{} // capacity 1; something failed of an outage

	mu      sync.Mutex // guards the fields below
	over    time.Time  // when an outage ended last
	sources map[source]*failing
}

const (
	// probe is how often Label Studio is asked during an outage, and a source at first.
	probe = 3 * time.Second
	// mostSources bounds how many sources are watched.
	mostSources = 32
)

func newOutage(client *api.Client, peek func(context.Context, []byte) error, q *queue.Queue, due *projects.Due, log *slog.Logger) *outage {
	return &outage{client: client, peek: peek, queue: q, due: due, log: log, seen: make(chan struct{}, 1), sources: map[source]*failing{}}
}

// noted looks at why a job failed.
func (o *outage) noted(job jobs.Job, err error) {
	if o.client == nil {
		return
	}
	if unfetched, ok := errors.AsType[*media.Error](err); ok {
		if _, again := media.Retryable(err); !again {
			return
		}
		o.watch(job, unfetched)
	} else if !outageOf(err) {
		return
	}
	select {
	case o.seen <- struct{}{}:
	default:
	}
}

// missed reports whether an outage has ended since a job was taken: what the job failed of may
// be over already.
func (o *outage) missed(job jobs.Job) bool {
	o.mu.Lock()
	defer o.mu.Unlock()
	return o.over.After(job.Attempted)
}

// run waits for outages and their ends, until ctx ends.
func (o *outage) run(ctx context.Context) {
	if o.client == nil || o.queue.Wait(ctx) == nil {
		return
	}
	var sources sync.WaitGroup
	defer sources.Wait()
	sources.Go(func() { o.watchSources(ctx) })
	// What failed before this process began may have another token or address now.
	for first := true; ; first = false {
		began, down := time.Now(), first
		for o.down(ctx) != nil {
			down = true
			if pause.For(ctx, probe) != nil {
				return
			}
		}
		if down && ctx.Err() == nil {
			if !first || time.Since(began) >= probe {
				o.log.Info("Label Studio answers again", "outage_s", time.Since(began).Seconds())
			}
			o.wake(ctx, jobs.Filter{})
			o.due.Now(0) // what happened meanwhile was announced to nobody
		}
		select {
		case <-o.seen:
		case <-ctx.Done():
			return
		}
	}
}

// down returns why Label Studio cannot be asked, or nil if it can.
func (o *outage) down(ctx context.Context) error {
	if o.client == nil {
		return nil
	}
	ctx, cancel := context.WithTimeout(ctx, 10*probe)
	defer cancel()
	_, err := o.client.Whoami(ctx)
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
func (o *outage) wake(ctx context.Context, f jobs.Filter) {
	now := time.Now()
	o.mu.Lock()
	o.over = now
	o.mu.Unlock()
	q, err := o.queue.Get()
	if err != nil {
		return // they are ready when the queue is back, or soon after
	}
	for job := range q.Jobs(f) {
		if job.State != jobs.Queued || job.Retries == 0 || !job.NotBefore.After(now) {
			continue
		}
		_, err := q.Requeue(ctx, job.Key)
		if err != nil && !errors.Is(err, jobs.ErrState) && !errors.Is(err, jobs.ErrNotFound) {
			o.log.Warn("jobs wait although an outage is over", "error", err)
			return
		}
	}
}
