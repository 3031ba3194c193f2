package build

import (
	"context"
	"fmt"
	"math"
	"slices"

	"github.com/asr-backend/asr-backend/lm"
)

// lowest is the logarithm that stands for a probability or weight of zero.
const lowest = -99

// estimator makes the levels of a table, one after another.
type estimator struct {
	table     *lm.Table
	raw       [][]uint32 // how often each n-gram occurs in the text
	sentences int64
}

func (e *estimator) level(ctx context.Context, k int, s *sorter, d [3]float64) error {
	if k == 0 {
		return e.unigrams(s, d)
	}
	upper := &e.table.Levels[k-1]
	upper.First = make([]uint32, 1, len(upper.Prob)+1)
	var group []gram
	seen := 0
	for g, err := range s.sorted() {
		if err != nil {
			return err
		}
		if seen++; seen%(1<<16) == 0 && ctx.Err() != nil {
			return context.Cause(ctx)
		}
		if len(group) > 0 && !slices.Equal(group[0].words[:k], g.words[:k]) {
			if err := e.group(k, group, d); err != nil {
				return err
			}
			group = group[:0]
		}
		group = append(group, *g)
	}
	if err := e.group(k, group, d); err != nil {
		return err
	}
	for len(upper.First) <= len(upper.Prob) {
		upper.First = append(upper.First, uint32(len(e.table.Levels[k].Prob)))
	}
	return s.close()
}

// group adds the n-grams of one context.
func (e *estimator) group(k int, group []gram, d [3]float64) error {
	sum, free, kept := 0.0, 0.0, 0
	for _, g := range group {
		a := g.count &^ cut
		sum += float64(a)
		if g.count&cut != 0 {
			free += float64(a)
		} else {
			free += discount(a, d)
			kept++
		}
	}
	if kept == 0 {
		return nil // its weight stays one
	}
	t := e.table
	upper, l := &t.Levels[k-1], &t.Levels[k]
	context, found := t.Find(group[0].words[:k])
	if !found {
		return fmt.Errorf("internal: an n-gram of length %d is kept without its beginning", k+1)
	}
	for len(upper.First) <= int(context) {
		upper.First = append(upper.First, uint32(len(l.Prob)))
	}
	weight := free / sum
	upper.Backoff[context] = log10(weight)
	for i := range group {
		g := &group[i]
		if g.count&cut != 0 {
			continue
		}
		p := (float64(g.count)-discount(g.count, d))/sum + weight*math.Pow(10, t.Prob(g.words[1:k+1]))
		e.append(k, g.words[k], log10(p), g.raw)
	}
	if uint64(len(l.Prob)) > math.MaxInt32 {
		return fmt.Errorf("more than %d n-grams of length %d", math.MaxInt32, k+1)
	}
	return nil
}

func (e *estimator) append(k int, w lm.Word, prob float32, raw uint32) {
	l := &e.table.Levels[k]
	if k > 0 {
		l.Words = append(l.Words, w)
	}
	l.Prob = append(l.Prob, min(prob, 0)) // rounding may give more than 1
	if k+1 < len(e.table.Levels) {
		l.Backoff = append(l.Backoff, 0)
		e.raw[k] = append(e.raw[k], raw)
	}
}

// unigrams adds the words. <unk> has the words that were left out besides its share of what
// the discounts free.
func (e *estimator) unigrams(s *sorter, d [3]float64) error {
	n := len(e.table.Words)
	a, raw := make([]uint32, n), make([]uint32, n)
	sum, free, left := 0.0, 0.0, 0.0
	for g, err := range s.sorted() {
		if err != nil {
			return err
		}
		count := g.count &^ cut
		sum += float64(count)
		if g.count&cut != 0 {
			left += float64(count)
			continue
		}
		free += discount(count, d)
		a[g.words[0]], raw[g.words[0]] = count, g.raw
	}
	for w := range e.table.Words {
		p := (float64(a[w])-discount(a[w], d))/sum + free/sum/float64(n-1)
		switch lm.Word(w) {
		case lm.Unknown:
			p += left / sum
		case sentenceStart:
			p = 0
		}
		e.append(0, lm.Word(w), log10(p), raw[w])
	}
	if len(e.raw) > 1 {
		e.raw[0][sentenceStart] = uint32(min(e.sentences, math.MaxUint32))
	}
	return s.close()
}

func discount(count uint32, d [3]float64) float64 {
	if count == 0 {
		return 0
	}
	return d[min(count, 3)-1]
}

func log10(p float64) float32 { return float32(max(math.Log10(p), lowest)) }
