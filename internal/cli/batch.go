package cli

import (
	"context"
	"slices"
	"sync/atomic"
	"time"

	"github.com/asr-backend/asr-backend/asr"
	"github.com/asr-backend/asr-backend/audio"
	"github.com/asr-backend/asr-backend/transcript"

	"golang.org/x/sync/errgroup"
)

// Batch works on a list of recordings, several at a time, and writes the results in
// order.
type Batch struct {
	Report  *Report
	Outputs *Outputs
	// Parallel is how many recordings are under way at once; at least one is.
	Parallel int
	// Transcribe does one recording.
	Transcribe func(ctx context.Context, in Input, progress func(asr.Progress), opened func(audio.Info)) (*transcript.Transcript, error)
}

// result is one recording's, on its way to being written.
type result struct {
	transcript *transcript.Transcript
	err        error
	took       time.Duration
}

// Run works through recordings, which are those of the Outputs. A failure is reported and does
// not stop the others; the error then is ErrSome, as it is if recordings that were skipped
// could not be reached. When ctx ends, what is under way is given up and its cause returned.
func (b *Batch) Run(ctx context.Context, r *Recordings) error {
	inputs := r.Inputs
	b.Report.Left(r.Skipped)
	results := make([]chan result, len(inputs))
	for i := range results {
		results[i] = make(chan result, 1)
	}
	var failed atomic.Bool
	var group errgroup.Group
	group.Go(func() error {
		for i, in := range inputs {
			r := <-results[i]
			if ctx.Err() != nil {
				continue
			}
			var paths []string
			if r.err == nil {
				paths, r.err = b.write(ctx, i, r.transcript)
			}
			if r.err != nil {
				if ctx.Err() != nil {
					continue // it was given up while it was written
				}
				failed.Store(true)
				b.Report.Failed(in.Path, r.err)
				continue
			}
			b.Report.Done(in.Path, paths, r.transcript, r.took)
		}
		return nil
	})
	var work errgroup.Group
	work.SetLimit(max(b.Parallel, 1))
	for i, in := range inputs {
		work.Go(func() error {
			results[i] <- b.one(ctx, in)
			return nil
		})
	}
	_ = work.Wait() // neither group returns errors
	_ = group.Wait()
	if err := context.Cause(ctx); err != nil {
		return err
	}
	if failed.Load() || slices.ContainsFunc(r.Skipped, func(s Skipped) bool { return s.Failed }) {
		return ErrSome
	}
	return nil
}

// write writes a result; on a terminal it does not run into the moving line.
func (b *Batch) write(ctx context.Context, input int, t *transcript.Transcript) (paths []string, err error) {
	if !b.Outputs.Stdout() {
		return b.Outputs.Write(ctx, input, t)
	}
	err = b.Report.Aside(func() error {
		paths, err = b.Outputs.Write(ctx, input, t)
		return err
	})
	return paths, err
}

func (b *Batch) one(ctx context.Context, in Input) result {
	if err := context.Cause(ctx); err != nil {
		return result{err: err}
	}
	start := time.Now()
	t, err := b.Transcribe(ctx, in,
		func(p asr.Progress) { b.Report.Progress(in.Path, p.Recognized.Duration()) },
		func(i audio.Info) { b.Report.Length(in.Path, max(i.Declared, 0).Duration()) })
	return result{t, err, time.Since(start)}
}
