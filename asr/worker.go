package asr

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"slices"
	"sync/atomic"
	"time"

	"github.com/asr-backend/asr-backend/asr/ctc"
	"github.com/asr-backend/asr-backend/asr/ort"
	"github.com/asr-backend/asr-backend/internal/parallel"
	"github.com/asr-backend/asr-backend/timeline"
)

// worker runs batches of windows, one after the other, in buffers of its own. Sessions are
// the recognizer's, and several workers share them: on a CPU so that each has a core, on a GPU
// so that one fills its buffers and reads the rows while the GPU computes for the other.
type worker struct {
	runtime  *ort.Runtime
	provider ort.Provider
	contract *Contract
	blank    ctc.Piece
	measure  *ctc.Measure
	window   Window
	usual    *lane          // of windows of which a summary is kept
	wide     *lane          // of those that keep whole rows; often the same
	full     *lane          // of largest batches of usual windows without padding; may be nil
	buffers  []*ort.Buffers // full windows, by size, all in the memory of the largest
	threads  int            // that summarize rows
	room     *room
	// fixed means that shapes are dear: every run has a full window's shape and one of
	// the sizes, filled up where needed.
	fixed   bool
	observe func(Run)
}

// lane is the sessions for one kind of windows.
type lane struct {
	sizes    []int // of batches, ascending
	sessions []*ort.Session
	sums     bool // the sessions sum rows up
	full     bool // they have no masks
}

// lane returns that of a window.
func (w *worker) lane(win *window) *lane {
	if win.whole() {
		return w.wide
	}
	return w.usual
}

// work runs what comes out of the queue until it is closed and empty.
func (w *worker) work(q *queue) {
	for batch := q.take(w.usual.sizes, w.wide.sizes); batch != nil; batch = q.take(w.usual.sizes, w.wide.sizes) {
		wanted := make([]*window, 0, len(batch))
		for _, win := range batch {
			if err := context.Cause(win.ctx); err != nil {
				win.fail(err)
				w.finish(win)
				continue
			}
			wanted = append(wanted, win)
		}
		if len(wanted) > 0 {
			w.run(wanted)
		}
		for _, win := range wanted {
			w.finish(win)
		}
	}
}

// finish gives a window back to its recording.
func (w *worker) finish(win *window) {
	w.room.leave(win)
	close(win.done)
}

// run computes the rows of a batch of windows.
func (w *worker) run(batch []*window) {
	start := time.Now()
	sizes := w.lane(batch[0]).sizes
	err := w.compute(batch)
	if w.observe != nil {
		w.observe(Run{Provider: w.provider, Windows: len(batch), Size: sizes[smallest(sizes, len(batch))], Took: time.Since(start), Err: err})
	}
	if err != nil {
		for _, win := range batch {
			win.fail(err)
		}
	}
}

func (w *worker) compute(batch []*window) error {
	ctx, stop := allDone(batch)
	defer stop()
	l := w.lane(batch[0])
	at := smallest(l.sizes, len(batch))
	if w.full != nil && l == w.usual && at == len(l.sizes)-1 && !slices.ContainsFunc(batch, func(win *window) bool { return win.frames < w.window.frames() }) {
		l, at = w.full, 0
	}
	b, own, err := w.bufferFor(l.sizes[at], int(batch[0].frames))
	if err != nil {
		return err
	}
	if !own {
		defer b.Close()
	}
	each := b.Bands * b.Frames
	for i, win := range batch {
		win.copyTo(b.Features[i*each:(i+1)*each], b.Bands, b.Frames)
		b.Lengths[i] = int64(win.frames)
	}
	for i := len(batch); i < b.Batch; i++ {
		b.Lengths[i] = int64(b.Frames) // the rest of a fixed shape computes what is there
	}
	if err := l.sessions[at].Run(ctx, b); err != nil {
		return fmt.Errorf("asr: window at %v: %w", batch[0].start.Duration(), err)
	}
	summarize := func(i int) error { return w.summarize(batch[i], b, i, l.sums) }
	if w.threads <= 1 { // in this thread, which may have a low priority
		for i := range batch {
			if err := summarize(i); err != nil {
				return err
			}
		}
		return nil
	}
	errs := make([]error, len(batch))
	parallel.For(len(batch), w.threads, func(i int) { errs[i] = summarize(i) })
	return cmp.Or(errs...)
}

// bufferFor returns buffers for a batch of a size: the worker's own for whole windows, new ones,
// for the caller to close, for short recordings.
func (w *worker) bufferFor(size, frames int) (b *ort.Buffers, own bool, err error) {
	full := int(w.window.frames())
	if frames == full || w.fixed && w.contract.Padding {
		i := slices.IndexFunc(w.buffers, func(b *ort.Buffers) bool { return b.Batch == size })
		return w.buffers[i], true, nil
	}
	rows := int(timeline.RowsIn(timeline.Frame(frames)))
	b, err = w.runtime.NewBuffers(size, w.contract.Bands, frames, rows, w.contract.Width)
	return b, false, err
}

// summarize takes from the model's output what is kept of a window, which has a place in the batch.
func (w *worker) summarize(win *window, b *ort.Buffers, place int, sums bool) error {
	n := int(timeline.RowsIn(win.frames))
	win.Rows = make([]ctc.Row, n)
	logProbs, width := b.LogProbs, w.contract.Width
	if win.decode {
		win.full = slices.Clone(logProbs[place*b.Rows*width:][:n*width])
		if b.Head == nil {
			for i := range win.Rows {
				win.Rows[i].Best = w.blank // until they are decoded
			}
			return nil
		}
	}
	if b.Head != nil {
		logProbs, width = b.Head, w.contract.Names.HeadWidth
	}
	if win.logProbs {
		win.full = make([]float32, len(win.Rows)*width)
	}
	for i := range win.Rows {
		var r ctc.Row
		at := place*b.Rows + i
		row := logProbs[at*width : (at+1)*width]
		switch {
		case sums:
			r = w.measure.Row(ctc.Sums{Best: b.Best[at], Top: b.Top[at], Blank: b.Blank[at], Power: b.Power[at]}, w.blank)
		case w.contract.Unnormalised:
			normalize(row)
			fallthrough
		default:
			r = ctc.Summarize(row, w.blank, w.measure)
		}
		if r.LogProb != r.LogProb || r.Blank != r.Blank {
			return fmt.Errorf("asr: window at %v: the model wrote a value that is not a number", win.start.Duration())
		}
		win.Rows[i] = r
		if win.search {
			win.Candidates.Append(row, r, w.blank, w.measure)
		}
		if win.logProbs {
			copy(win.full[i*width:], row)
		}
	}
	if win.decode {
		win.head = slices.Clone(logProbs[place*b.Rows*width:][:n*width])
	}
	return nil
}

// warm runs sessions once on silence, so that the first recording does not wait for tuning and a
// device that is too small is found out at once.
func (w *worker) warm(ctx context.Context, lanes ...*lane) error {
	return w.each(lanes, func(_ *lane, s *ort.Session, b *ort.Buffers) error {
		for j := range b.Lengths {
			b.Lengths[j] = int64(b.Frames)
		}
		if err := s.Run(ctx, b); err != nil {
			return fmt.Errorf("try a batch of %d windows: %w", b.Batch, err)
		}
		return nil
	})
}

// lanes returns those that there are.
func (w *worker) lanes() []*lane {
	all := []*lane{w.wide}
	if w.usual != w.wide {
		all = append(all, w.usual)
	}
	if w.full != nil {
		all = append(all, w.full)
	}
	return all
}

// each calls do for every session of lanes with its buffers.
func (w *worker) each(lanes []*lane, do func(l *lane, s *ort.Session, b *ort.Buffers) error) error {
	for _, l := range lanes {
		for i, s := range l.sessions {
			b, _, err := w.bufferFor(l.sizes[i], int(w.window.frames()))
			if err == nil {
				err = do(l, s, b)
			}
			if err != nil {
				return err
			}
		}
	}
	return nil
}

// close frees the buffers. No run may be under way.
func (w *worker) close() error {
	var errs []error
	for _, b := range w.buffers {
		errs = append(errs, b.Close())
	}
	return errors.Join(errs...)
}

// allDone returns a context that ends when the contexts of all windows have ended: one
// recording's cancellation must not take its batch mates' work. The caller calls stop.
func allDone(batch []*window) (ctx context.Context, stop func()) {
	ctx, cancel := context.WithCancelCause(context.Background())
	var left atomic.Int64
	left.Store(int64(len(batch)))
	stops := make([]func() bool, len(batch))
	for i, win := range batch {
		stops[i] = context.AfterFunc(win.ctx, func() {
			if left.Add(-1) == 0 {
				cancel(context.Cause(win.ctx))
			}
		})
	}
	return ctx, func() {
		for _, s := range stops {
			s()
		}
		cancel(nil)
	}
}
