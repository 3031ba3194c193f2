// Package control lets people cancel, retry and prioritize the work for tasks, and look at it.
//
// # The unit
//
// People know tasks of Label Studio, by their ids. The queue knows two jobs for each: a
// transcription, which tasks with the same recording share, and a push of the prediction. So what
// is done to a task is done to its push, and to its transcriptions as far as no other task is
// concerned.
//
//	           push                          transcription
//	cancel     cancelled                     cancelled, unless the push of another task waits for it
//	retry      queued with fresh attempts    the same, unless it is done or runs
//	prioritize raised                        raised, also while it runs
//
// # What lasts
//
// Everything is a transition of a record in the queue, one compare-and-set each (package jobs), so it
// survives restarts and kills, and is right whatever workers do at the same moment. A cancelled push
// keeps its record: that is how webhooks and the comparison with Label Studio know that the task is
// to be left alone. It is over when somebody retries the task, opens it, or asks for its prediction
// in Label Studio, and for the next version of the model, which has a push of its own.
//
// What is done to a task may be repeated: a request that broke off is sent again as it was.
//
// # Routes
//
//	GET  /jobs              tasks by state, with package overview's query; or one, with task=ID
//	POST /jobs/cancel       a Selection as JSON, or as a form of a page
//	POST /jobs/retry
//	POST /jobs/prioritize
package control

import (
	"context"
	"errors"
	"log/slog"
	"time"

	"github.com/asr-backend/asr-backend/jobs"
	"github.com/asr-backend/asr-backend/labelstudio/api"
	"github.com/asr-backend/asr-backend/service/overview"
	"github.com/asr-backend/asr-backend/service/predictions"
	"github.com/asr-backend/asr-backend/service/projects"
	"github.com/asr-backend/asr-backend/service/queue"
	"github.com/asr-backend/asr-backend/service/recordings"
)

// Options are what a Control is made of. All but Client and Logger are required.
type Options struct {
	Queue       *queue.Queue
	Projects    *projects.Registry
	Recordings  *recordings.Recordings
	Predictions *predictions.Predictions
	Overview    *overview.Overview
	// Client reads tasks that are retried. Without one there are no pushes, and nothing to control.
	Client *api.Client
	Logger *slog.Logger // nil: no log
}

// Control controls the work for tasks. It is safe for concurrent use.
type Control struct{ Options }

// New returns a Control.
func New(o Options) (*Control, error) {
	if o.Queue == nil || o.Projects == nil || o.Recordings == nil || o.Predictions == nil || o.Overview == nil {
		return nil, errors.New("control: Options are incomplete")
	}
	if o.Logger == nil {
		o.Logger = slog.New(slog.DiscardHandler)
	}
	return &Control{o}, nil
}

// opening is how long a request waits for the queue, in the first moments of the process.
const opening = 10 * time.Second

// queue returns the queue.
func (c *Control) queue(ctx context.Context) (*jobs.Queue, error) {
	ctx, cancel := context.WithTimeout(ctx, opening)
	defer cancel()
	c.Queue.Wait(ctx)
	return c.Queue.Get()
}
