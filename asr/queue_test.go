package asr

import (
	"fmt"
	"testing"
	"testing/synctest"

	"github.com/asr-backend/asr-backend/priority"
)

func waiting(owner *track, p priority.Class, name string, values int) *window {
	return &window{owner: owner, priority: p, raw: make([]float32, values), full: make([]float32, len(name)), err: fmt.Errorf("%s", name)}
}

func names(batch []*window) (s string) {
	for _, w := range batch {
		s += w.err.Error() + " "
	}
	return s
}

func TestTheQueueIsFairAndUrgentFirst(t *testing.T) {
	long, short, person := new(track), new(track), new(track)
	q := newQueue()
	for i := range 4 {
		q.put(waiting(long, priority.Batch, fmt.Sprint("long", i), 8))
	}
	q.put(waiting(short, priority.Batch, "short0", 8))
	q.put(waiting(person, priority.Interactive, "person0", 8))
	for _, want := range []string{"person0 long0 short0 ", "long1 long2 long3 "} {
		if got := names(q.take(3)); got != want {
			t.Errorf("got %q, want %q", got, want)
		}
	}
}

func TestABatchHoldsWindowsOfOneLength(t *testing.T) {
	a, b := new(track), new(track)
	q := newQueue()
	q.put(waiting(a, priority.Batch, "a0", 8))
	q.put(waiting(b, priority.Batch, "b0", 4))
	q.put(waiting(a, priority.Batch, "a1", 8))
	for _, want := range []string{"a0 a1 ", "b0 "} {
		if got := names(q.take(4)); got != want {
			t.Errorf("got %q, want %q", got, want)
		}
	}
}

func TestTakeWaitsAndClosingEndsIt(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		q, owner := newQueue(), new(track)
		got := make(chan string)
		go func() {
			for batch := q.take(2); batch != nil; batch = q.take(2) {
				got <- names(batch)
			}
			close(got)
		}()
		synctest.Wait()
		q.put(waiting(owner, priority.Batch, "w", 1))
		if s := <-got; s != "w " {
			t.Errorf("got %q", s)
		}
		q.close()
		if s, open := <-got; open {
			t.Errorf("got %q after closing", s)
		}
		if q.put(waiting(owner, priority.Batch, "late", 1)) {
			t.Error("a closed queue took a window")
		}
	})
}
