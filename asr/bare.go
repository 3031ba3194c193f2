package asr

import (
	"context"
	"errors"
	"io"
	"sync"
	"sync/atomic"
	"time"

	"github.com/asr-backend/asr-backend/asr/mel"
	"github.com/asr-backend/asr-backend/timeline"
)

// Bare is the model work of one recording and nothing else: its full windows, ready
// made. It is what everything around the model is measured against.
type Bare struct {
	r       *Recognizer
	workers []*worker
	windows [][]float32 // as the model takes them, band-major
}

// NewBare cuts the first channel of blocks into windows as Recognize would. A recording
// shorter than a window has none. The caller closes it.
func (r *Recognizer) NewBare(blocks Blocks) (*Bare, error) {
	b := &Bare{r: r}
	raw, err := r.frames(blocks)
	if err != nil {
		return nil, err
	}
	bands, frames := r.contract.Bands, r.window.frames()
	total := timeline.Frame(len(raw) / bands)
	for start := timeline.Row(0); start.Frame()+frames <= total; start += r.window.step() {
		window := make([]float32, int(frames)*bands)
		r.prepare(window, raw[int(start.Frame())*bands:][:len(window)], bands, int(frames))
		b.windows = append(b.windows, window)
	}
	for _, like := range r.workers {
		w := *like
		w.buffers = nil
		for _, n := range w.usual.sizes {
			buffers, err := w.runtime.NewBuffers(n, bands, int(frames), int(r.window.Rows), r.contract.Width)
			if err != nil {
				return nil, errors.Join(err, b.Close())
			}
			w.buffers = append(w.buffers, buffers)
		}
		b.workers = append(b.workers, &w)
	}
	return b, nil
}

// frames returns all frames of the first channel of a short recording.
func (r *Recognizer) frames(blocks Blocks) (raw []float32, err error) {
	extractor := mel.NewExtractor(r.bank, r.melWorkers)
	for {
		block, err := blocks.Next()
		if errors.Is(err, io.EOF) {
			return extractor.Finish(raw), nil
		}
		if err != nil {
			return nil, err
		}
		raw = extractor.Append(raw, block.Channels[0])
	}
}

// Windows returns how many windows there are.
func (b *Bare) Windows() int { return len(b.windows) }

// Run runs all windows, as many side by side and in one batch as Recognize would, and
// returns the wall time of the runs.
func (b *Bare) Run(ctx context.Context) (time.Duration, error) {
	var next atomic.Int64
	errs := make([]error, len(b.workers))
	var wg sync.WaitGroup
	start := time.Now()
	for i, w := range b.workers {
		wg.Go(func() {
			at := len(w.usual.sizes) - 1
			size := w.usual.sizes[at]
			buffers := w.buffers[at]
			each := buffers.Bands * buffers.Frames
			for errs[i] == nil {
				first := int(next.Add(int64(size))) - size
				if first >= len(b.windows) {
					return
				}
				for j := range size {
					copy(buffers.Features[j*each:(j+1)*each], b.windows[min(first+j, len(b.windows)-1)])
					buffers.Lengths[j] = int64(buffers.Frames)
				}
				errs[i] = w.usual.sessions[at].Run(ctx, buffers)
			}
		})
	}
	wg.Wait()
	return time.Since(start), errors.Join(errs...)
}

// Close frees the buffers.
func (b *Bare) Close() error {
	var errs []error
	for _, w := range b.workers {
		errs = append(errs, w.close())
	}
	return errors.Join(errs...)
}
