package predictions

import (
	"context"
	"sync"

	"github.com/asr-backend/asr-backend/internal/parallel"
)

// background does work that requests do not wait for. It belongs to Predictions, which wait for
// it when they are closed.
type background struct {
	ctx     context.Context // ends with the work
	cancel  context.CancelFunc
	running sync.WaitGroup

	mu     sync.Mutex // guards closed and left
	closed bool
	left   int // tasks that are to be enqueued
}

// mostLeft bounds how many tasks of all requests are kept in memory to be enqueued.
const mostLeft = 20_000

func newBackground() *background {
	b := &background{}
	b.ctx, b.cancel = context.WithCancel(context.Background())
	return b
}

// acceptances are the tasks of a request that is being enqueued.
type acceptances struct {
	done []chan struct{} // by position; closed when the task was tried
	all  []*accepted     // by position; nil for those that were not accepted
}

// accept enqueues the tasks of a request, some at a time, each by a call of enqueue with its
// position. It reports false if there are too many tasks already; enqueue is not called then.
func (b *background) accept(tasks int, enqueue func(ctx context.Context, i int) *accepted) (*acceptances, bool) {
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.closed || b.left > 0 && b.left+tasks > mostLeft {
		return nil, false
	}
	b.left += tasks
	a := &acceptances{make([]chan struct{}, tasks), make([]*accepted, tasks)}
	for i := range a.done {
		a.done[i] = make(chan struct{})
	}
	b.running.Go(func() {
		parallel.For(tasks, together, func(i int) {
			if b.ctx.Err() == nil {
				a.all[i] = enqueue(b.ctx, i)
			}
			close(a.done[i])
			b.mu.Lock()
			defer b.mu.Unlock()
			b.left--
		})
	})
	return a, true
}

// get waits until a task was enqueued, or ctx has ended, and returns nil if it was not.
func (a *acceptances) get(ctx context.Context, i int) *accepted {
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

// close ends the work: it waits for it until ctx ends, and then for what is being written.
func (b *background) close(ctx context.Context) {
	b.mu.Lock()
	b.closed = true
	b.mu.Unlock()
	defer context.AfterFunc(ctx, b.cancel)()
	b.running.Wait()
	b.cancel()
}
