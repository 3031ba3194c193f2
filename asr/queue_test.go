package asr

import (
	"fmt"
	"testing"
	"testing/synctest"

	"github.com/asr-backend/asr-backend/priority"
	"github.com/asr-backend/asr-backend/timeline"
)

func waiting(owner *track, p priority.Class, name string, values int) *window {
	return &window{owner: owner, priority: p, frames: timeline.Frame(values), output: output{full: make([]float32, len(name))}, err: fmt.Errorf("%s", name)}
}

func names(batch []*window) (s string) {
	for _, w := range batch {
		s += w.err.Error() + " "
	}
	return s
}

func TestTheQueueIsFairAndUrgentFirst(t *testing.T) {
	long, short, person := new(track), new(track), new(track)
	q := newQueue(false)
	for i := range 4 {
		q.put(waiting(long, priority.Batch, fmt.Sprint("long", i), 8))
	}
	q.put(waiting(short, priority.Batch, "short0", 8))
	q.put(waiting(person, priority.Interactive, "person0", 8))
	for _, want := range []string{"person0 long0 short0 ", "long1 long2 long3 "} {
		if got := names(q.take([]int{3}, []int{3})); got != want {
			t.Errorf("got %q, want %q", got, want)
		}
	}
}

// A run is as large as the windows need that somebody waits for, and others fill it up.
func TestAPersonDoesNotPayForALargeBatch(t *testing.T) {
	long, person := new(track), new(track)
	q := newQueue(false)
	for i := range 6 {
		q.put(waiting(long, priority.Batch, fmt.Sprint("long", i), 8))
	}
	q.put(waiting(person, priority.Interactive, "person0", 8))
	q.put(waiting(person, priority.Interactive, "person1", 8))
	for _, want := range []string{"person0 person1 long0 long1 ", "long2 long3 long4 long5 "} {
		if got := names(q.take([]int{1, 4, 16}, []int{1, 4, 16})); got != want {
			t.Errorf("got %q, want %q", got, want)
		}
	}
}

func TestABatchHoldsWindowsOfOneLength(t *testing.T) {
	a, b := new(track), new(track)
	q := newQueue(false)
	q.put(waiting(a, priority.Batch, "a0", 8))
	q.put(waiting(b, priority.Batch, "b0", 4))
	q.put(waiting(a, priority.Batch, "a1", 8))
	for _, want := range []string{"a0 a1 ", "b0 "} {
		if got := names(q.take([]int{4}, []int{4})); got != want {
			t.Errorf("got %q, want %q", got, want)
		}
	}
}

// Windows that keep whole rows run apart, and have sizes of their own.
func TestWholeRowsRunApart(t *testing.T) {
	a, b := new(track), new(track)
	q := newQueue(true)
	for i := range 3 {
		q.put(waiting(a, priority.Batch, fmt.Sprint("a", i), 8))
		w := waiting(b, priority.Batch, fmt.Sprint("b", i), 8)
		w.logProbs = true
		q.put(w)
	}
	for _, want := range []string{"a0 a1 a2 ", "b0 b1 ", "b2 "} {
		if got := names(q.take([]int{4}, []int{2})); got != want {
			t.Errorf("got %q, want %q", got, want)
		}
	}
}

// A device that pads every window anyway takes windows of several lengths at once.
func TestABatchMayMixLengths(t *testing.T) {
	a, b := new(track), new(track)
	q := newQueue(true)
	q.put(waiting(a, priority.Batch, "a0", 8))
	q.put(waiting(b, priority.Batch, "b0", 4))
	q.put(waiting(a, priority.Batch, "a1", 8))
	if got, want := names(q.take([]int{4}, []int{4})), "a0 b0 a1 "; got != want {
		t.Errorf("got %q, want %q", got, want)
	}
}

func TestTakeWaitsAndClosingEndsIt(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		q, owner := newQueue(false), new(track)
		got := make(chan string)
		go func() {
			for batch := q.take([]int{2}, []int{2}); batch != nil; batch = q.take([]int{2}, []int{2}) {
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
