package build

import (
	"context"
	"errors"
	"fmt"
	"math"
	"slices"

	"github.com/asr-backend/asr-backend/lm"
)

// Part is a model and its weight in a mixture.
type Part struct {
	Table  *lm.Table
	Weight float64
}

// Mix makes one model of several, whose weights sum to one. Every n-gram that one of them
// stores gets the weighted sum of their probabilities; a model gives words that it does not
// have the probability zero, and takes them for <unk> in contexts. Other n-grams get their
// probability by backing off, as in every model. A single model is returned as it is.
func Mix(ctx context.Context, parts []Part) (*lm.Table, error) {
	t, err := mix(ctx, parts)
	if err != nil {
		return nil, fmt.Errorf("mix language models: %w", err)
	}
	return t, nil
}

func mix(ctx context.Context, parts []Part) (*lm.Table, error) {
	if len(parts) == 0 {
		return nil, errors.New("there are none")
	}
	sum, longest := 0.0, 0
	for _, p := range parts {
		if !(p.Weight > 0) {
			return nil, fmt.Errorf("a weight of %g is not above 0", p.Weight)
		}
		if first := parts[0].Table.Facts; p.Table.Facts.Folding != first.Folding || p.Table.Facts.Units != first.Units {
			return nil, fmt.Errorf("one has %s folded as %q, another %s folded as %q", first.Units, first.Folding, p.Table.Facts.Units, p.Table.Facts.Folding)
		}
		sum, longest = sum+p.Weight, max(longest, len(p.Table.Levels))
	}
	if math.Abs(sum-1) > 1e-6 {
		return nil, fmt.Errorf("the weights sum to %g, not 1", sum)
	}
	if len(parts) == 1 {
		return parts[0].Table, nil
	}
	m := &mixer{parts: parts, table: &lm.Table{Levels: make([]lm.Level, longest), Facts: parts[0].Table.Facts}}
	m.vocabulary()
	for k := range m.table.Levels[:longest-1] {
		m.table.Levels[k].First = []uint32{}
	}
	for w := range m.table.Words {
		if ctx.Err() != nil {
			return nil, context.Cause(ctx)
		}
		m.words[0] = lm.Word(w)
		at := make([]place, len(parts))
		for i := range parts {
			n, found := m.local(i, lm.Word(w))
			at[i] = place{uint32(n), found}
		}
		m.add(0, at)
	}
	for k := range m.table.Levels[:longest-1] {
		l := &m.table.Levels[k]
		l.First = append(l.First, uint32(len(m.table.Levels[k+1].Prob)))
	}
	if err := normalise(ctx, m.table); err != nil {
		return nil, err
	}
	return m.table, m.table.Check()
}

// place is where an n-gram is in one of the models, if it is there.
type place struct {
	i     uint32
	found bool
}

type mixer struct {
	parts   []Part
	table   *lm.Table
	numbers [][]int32   // of each word in each model, -1 where it has none
	common  [][]lm.Word // the other way round
	words   [lm.MaxOrder]lm.Word
}

func (m *mixer) vocabulary() {
	words := lm.Reserved()
	reserved := len(words)
	for _, p := range m.parts {
		words = append(words, p.Table.Words[reserved:]...)
	}
	slices.Sort(words[reserved:])
	words = append(words[:reserved], slices.Compact(words[reserved:])...)
	for _, p := range m.parts {
		own := p.Table.Words
		numbers, common := make([]int32, len(words)), make([]lm.Word, len(own))
		for i, w := range words {
			switch n, found := slices.BinarySearch(own[reserved:], w); {
			case i < reserved:
				numbers[i] = int32(i)
			case found:
				numbers[i] = int32(reserved + n)
			default:
				numbers[i] = -1
				continue
			}
			common[numbers[i]] = lm.Word(i)
		}
		m.numbers, m.common = append(m.numbers, numbers), append(m.common, common)
	}
	m.table.Words = words
}

// local returns the number of a word in a model.
func (m *mixer) local(part int, w lm.Word) (lm.Word, bool) {
	n := m.numbers[part][w]
	return lm.Word(max(n, 0)), n >= 0
}

// add adds the n-gram of level k that m.words has, and those that continue it.
func (m *mixer) add(k int, at []place) {
	l := &m.table.Levels[k]
	if k > 0 {
		l.Words = append(l.Words, m.words[k])
	}
	l.Prob = append(l.Prob, m.prob(k))
	if k+1 == len(m.table.Levels) {
		return
	}
	l.Backoff = append(l.Backoff, 0)
	l.First = append(l.First, uint32(len(m.table.Levels[k+1].Prob)))
	for _, w := range m.continuations(k, at) {
		m.words[k+1] = w
		below := make([]place, len(at))
		for i, p := range at {
			n, known := m.local(i, w)
			if p.found && known && k+1 < len(m.parts[i].Table.Levels) {
				below[i].i, below[i].found = m.parts[i].Table.Child(k, p.i, n)
			}
		}
		m.add(k+1, below)
	}
}

// continuations returns the words that follow an n-gram of level k in one of the models.
func (m *mixer) continuations(k int, at []place) []lm.Word {
	var words []lm.Word
	for i, p := range at {
		t := m.parts[i].Table
		if !p.found || k+1 >= len(t.Levels) {
			continue
		}
		for _, n := range t.Levels[k+1].Words[t.Levels[k].First[p.i]:t.Levels[k].First[p.i+1]] {
			words = append(words, m.common[i][n])
		}
	}
	slices.Sort(words)
	return slices.Compact(words)
}

func (m *mixer) prob(k int) float32 {
	p := 0.0
	for i, part := range m.parts {
		var own [lm.MaxOrder]lm.Word
		known := false
		for j, w := range m.words[:k+1] {
			own[j], known = m.local(i, w)
		}
		if known { // the last word is
			p += part.Weight * pow10(part.Table.Prob(own[:k+1]))
		}
	}
	return min(log10(p), 0)
}
