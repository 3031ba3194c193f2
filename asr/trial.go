package asr

import (
	"context"
	"errors"
	"fmt"
	"math"

	"github.com/asr-backend/asr-backend/asr/ort"
)

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
		return all, values, errors.New("the graph writes other values than the one before")
	}
	all = agreement{logits: r.contract.Unnormalised}
	for i := range want {
		if len(got[i].values) != len(want[i].values) || len(got[i].head) != len(want[i].head) {
			return all, values, errors.New("the graph writes rows of another number or width")
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
		return fmt.Errorf("%s it computes something else: %w", how, err)
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
