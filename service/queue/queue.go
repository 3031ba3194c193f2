// Package queue opens the job queue in the background and hands it to everybody who needs
// it.
//
// The service answers from its first second, and its queue may take longer than that: the
// server inside the process recovers its files, a cluster is not reachable yet, a disk is
// full. Until the queue is open, Get returns why it is not, and Wait waits for it. Opening is
// tried again for as long as the service runs, so that an administrator who frees the disk
// need not restart anything.
package queue

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"sync"
	"sync/atomic"
	"time"

	"github.com/asr-backend/asr-backend/internal/hint"
	"github.com/asr-backend/asr-backend/internal/pause"
	"github.com/asr-backend/asr-backend/jobs"
)

// Queue is a job queue that is open or will be. It is safe for concurrent use.
type Queue struct {
	options jobs.Options
	log     *slog.Logger
	queue   atomic.Pointer[jobs.Queue]
	opened  chan struct{} // closed when the queue is open

	mu  sync.Mutex // guards err
	err error      // why the queue is not open
}

// ErrOpening is why a queue is not open that has not failed to open.
var ErrOpening = errors.New("the job queue is being opened")

// New returns a queue that Run opens.
func New(o jobs.Options) *Queue {
	log := o.Logger
	if log == nil {
		log = slog.New(slog.DiscardHandler)
	}
	return &Queue{options: o, log: log, opened: make(chan struct{}), err: ErrOpening}
}

// Run opens the queue. It returns when the queue is open or ctx has ended.
func (q *Queue) Run(ctx context.Context) {
	backoff := jobs.Backoff{First: 500 * time.Millisecond, Most: 30 * time.Second}
	for n := 0; ; n++ {
		opening := ctx
		if q.options.URL == "" {
			// The server inside this process does not come apart cleanly half-way.
			opening = context.WithoutCancel(ctx)
		}
		open, err := jobs.Open(opening, q.options)
		if err == nil {
			q.queue.Store(open)
			close(q.opened)
			return
		}
		if ctx.Err() != nil {
			return
		}
		q.mu.Lock()
		q.err = err
		q.mu.Unlock()
		q.log.Error("job queue not opened", "error", err, "hint", hint.Of(err))
		if pause.For(ctx, backoff.Delay(n)) != nil {
			return
		}
	}
}

// Get returns the queue, or why there is none.
func (q *Queue) Get() (*jobs.Queue, error) {
	if open := q.queue.Load(); open != nil {
		return open, nil
	}
	q.mu.Lock()
	defer q.mu.Unlock()
	return nil, q.err
}

// Wait returns the queue once it is open, or nil when ctx has ended.
func (q *Queue) Wait(ctx context.Context) *jobs.Queue {
	select {
	case <-q.opened:
		return q.queue.Load()
	case <-ctx.Done():
		return nil
	}
}

// Health returns nil while jobs can be accepted and stored, else what is wrong.
func (q *Queue) Health() error {
	open, err := q.Get()
	if err != nil {
		return err
	}
	return open.Health()
}

// Discard removes a job that has ended and that nobody needs any more; one that was enqueued anew
// meanwhile stays. A failure is logged only: jobs that have ended are removed in time anyway.
func (q *Queue) Discard(ctx context.Context, key string) {
	open, err := q.Get()
	if err == nil {
		err = open.RemoveEnded(context.WithoutCancel(ctx), key)
	}
	if err != nil && !jobs.Overtaken(err) {
		q.log.Warn("a job that has ended was not removed", "job", key, "error", err)
	}
}

// ReviveAfter is how long a job that was given up stays so when it is asked for again: what
// stood in its way may be gone by then. See jobs.InsertOptions.
const ReviveAfter = time.Minute

// Wake makes jobs ready that wait for their next attempt because one failed: all that match f
// and, unless it is nil, too.
func Wake(ctx context.Context, q *jobs.Queue, f jobs.Filter, too func(jobs.Job) bool) error {
	now := time.Now()
	for job := range q.Jobs(f) {
		if job.State != jobs.Queued || job.Retries == 0 || !job.NotBefore.After(now) || too != nil && !too(job) {
			continue
		}
		_, err := q.Requeue(ctx, job.Key)
		if err != nil && !jobs.Overtaken(err) {
			return fmt.Errorf("make job %s ready: %w", job.Key, err)
		}
	}
	return nil
}

// Close closes the queue. Run must have returned.
func (q *Queue) Close() error {
	if open := q.queue.Load(); open != nil {
		return open.Close()
	}
	return nil
}
