package align

import (
	"cmp"
	"context"
	"slices"

	"github.com/asr-backend/asr-backend/align/viterbi"
	"github.com/asr-backend/asr-backend/timeline"
)

// Words with several variants are tried in each of them once the words around are placed,
// together with a few neighbours, which may move.
const (
	// neighbours is how many words on each side are placed anew.
	neighbours = 2
	// longestTry is the longest part aligned again for one word, 30 s: beyond it the text
	// around is missing, and no variant would help.
	longestTry timeline.Row = 375
)

// variants chooses the variant of each word that has several.
func (a *aligner) variants(ctx context.Context) error {
	for w := range a.ref {
		if len(a.ref[w].Variants) < 2 {
			continue
		}
		if err := context.Cause(ctx); err != nil {
			return err
		}
		if err := a.try(w); err != nil {
			return err
		}
	}
	return nil
}

// try places word w anew in each of its variants and keeps the best.
func (a *aligner) try(w int) error {
	b := a.around(w)
	if b.end-b.first > longestTry || b.first >= b.end {
		return nil
	}
	before := a.chosen[w]
	best, variant := (*viterbi.Path)(nil), before
	for v := range a.ref[w].Variants {
		a.chosen[w] = v
		path, err := viterbi.Align(a.problem(b.first, b.end, a.ref.tokens(b.from, b.to, a.chosen)))
		if err != nil {
			return err
		}
		if best == nil || path.Score > best.Score {
			best, variant = path, v
		}
	}
	a.chosen[w] = variant
	if variant == before {
		return nil
	}
	// The new path has skips of its own.
	a.skips = slices.DeleteFunc(a.skips, func(s viterbi.Skip) bool {
		return s.From >= b.from && s.To <= b.to && s.First >= b.first && s.End <= b.end
	})
	a.keep(b, best)
	slices.SortStableFunc(a.skips, func(x, y viterbi.Skip) int { return cmp.Or(cmp.Compare(x.First, y.First), x.From-y.From) })
	return nil
}

// around returns the words about w and the rows between the words outside of them. It
// begins and ends with words that are placed, or with the recording.
func (a *aligner) around(w int) block {
	b := block{from: max(w-neighbours, 0), to: min(w+neighbours+1, len(a.ref)), end: timeline.Row(len(a.e.Rows))}
	for b.from > 0 && a.spans[b.from] == nil {
		b.from--
	}
	for b.to < len(a.ref) && a.spans[b.to-1] == nil {
		b.to++
	}
	if a.spans[b.from] != nil {
		b.first = a.spans[b.from][0].First
	}
	if last := a.spans[b.to-1]; last != nil {
		b.end = last[len(last)-1].Last + 1
	}
	return b
}
