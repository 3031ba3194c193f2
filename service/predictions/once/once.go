// Package once sees to it that a task gets one prediction of a version although two ways
// lead there: the answer to /predict, which Label Studio stores when it arrives, and the push
// through its API. Label Studio stores each as a new row and looks for no twin. The rules:
//
//   - While a request waits for the transcript, nothing is pushed: the request will answer,
//     so that the person who waits sees the text at once.
//   - An answer is given once. Further requests get "not now" until Label Studio had
//     time to store it; it asks twice at the first visit of a task.
//   - After an answer the push comes all the same, later, and looks: if the answer was lost
//     on its way it stores the prediction, and if there are two it removes one.
//   - A request that came before a push ended gets "not now": what was pushed is in the
//     page's next look.
//
// What is known here is lost with the process, which costs nothing: every task that is
// answered has a push in the queue, and after a restart the pushes look.
package once

import (
	"context"
	"sync"
	"time"
)

// Guard holds the rules for all predictions. It is safe for concurrent use.
type Guard struct {
	// storing is how long Label Studio may take to store an answer.
	storing time.Duration

	mu    sync.Mutex // guards the fields below
	tasks map[Prediction]*writers
	swept time.Time
}

// Prediction is a task's prediction of a version.
type Prediction struct {
	Task    int64
	Version string
}

// writers is what is known of those who write one prediction.
type writers struct {
	waiting  int       // requests that wait for the transcript
	until    time.Time // when the last of them stops waiting
	answered time.Time // when the last answer was given
	pushed   time.Time // when the last push ended
	busy     chan struct{}
}

const (
	// DefaultStoring is after the 90 s with which the proxies in front of Label Studio
	// give up its user's request.
	DefaultStoring = 90 * time.Second
	// Remembered is how long a task is remembered that nothing happens to.
	Remembered = 10 * time.Minute
	// soon is when a push tries again that another one, or a request about to answer,
	// stands in the way of.
	soon = time.Second
)

// New returns a Guard for a Label Studio that takes so long to store an answer.
func New(storing time.Duration) *Guard {
	return &Guard{storing: storing, tasks: map[Prediction]*writers{}, swept: time.Now()}
}

// get returns what is known of a task, with the lock held.
func (o *Guard) get(k Prediction) *writers {
	if now := time.Now(); now.Sub(o.swept) > Remembered {
		o.swept = now
		for key, t := range o.tasks {
			if t.waiting == 0 && t.busy == nil && now.Sub(t.answered) > Remembered && now.Sub(t.pushed) > Remembered {
				delete(o.tasks, key)
			}
		}
	}
	t := o.tasks[k]
	if t == nil {
		t = new(writers)
		o.tasks[k] = t
	}
	return t
}

// Expect notes that a request waits for the transcript, at most until a given time. The
// caller calls the function it returns when it no longer does.
func (o *Guard) Expect(k Prediction, until time.Time) (done func()) {
	o.mu.Lock()
	defer o.mu.Unlock()
	t := o.get(k)
	if t.waiting++; t.waiting == 1 || until.After(t.until) {
		t.until = until
	}
	return func() {
		o.mu.Lock()
		defer o.mu.Unlock()
		o.get(k).waiting--
	}
}

// Answer reports whether a request that arrived at a given time may be answered, and if
// so counts it as answered. A push under way is waited for, while ctx lasts.
func (o *Guard) Answer(ctx context.Context, k Prediction, arrived time.Time) bool {
	for {
		o.mu.Lock()
		t := o.get(k)
		busy := t.busy
		if busy == nil {
			defer o.mu.Unlock()
			ok := t.pushed.Before(arrived) && time.Since(t.answered) > o.storing
			if ok {
				t.answered = time.Now()
			}
			return ok
		}
		o.mu.Unlock()
		select {
		case <-busy:
		case <-ctx.Done():
			return false
		}
	}
}

// Push asks to store a prediction through the API. It returns how long that has to
// wait, or, if it need not, a function to call once it has failed, or has succeeded and
// its job is done: a request that finds the job not done relies on what is known here.
func (o *Guard) Push(k Prediction) (wait time.Duration, end func(ok bool)) {
	o.mu.Lock()
	defer o.mu.Unlock()
	t := o.get(k)
	switch left := o.storing - time.Since(t.answered); {
	case t.busy != nil:
		return soon, nil
	case t.waiting > 0:
		return max(soon, time.Until(t.until)), nil
	case left > 0:
		return left, nil
	}
	t.busy = make(chan struct{})
	return 0, func(ok bool) {
		o.mu.Lock()
		defer o.mu.Unlock()
		if ok {
			t.pushed = time.Now()
		}
		close(t.busy)
		t.busy = nil
	}
}
