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
// those transcriptions that will be ready by its end, as far as that can be known (package
// progress). What is ready is answered, everything else is answered with "not now" and the
// reason: Label Studio shows it in answer to Send Test Request, and else writes it to its log.
// The push stores it later, through crashes and outages of Label Studio. Of a request with
// thousands of tasks, those that are not on the disk by then are enqueued after the answer.
//
// # One prediction a task and version
//
// Label Studio stores every answer as a new row and does not look for an equal one, so two
// writers could leave two rows. The record of the push is the lock that all processes on a store share, and
// that a restart does not lose:
//
//   - A request that waits for a transcript moves the push behind the end of its wait: it will
//     answer, so that the person who waits sees the text at once.
//   - To answer, a request holds the push until Label Studio has had time to store the answer. Of
//     several requests one gets it; the others, and those that find the push running or done,
//     get "not now".
//   - Label Studio asks only for what it lacks. So a request for one task that has its
//     prediction is Send Test Request, whose answer is looked at and not stored, as is that to a
//     request by hand, which does not say what the task has. Both are answered in full.
//   - After an answer the push comes all the same, and looks: if the answer was lost on its way
//     it stores the prediction, and if there are two rows it removes one.
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
	"context"
	"errors"
	"log/slog"
	"time"

	"github.com/asr-backend/asr-backend/labelstudio/api"
	"github.com/asr-backend/asr-backend/service/internal/background"
	"github.com/asr-backend/asr-backend/service/problems"
	"github.com/asr-backend/asr-backend/service/projects"
	"github.com/asr-backend/asr-backend/service/queue"
	"github.com/asr-backend/asr-backend/service/recordings"
	"github.com/asr-backend/asr-backend/service/selection"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/promauto"
)

// DefaultWait is how long Predict waits for transcripts if Options do not say: a person looks at
// an empty page meanwhile, and gives up on it long before Label Studio does, after 100 s.
const DefaultWait = 20 * time.Second

// Options are what Predictions are made of. Queue, Projects, Recordings, Problems and
// Due are required.
type Options struct {
	Queue      *queue.Queue
	Projects   *projects.Registry
	Recordings *recordings.Recordings
	Problems   *problems.Log
	Due        *projects.Due
	// Client stores predictions. Without one, predictions are only given in answer to
	// requests, and NoClient says why there is none.
	Client   *api.Client
	NoClient error
	// Selector has Label Studio use what is stored; nil: nothing does.
	Selector *selection.Selector
	// Wait is how long Predict waits for transcripts; 0 means DefaultWait, negative not at
	// all.
	Wait     time.Duration
	Logger   *slog.Logger          // nil: no log
	Registry prometheus.Registerer // of metrics; nil: not registered
}

// Predictions gives tasks their predictions. It is safe for concurrent use.
type Predictions struct {
	Options
	log        *slog.Logger
	answered   *answered // without a client
	asked      *asked    // without a client
	background *background.Work
	pushed     *prometheus.CounterVec // by outcome
}

// New returns Predictions. The caller closes them.
func New(o Options) (*Predictions, error) {
	if o.Queue == nil || o.Projects == nil || o.Recordings == nil || o.Problems == nil || o.Due == nil {
		return nil, errors.New("predictions: Options are incomplete")
	}
	if o.Wait == 0 {
		o.Wait = DefaultWait
	}
	if o.Logger == nil {
		o.Logger = slog.New(slog.DiscardHandler)
	}
	return &Predictions{Options: o, log: o.Logger, answered: newAnswered(), asked: newAsked(), background: background.New(), pushed: promauto.With(o.Registry).NewCounterVec(prometheus.CounterOpts{
		Namespace: "asr_backend", Name: "pushes_total", Help: "Attempts to push predictions to Label Studio, by outcome."}, []string{"outcome"})}, nil
}

// Close waits for tasks that are still being enqueued, until ctx ends. It must come before the
// queue is closed.
func (s *Predictions) Close(ctx context.Context) error {
	s.background.Close(ctx)
	return nil
}
