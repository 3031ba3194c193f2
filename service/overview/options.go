package overview

import (
	"context"
	"sync"
	"time"

	"github.com/asr-backend/asr-backend/jobs"
	"github.com/asr-backend/asr-backend/service/predictions"
	"github.com/asr-backend/asr-backend/service/problems"
	"github.com/asr-backend/asr-backend/service/recordings"
)

// Options are where an Overview looks beside the queue. All may be nil: what only they know is
// missing then.
type Options struct {
	Recordings *recordings.Recordings // progress
	Problems   *problems.Log
	// Asked gives the tasks of a project that were asked for where nothing is pushed. It is set
	// where there are no pushes.
	Asked *predictions.Predictions
	// ErrorRates returns what knows the word error rates of a project's tasks.
	ErrorRates func(ctx context.Context, project int64) func(task int64) (rate float64, ok bool)
}

// Overview answers queries over tasks. It is safe for concurrent use.
type Overview struct {
	o Options

	mu    sync.Mutex // guards known
	known map[int64]*project
}

// New returns an Overview.
func New(o Options) *Overview { return &Overview{o: o, known: map[int64]*project{}} }

// project is the tasks of a project as of a change of its jobs.
type project struct {
	mu      sync.Mutex // guards the fields below
	queue   *jobs.Queue
	changes uint64
	made    time.Time
	table   *table
}

// madeFor is for how long a table is kept up to date before it is made anew: a record that is
// damaged leaves its project unnoticed.
const madeFor = 10 * time.Minute
