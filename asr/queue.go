package asr

import (
	"slices"
	"sync"

	"github.com/asr-backend/asr-backend/priority"
)

// queue holds windows that wait for a worker. It gives out the most urgent class first
// and, inside a class, takes turns between recordings, so that a ten-hour file does not
// keep a short one waiting.
type queue struct {
	mu     sync.Mutex
	some   sync.Cond // signalled when classes or closed change
	closed bool
	mixed  bool // one run may hold windows of several lengths
	// classes[p] is a ring of recordings that have windows waiting, each in order.
	classes [priority.Classes][]*line
}

// line is the waiting windows of one recording.
type line struct {
	owner   *track
	windows []*window
}

func newQueue(mixed bool) *queue {
	q := &queue{mixed: mixed}
	q.some.L = &q.mu
	return q
}

// put adds a window. It reports false if the queue is closed.
func (q *queue) put(w *window) bool {
	q.mu.Lock()
	defer q.mu.Unlock()
	if q.closed {
		return false
	}
	class := &q.classes[w.priority]
	for _, l := range *class {
		if l.owner == w.owner {
			l.windows = append(l.windows, w)
			q.some.Signal()
			return true
		}
	}
	*class = append(*class, &line{w.owner, []*window{w}})
	q.some.Signal()
	return true
}

// take waits for a window and returns those of one run, in turn from different recordings: as
// many as the largest of sizes at most, or of wide for windows that keep whole rows. If somebody
// waits for one of them, the run is no larger than his windows need. It returns nil when the queue
// is closed and empty.
func (q *queue) take(sizes, wide []int) []*window {
	q.mu.Lock()
	defer q.mu.Unlock()
	for {
		if batch := q.gather(sizes, wide); len(batch) > 0 {
			return batch
		}
		if q.closed {
			return nil
		}
		q.some.Wait()
	}
}

func (q *queue) gather(sizes, wide []int) []*window {
	var batch []*window
	limit := 1
	for p, class := range slices.Backward(q.classes[:]) {
		for turn := 0; turn < len(class) && len(batch) < limit; {
			l := class[0]
			class = class[1:]
			w := l.windows[0]
			if len(batch) > 0 && (w.logProbs != batch[0].logProbs || !q.mixed && w.frames != batch[0].frames) {
				class = append(class, l)
				turn++ // nothing of this recording fits now
				continue
			}
			turn = 0
			if len(batch) == 0 {
				if w.logProbs {
					sizes = wide
				}
				limit = sizes[len(sizes)-1]
			}
			batch = append(batch, w)
			if l.windows = l.windows[1:]; len(l.windows) > 0 {
				class = append(class, l)
			}
		}
		q.classes[p] = class
		if priority.Class(p) == priority.Interactive && len(batch) > 0 {
			limit = sizes[smallest(sizes, len(batch))]
		}
	}
	return batch
}

// smallest returns the index of the smallest size that holds n windows.
func smallest(sizes []int, n int) int {
	for i, size := range sizes {
		if size >= n {
			return i
		}
	}
	return len(sizes) - 1
}

// close lets take return nil once the queue is empty.
func (q *queue) close() {
	q.mu.Lock()
	defer q.mu.Unlock()
	q.closed = true
	q.some.Broadcast()
}
