package asr

import (
	"context"
	"errors"
	"fmt"
	"math"

	"github.com/asr-backend/asr-backend/asr/fastconformer"
	"github.com/asr-backend/asr-backend/asr/ort"
)

// optimizedWithin is how far log-probabilities of an optimized graph may be from those of the export. At
// full size they are up to 2.5e-4 apart, which is what other orders of sums give.
const optimizedWithin = 1e-3

// errDiffers says that a graph is not as good as the one in whose place it would run.
var errDiffers = errors.New("the graph computes something else")

// compareOptimized runs noise of several lengths and a sample of speech through the export and the
// optimized graph. They are not in memory at the same time.
func (r *Recognizer) compareOptimized(ctx context.Context, rt *ort.Runtime, export, made ort.Source, o Options) (difference float64, err error) {
	want, err := r.trialRows(ctx, rt, export, o)
	if err != nil {
		return 0, err
	}
	exported := r.contract
	got, err := r.trialRows(ctx, rt, made, o)
	if err != nil {
		return 0, err
	}
	all, values, err := r.compareTrials(&exported, want, got)
	switch {
	case err != nil:
		return 0, err
	case o.Weights.quantized() != fastconformer.Full:
		return all.difference, checkReduced(&all, values, "with weights of 8 bits")
	case all.best != all.rows:
		return all.difference, fmt.Errorf("%w: %d of %d rows have another best piece", errDiffers, all.rows-all.best, all.rows)
	}
	if err := all.check(optimizedWithin); err != nil {
		return all.difference, fmt.Errorf("%w: %w", errDiffers, err)
	}
	return all.difference, nil
}

// trialRows returns what a graph writes for noise and for speech.
func (r *Recognizer) trialRows(ctx context.Context, rt *ort.Runtime, source ort.Source, o Options) (_ []*probed, err error) {
	s, err := r.open(ctx, rt, source, o)
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, s.Close()) }()
	var all []*probed
	for _, frames := range []int{1, 9, 64, 203, 257} {
		rows, err := r.contract.run(ctx, rt, s, frames, frames)
		if err != nil {
			return nil, err
		}
		all = append(all, rows)
	}
	windows, err := r.speech(ctx)
	if err != nil {
		return nil, err
	}
	for _, win := range windows[:2] { // the full ones
		rows, err := r.contract.rows(ctx, rt, s, win.features, int(win.frames))
		if err != nil {
			return nil, err
		}
		all = append(all, rows)
	}
	return all, nil
}

// compareTrials compares what a graph writes for the trials with what another wrote, which had the contract before.
func (r *Recognizer) compareTrials(before *Contract, want, got []*probed) (all agreement, values relative, err error) {
	if r.contract.Unnormalised != before.Unnormalised {
		return all, values, fmt.Errorf("%w: other values", errDiffers)
	}
	all = agreement{logits: r.contract.Unnormalised}
	for i := range want {
		if len(got[i].values) != len(want[i].values) || len(got[i].head) != len(want[i].head) {
			return all, values, fmt.Errorf("%w: rows of another number or width", errDiffers)
		}
		switch {
		case !r.contract.Encoder:
			all.compare(want[i].values, got[i].values, r.contract.Width, optimizedWithin)
		case want[i].head != nil:
			all.compare(want[i].head, got[i].head, r.contract.Names.HeadWidth, optimizedWithin)
			fallthrough
		default:
			all.note(distance(want[i].values, got[i].values))
			values.add(want[i].values, got[i].values)
		}
	}
	return all, values, nil
}

// reducedFlips is how many of the rows that are sure of their best piece may have another one with
// weights of 8 bits or in bf16. Measured were 0.1 to 0.5 % with 8 bits. Weights that are quantised worse have several.
const reducedFlips = 0.02

// checkReduced returns an error if a way to compute with fewer bits changes what rows are sure of, or too much
// of the rows of an encoder.
func checkReduced(all *agreement, values relative, how string) error {
	err := all.checkSure()
	if all.rows == 0 {
		err = values.check()
	}
	if err != nil {
		return fmt.Errorf("%s %w: %w", how, errDiffers, err)
	}
	return nil
}

// checkSure returns an error if rows that are sure of their best piece have another one.
func (a *agreement) checkSure() error {
	if flips := a.sure - a.sureBest; float64(flips) > reducedFlips*float64(a.sure) || a.sure == 0 || math.IsNaN(a.difference) {
		return fmt.Errorf("%d of %d rows that are sure of their best piece have another one", flips, a.sure)
	}
	return nil
}

// relative is how far values are apart, as a part of their size.
type relative struct{ squares, errors float64 }

func (r *relative) add(want, got []float32) {
	for i := range want {
		r.squares += float64(want[i]) * float64(want[i])
		r.errors += float64(want[i]-got[i]) * float64(want[i]-got[i])
	}
}

// reducedError is how far the rows of a transducer's encoder may be from the exact ones with fewer bits, as a
// part of their size.
const reducedError = 0.2

func (r *relative) check() error {
	if e := math.Sqrt(r.errors / r.squares); !(e <= reducedError) {
		return fmt.Errorf("its rows differ by %.2g of their size", e)
	}
	return nil
}
