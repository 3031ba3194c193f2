package build

import (
	"context"

	"github.com/asr-backend/asr-backend/lm"
)

// order has the n-grams of one length, by their first words, and how many have each adjusted
// count from 1 to 4.
type order struct {
	sorter
	n [5]float64
}

// adjuster derives the adjusted counts of all lengths from the longest n-grams.
type adjuster struct {
	builder  *Builder
	renumber []lm.Word
	orders   []order
}

func (a *adjuster) close() {
	for k := range a.orders {
		_ = a.orders[k].close() // the folder is removed with the Builder
	}
}

// run goes through the longest n-grams in the order of their last words. Those that share
// their last k words follow each other.
func (a *adjuster) run(ctx context.Context) error {
	top := len(a.orders)
	var last gram
	groups := make([]gram, top) // of lengths 1 to top-1, at their index; raw is 0 if there is none
	seen := 0
	for g, err := range a.builder.full.sorted() {
		if err != nil {
			return err
		}
		if seen++; seen%(1<<16) == 0 && ctx.Err() != nil {
			return context.Cause(ctx)
		}
		same := 0
		for same < top && seen > 1 && g.words[same] == last.words[same] {
			same++
		}
		last = *g
		for k := same + 1; k < top; k++ {
			if err := a.emit(k, &groups[k]); err != nil {
				return err
			}
			groups[k] = gram{}
		}
		length := top // up to the first <s>: what is before it only fills the window
		for k := range top {
			if g.words[k] == sentenceStart {
				length = k + 1
				break
			}
		}
		for k := 1; k <= length && k < top; k++ {
			group := &groups[k]
			copy(group.words[:k], g.words[:k])
			group.raw = min(group.raw+g.raw, cut-1)
			if k == length {
				group.count = group.raw
			} else if same <= k {
				group.count++
			}
		}
		if length == top {
			if err := a.emit(top, g); err != nil {
				return err
			}
		}
	}
	for k := 1; k < top; k++ {
		if err := a.emit(k, &groups[k]); err != nil {
			return err
		}
	}
	return nil
}

// emit counts an n-gram of a length, given with its words reversed.
func (a *adjuster) emit(length int, reversed *gram) error {
	if reversed.raw == 0 {
		return nil
	}
	o := &a.orders[length-1]
	if reversed.count < uint32(len(o.n)) {
		o.n[reversed.count]++
	}
	g := gram{count: reversed.count, raw: reversed.raw}
	out := length > 1 && g.raw <= a.builder.o.cutoff(length)
	for i := range length {
		old := reversed.words[length-1-i]
		g.words[i] = a.renumber[old]
		if g.words[i] == lm.Unknown && old != lm.Unknown {
			out = true
		}
	}
	if out {
		g.count |= cut
	}
	return o.add(g)
}

// discounts returns D_1 to D_3, and false if the text gives none that make sense.
func (o *order) discounts() (d [3]float64, ok bool) {
	fallback := [3]float64{0.5, 1, 1.5}
	for _, n := range o.n[1:4] {
		if n == 0 {
			return fallback, false
		}
	}
	y := o.n[1] / (o.n[1] + 2*o.n[2])
	for i := range d {
		d[i] = float64(i+1) - float64(i+2)*y*o.n[i+2]/o.n[i+1]
		if d[i] < 0 || d[i] > float64(i+1) {
			return fallback, false
		}
	}
	return d, true
}
