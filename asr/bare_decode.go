package asr

import (
	"context"
	"errors"
	"time"

	"github.com/asr-backend/asr-backend/asr/transducer"
	"github.com/asr-backend/asr-backend/timeline"
)

// DecoderWork is the work of a transducer beside its encoder.
type DecoderWork struct {
	Took  time.Duration // on one core
	Audio time.Duration // that was decoded
	// Pieces were written, and Calls were made of the networks.
	Pieces, Calls int
}

// Decode runs the windows once and decodes their middle rows on one core; only the latter is
// measured. It returns the zero value for a CTC model.
func (b *Bare) Decode(ctx context.Context) (work DecoderWork, err error) {
	r := b.r
	if r.transducer == nil || len(b.windows) == 0 {
		return work, nil
	}
	w := b.workers[0]
	buffers := w.buffers[0]
	var rows []float32
	for i, features := range b.windows {
		for j := range buffers.Batch {
			copy(buffers.Features[j*len(features):], features)
			buffers.Lengths[j] = int64(buffers.Frames)
		}
		if err := w.usual.sessions[0].Run(ctx, buffers); err != nil {
			return work, err
		}
		from, to := int(r.window.Context), int(r.window.Rows-r.window.Context)
		if i == 0 {
			from = 0
		}
		rows = append(rows, buffers.LogProbs[from*buffers.Width:to*buffers.Width]...)
	}
	n := r.transducer.Networks(transducer.DefaultAhead)
	defer func() { err = errors.Join(err, n.Close()) }()
	d, err := transducer.NewDecoder(n, r.decoderOptions(), 0)
	if err != nil {
		return work, err
	}
	start := time.Now()
	labels, err := d.Push(ctx, rows, nil)
	count := timeline.Row(len(rows) / buffers.Width)
	return DecoderWork{Took: time.Since(start), Audio: count.Duration(), Pieces: len(labels), Calls: d.Calls()}, err
}
