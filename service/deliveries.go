package service

import (
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
// What is known here is lost with the process, which costs nothing: after a restart the
// deliveries look.
type deliveries struct {
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
	answered  time.Time // when the last answer was given
	delivered time.Time // when the last delivery ended
	busy      chan struct{}
}

const (
	// storing is how long Label Studio may take to store an answer: the request of its
	// user is given up after 90 s by the proxies in front of it.
	storing = 90 * time.Second
	// remembered is how long a task is remembered that nothing happens to.
	remembered = 10 * time.Minute
)

func newDeliveries() *deliveries {
	return &deliveries{tasks: map[deliveryKey]*delivery{}, swept: time.Now()}
}

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

// expect tells that a request waits for the transcript; the caller calls the function it
// returns when it no longer does.
func (d *deliveries) expect(k deliveryKey) (done func()) {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.get(k).waiting++
	return func() {
		d.mu.Lock()
		defer d.mu.Unlock()
		d.get(k).waiting--
	}
}

// answer reports whether a request that arrived at a given time may be answered, and if
// so counts it as answered. A delivery under way is waited for.
func (d *deliveries) answer(k deliveryKey, arrived time.Time) bool {
	for {
		d.mu.Lock()
		t := d.get(k)
		if t.busy != nil {
			busy := t.busy
			d.mu.Unlock()
			<-busy
			continue
		}
		ok := !t.delivered.After(arrived) && time.Since(t.answered) > storing
		if ok {
			t.answered = time.Now()
		}
		d.mu.Unlock()
		return ok
	}
}

// deliver asks to store a prediction through the API. It returns how long that has to
// wait, or, if it need not, a function to call once it has succeeded or failed.
func (d *deliveries) deliver(k deliveryKey) (wait time.Duration, end func(ok bool)) {
	d.mu.Lock()
	defer d.mu.Unlock()
	t := d.get(k)
	switch left := storing - time.Since(t.answered); {
	case t.busy != nil, t.waiting > 0:
		return 2 * time.Second, nil
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
