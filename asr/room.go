package asr

import (
	"context"

	"github.com/asr-backend/asr-backend/priority"
)

// room bounds the windows of all recordings that wait for the model or are in it, since each
// holds its features: 0.8 MB. It keeps their memory for the next ones.
type room struct {
	places chan struct{}
	spare  chan []float32
}

func newRoom(windows int) *room {
	return &room{places: make(chan struct{}, windows), spare: make(chan []float32, windows)}
}

// enter waits for a place and gives the window memory for n values. Windows that a person waits
// for need no place: they are few.
func (r *room) enter(ctx context.Context, w *window, n int) error {
	if w.priority < priority.Interactive {
		select {
		case r.places <- struct{}{}:
			w.placed = true
		case <-ctx.Done():
			return context.Cause(ctx)
		}
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
		<-r.places
	}
}
