// Package ahead decodes batches of a stream on several goroutines, ahead of whoever reads them, and gives them
// in their order.
//
// One goroutine fills batches, which is the part that has to go in turn, such as reading a file. Workers decode
// them at the same time. There are two batches more than workers, which are used again and again: one is being
// filled, and one is with the reader. When all are full, the stream waits for its reader.
package ahead

import "sync"

// Steps are what becomes of a batch.
type Steps[B any] struct {
	New func() *B
	// Fill fills a batch, which may have been used before, and reports whether another one follows. The one
	// before is nil for the first; what Decode writes may be looked at once done is closed.
	Fill func(b, before *B, done <-chan struct{}) (more bool)
	// Decode is called by several goroutines, each with another batch.
	Decode func(*B)
}

// Queue is batches on their way.
type Queue[B any] struct {
	steps   Steps[B]
	work    chan *item[B] // to be decoded
	order   chan *item[B] // to be given: the same ones
	free    chan *item[B]
	stop    chan struct{}
	running sync.WaitGroup
	now     *item[B] // that was given last
}

type item[B any] struct {
	batch *B
	done  chan struct{} // is closed when it is decoded
}

// Start begins to fill and decode batches. It ends with the last one, or with Close.
func Start[B any](workers int, steps Steps[B]) *Queue[B] {
	n := workers + 2
	q := &Queue[B]{
		steps: steps, stop: make(chan struct{}),
		work: make(chan *item[B], n), order: make(chan *item[B], n), free: make(chan *item[B], n),
	}
	for range n {
		q.free <- &item[B]{batch: steps.New()}
	}
	q.running.Go(q.fill)
	for range workers {
		q.running.Go(func() {
			for i := range q.work {
				steps.Decode(i.batch)
				close(i.done)
			}
		})
	}
	return q
}

// fill keeps batches coming. All channels have room for all of them.
func (q *Queue[B]) fill() {
	defer close(q.order)
	defer close(q.work)
	var before *B
	var done chan struct{}
	for more := true; more; {
		select {
		case i := <-q.free:
			i.done = make(chan struct{})
			more = q.steps.Fill(i.batch, before, done)
			before, done = i.batch, i.done
			q.work <- i
			q.order <- i
		case <-q.stop:
			return
		}
	}
}

// Next returns the next batch, which is decoded, or nil behind the last. The one before may be used again.
func (q *Queue[B]) Next() *B {
	if q.now != nil {
		q.free <- q.now
		q.now = nil
	}
	i, ok := <-q.order
	if !ok {
		return nil
	}
	<-i.done
	q.now = i
	return i.batch
}

// Close waits until nothing is filled or decoded any more. Next must not be called again.
func (q *Queue[B]) Close() {
	close(q.stop)
	q.running.Wait()
}
