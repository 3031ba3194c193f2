package service

import (
	"context"
	"sync"
	"time"
)

// deliveries sees to it that a task gets one prediction of a version although two ways
// lead there: the answer to /predict, which Label Studio stores when it arrives, and the
// delivery through its API. The rules:
//
//   - While a request waits for the transcript, no delivery is made: the request will
//     answer, so that the person who waits sees the text at once.
//   - An answer is given once. Further requests get "not now" until Label Studio had
//     time to store it; it asks twice at the first visit of a task.
//   - After an answer the delivery comes all the same, later, and looks: if the answer
//     was lost on its way it stores the prediction, and if there are two it removes one.
//   - A request that came before a delivery ended gets "not now": what was delivered is
//     in the page's next look.
//
// What is known here is lost with the process, which costs nothing: every task that is
// answered has a delivery in the queue, and after a restart the deliveries look.
type deliveries struct {
	// storing is how long Label Studio may take to store an answer.
	storing time.Duration

	mu    sync.Mutex // guards the fields below
	tasks map[deliveryKey]*delivery
	swept time.Time
}

type deliveryKey struct {
	task    int64
	version string
}

// delivery is what is known of one task and version.
type delivery struct {
	waiting   int       // requests that wait for the transcript
	until     time.Time // when the last of them stops waiting
	answered  time.Time // when the last answer was given
	delivered time.Time // when the last delivery ended
	busy      chan struct{}
}

const (
	// DefaultStoring is after the 90 s with which the proxies in front of Label Studio
	// give up its user's request.
	DefaultStoring = 90 * time.Second
	// remembered is how long a task is remembered that nothing happens to.
	remembered = 10 * time.Minute
	// soon is when a delivery tries again that another one, or a request about to answer,
	// stands in the way of.
	soon = time.Second
)

func newDeliveries(storing time.Duration) *deliveries {
	return &deliveries{storing: storing, tasks: map[deliveryKey]*delivery{}, swept: time.Now()}
}

// get returns what is known of a task, with the lock held.
func (d *deliveries) get(k deliveryKey) *delivery {
	if now := time.Now(); now.Sub(d.swept) > remembered {
		d.swept = now
		for key, t := range d.tasks {
			if t.waiting == 0 && t.busy == nil && now.Sub(t.answered) > remembered && now.Sub(t.delivered) > remembered {
				delete(d.tasks, key)
			}
		}
	}
	t := d.tasks[k]
	if t == nil {
		t = new(delivery)
		d.tasks[k] = t
	}
	return t
}

// expect tells that a request waits for the transcript, at most until a given time; the
// caller calls the function it returns when it no longer does.
func (d *deliveries) expect(k deliveryKey, until time.Time) (done func()) {
	d.mu.Lock()
	defer d.mu.Unlock()
	t := d.get(k)
	if t.waiting++; t.waiting == 1 || until.After(t.until) {
		t.until = until
	}
	return func() {
		d.mu.Lock()
		defer d.mu.Unlock()
		d.get(k).waiting--
	}
}

// answer reports whether a request that arrived at a given time may be answered, and if
// so counts it as answered. A delivery under way is waited for, while ctx lasts.
func (d *deliveries) answer(ctx context.Context, k deliveryKey, arrived time.Time) bool {
	for {
		d.mu.Lock()
		t := d.get(k)
		busy := t.busy
		if busy == nil {
			defer d.mu.Unlock()
			ok := t.delivered.Before(arrived) && time.Since(t.answered) > d.storing
			if ok {
				t.answered = time.Now()
			}
			return ok
		}
		d.mu.Unlock()
		select {
		case <-busy:
		case <-ctx.Done():
			return false
		}
	}
}

// deliver asks to store a prediction through the API. It returns how long that has to
// wait, or, if it need not, a function to call once it has failed, or has succeeded and
// its job is done: a request that finds the job not done relies on what is known here.
func (d *deliveries) deliver(k deliveryKey) (wait time.Duration, end func(ok bool)) {
	d.mu.Lock()
	defer d.mu.Unlock()
	t := d.get(k)
	switch left := d.storing - time.Since(t.answered); {
	case t.busy != nil:
		return soon, nil
	case t.waiting > 0:
		return max(soon, time.Until(t.until)), nil
	case left > 0:
		return left, nil
	}
	t.busy = make(chan struct{})
	return 0, func(ok bool) {
		d.mu.Lock()
		defer d.mu.Unlock()
		if ok {
			t.delivered = time.Now()
		}
		close(t.busy)
		t.busy = nil
	}
}
