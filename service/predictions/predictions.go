// Package predictions gives tasks their predictions: in answer to a request while somebody
// waits, and through Label Studio's API for everything else.
//
// # The life of a prediction
//
//	/predict ──Predict──┐                              ┌──> answer, if it is ready in time
//	webhook ──Prepare───┴──> transcription ──> push ───┴──> stored through the API
//	                         (recordings)      (this package's job, kind "deliver")
//
// Nothing in a request waits for a model or a recording. Both ways enqueue a transcription of
// each recording and a push of the prediction; Predict then waits, for a bounded time, for
// the transcriptions. What is ready is answered, everything else is answered with "not now".
// The push stores it later, through crashes and outages of Label Studio.
//
// # One prediction a task and version
//
// Label Studio stores every answer as a new row and looks for no twin. Two writers could so
// leave two rows. Package once holds the rules: only one writer is active at a time, an answer
// is given once until Label Studio had time to store it, and the push, which keeps exactly
// one row of a version and removes others, always comes last.
//
// # Keys
//
//	deliver/<project>/<task>/<version>
//
// A push ends with an outcome: pushed, superseded (the project has another version by
// now), gone (the task is), or "not transcribed" (its recording was given up, which the
// transcription says). Superseded and gone leave no job behind, so that the push is made
// anew if it is asked for again.
package predictions

import (
	"errors"
	"log/slog"
	"time"

	"github.com/asr-backend/asr-backend/labelstudio/api"
	"github.com/asr-backend/asr-backend/service/predictions/once"
	"github.com/asr-backend/asr-backend/service/problems"
	"github.com/asr-backend/asr-backend/service/projects"
	"github.com/asr-backend/asr-backend/service/queue"
	"github.com/asr-backend/asr-backend/service/recordings"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/promauto"
)

// DefaultWait is how long Predict waits for transcripts if Options do not say.
const DefaultWait = 60 * time.Second

// Options are what Predictions are made of. Queue, Projects, Recordings and Problems are
// required.
type Options struct {
	Queue      *queue.Queue
	Projects   *projects.Registry
	Recordings *recordings.Recordings
	Problems   *problems.Log
	// Client stores predictions. Without one, predictions are only given in answer to
	// requests, and NoClient says why there is none.
	Client   *api.Client
	NoClient error
	// Wait is how long Predict waits for transcripts; 0 means DefaultWait, negative not at
	// all.
	Wait     time.Duration
	Logger   *slog.Logger          // nil: no log
	Registry prometheus.Registerer // of metrics; nil: not registered
}

// Predictions gives tasks their predictions. It is safe for concurrent use.
type Predictions struct {
	Options
	log    *slog.Logger
	once   *once.Guard
	pushed *prometheus.CounterVec // by outcome
}

// New returns Predictions.
func New(o Options) (*Predictions, error) {
	if o.Queue == nil || o.Projects == nil || o.Recordings == nil || o.Problems == nil {
		return nil, errors.New("predictions: Options are incomplete")
	}
	if o.Wait == 0 {
		o.Wait = DefaultWait
	}
	if o.Logger == nil {
		o.Logger = slog.New(slog.DiscardHandler)
	}
	return &Predictions{Options: o, log: o.Logger, once: once.New(once.DefaultStoring), pushed: promauto.With(o.Registry).NewCounterVec(prometheus.CounterOpts{
		Namespace: "asr_backend", Name: "pushes_total", Help: "Attempts to push predictions to Label Studio, by outcome."}, []string{"outcome"})}, nil
}

// together is how many writes to the queue are made at once: writes that come together share
// a sync of the disk.
const together = 16
