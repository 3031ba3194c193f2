package asr

import (
	"context"
	"slices"
	"sync"

	"github.com/asr-backend/asr-backend/priority"
)

// room bounds the windows of all recordings that wait for the model or are in it, since each
// holds its features: 0.8 MB. It keeps their memory for the next ones. Free places go to the most
// urgent class, as runs do.
type room struct {
	mu      sync.Mutex
	free    int
	waiting [priority.Classes][]chan struct{} // closed when they have a place

	spare chan []float32
}

func newRoom(windows int) *room {
	return &room{free: windows, spare: make(chan []float32, windows)}
}

// enter waits for a place and gives the window memory for n values. Windows that a person waits
// for need no place: they are few.
func (r *room) enter(ctx context.Context, w *window, n int) error {
	if w.priority < priority.Interactive {
		if err := r.take(ctx, w.priority); err != nil {
			return err
		}
		w.placed = true
	}
	select {
	case w.features = <-r.spare:
	default:
	}
	if cap(w.features) < n {
		w.features = make([]float32, n)
	}
	w.features = w.features[:n]
	return nil
}

// leave takes the features of a window, which nobody reads any longer, and its place.
func (r *room) leave(w *window) {
	select {
	case r.spare <- w.features:
	default:
	}
	w.features = nil
	if w.placed {
		r.give()
	}
}

// take waits for a place. It fails with the cause of ctx.
func (r *room) take(ctx context.Context, class priority.Class) error {
	r.mu.Lock()
	if r.free > 0 {
		r.free--
		r.mu.Unlock()
		return nil
	}
	granted := make(chan struct{})
	r.waiting[class] = append(r.waiting[class], granted)
	r.mu.Unlock()
	select {
	case <-granted:
		return nil
	case <-ctx.Done():
	}
	r.mu.Lock()
	line := r.waiting[class]
	i := slices.Index(line, granted)
	if i >= 0 {
		r.waiting[class] = slices.Delete(line, i, i+1)
	}
	r.mu.Unlock()
	if i < 0 { // granted meanwhile
		r.give()
	}
	return context.Cause(ctx)
}

// give gives a place back.
func (r *room) give() {
	r.mu.Lock()
	defer r.mu.Unlock()
	for class, line := range slices.Backward(r.waiting[:]) {
		if len(line) > 0 {
			r.waiting[class] = line[1:]
			close(line[0])
			return
		}
	}
	r.free++
}
