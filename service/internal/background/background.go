// Package background does work that requests begin and do not wait for to the end.
package background

import (
	"context"
	"sync"

	"github.com/asr-backend/asr-backend/internal/parallel"
)

// Work is work that requests begin, a number of tasks each. Its owner waits for it with Close. It
// is safe for concurrent use.
type Work struct {
	ctx     context.Context // ends with the work
	cancel  context.CancelFunc
	running sync.WaitGroup

	mu     sync.Mutex // guards closed and left
	closed bool
	left   int // tasks that are to be done
}

const (
	// mostLeft bounds how many tasks of all requests are kept in memory to be done.
	mostLeft = 20_000
	// Together is how many tasks are done at once: writes that come together are faster.
	Together = 64
)

// New returns Work that the caller closes.
func New() *Work {
	b := &Work{}
	b.ctx, b.cancel = context.WithCancel(context.Background())
	return b
}

// Results are what becomes of the tasks of a request.
type Results[T any] struct {
	done []chan struct{} // by position; closed when the task was tried
	all  []*T            // by position; nil for those that were not done
}

// Begin does the tasks of a request, some at a time, each by a call of do with its position. It
// reports false if there are too many tasks already; do is not called then.
func Begin[T any](b *Work, tasks int, do func(ctx context.Context, i int) *T) (*Results[T], bool) {
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.closed || b.left > 0 && b.left+tasks > mostLeft {
		return nil, false
	}
	b.left += tasks
	a := &Results[T]{make([]chan struct{}, tasks), make([]*T, tasks)}
	for i := range a.done {
		a.done[i] = make(chan struct{})
	}
	b.running.Go(func() {
		parallel.For(tasks, Together, func(i int) {
			if b.ctx.Err() == nil {
				a.all[i] = do(b.ctx, i)
			}
			close(a.done[i])
			b.mu.Lock()
			defer b.mu.Unlock()
			b.left--
		})
	})
	return a, true
}

// Get waits until a task was done, or ctx has ended, and returns nil if it was not.
func (a *Results[T]) Get(ctx context.Context, i int) *T {
	select {
	case <-a.done[i]:
		return a.all[i]
	default:
	}
	select {
	case <-a.done[i]:
		return a.all[i]
	case <-ctx.Done():
		return nil
	}
}

// Close ends the work: it waits for it until ctx ends, and then for what is being written.
func (b *Work) Close(ctx context.Context) {
	b.mu.Lock()
	b.closed = true
	b.mu.Unlock()
	defer context.AfterFunc(ctx, b.cancel)()
	b.running.Wait()
	b.cancel()
}
