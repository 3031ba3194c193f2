package service

import (
	"context"
	"errors"
	"log/slog"
	"time"

	"github.com/asr-backend/asr-backend/jobs"
	"github.com/asr-backend/asr-backend/labelstudio/api"
	"github.com/asr-backend/asr-backend/labelstudio/media"
	"github.com/asr-backend/asr-backend/service/projects"
	"github.com/asr-backend/asr-backend/service/queue"
)

// outage watches for the end of an outage of Label Studio. A job that fails of one waits
// longer after each attempt, up to half an hour, and a thousand of them would go out in as long
// when Label Studio is back. So while there is an outage Label Studio is asked every few
// seconds, and its first answer makes them all ready.
type outage struct {
	client *api.Client // nil: there is nothing to watch
	queue  *queue.Queue
	due    *projects.Due
	log    *slog.Logger
	seen   chan struct{} // capacity 1; something failed of an outage
}

// probe is how often Label Studio is asked during an outage.
const probe = 3 * time.Second

func newOutage(client *api.Client, q *queue.Queue, due *projects.Due, log *slog.Logger) *outage {
	return &outage{client: client, queue: q, due: due, log: log, seen: make(chan struct{}, 1)}
}

// noted looks at why a job failed.
func (o *outage) noted(err error) {
	_, lost := media.Retryable(err)
	if o.client == nil || !lost && !api.Outage(err) {
		return
	}
	select {
	case o.seen <- struct{}{}:
	default:
	}
}

// run waits for outages and their ends, until ctx ends.
func (o *outage) run(ctx context.Context) {
	if o.client == nil {
		return
	}
	tick := time.NewTicker(probe)
	defer tick.Stop()
	for {
		select {
		case <-o.seen:
		case <-ctx.Done():
			return
		}
		began, down := time.Now(), false
		for o.down(ctx) {
			down = true
			select {
			case <-tick.C:
			case <-ctx.Done():
				return
			}
		}
		if !down || ctx.Err() != nil {
			continue // one recording, or one moment
		}
		o.log.Info("Label Studio answers again", "outage_s", time.Since(began).Seconds())
		o.wake(ctx)
		o.due.Now(0) // what happened meanwhile was announced to nobody
	}
}

// down reports whether Label Studio cannot be asked.
func (o *outage) down(ctx context.Context) bool {
	ctx, cancel := context.WithTimeout(ctx, 10*probe)
	defer cancel()
	_, err := o.client.Whoami(ctx)
	return api.Outage(err)
}

// wake makes all jobs ready that wait because an attempt failed.
func (o *outage) wake(ctx context.Context) {
	q, err := o.queue.Get()
	if err != nil {
		return // they are ready when the queue is back, or soon after
	}
	now := time.Now()
	for job := range q.Jobs(jobs.Filter{}) {
		if job.State != jobs.Queued || job.Retries == 0 || !job.NotBefore.After(now) {
			continue
		}
		_, err := q.Requeue(ctx, job.Key)
		if err != nil && !errors.Is(err, jobs.ErrState) && !errors.Is(err, jobs.ErrNotFound) {
			o.log.Warn("jobs wait although Label Studio is back", "error", err)
			return
		}
	}
}
