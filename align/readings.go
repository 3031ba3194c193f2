package align

import (
	"cmp"
	"context"
	"slices"

	"asr-backend/align/viterbi"
	"asr-backend/timeline"
)

// Words with several readings are tried in each of them once the words around are placed:
// together with a few neighbours, which may give way.
const (
	// neighbours is how many words on each side are placed anew.
	neighbours = 2
	// longestTry is the longest stretch looked at for one word, 30 s: beyond it the text
	// around is missing, and no reading would help.
	longestTry timeline.Row = 375
)

// readings chooses the reading of each word that has several.
func (a *aligner) readings(ctx context.Context) error {
	for w := range a.script {
		if len(a.script[w].Readings) < 2 {
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

// try places word w anew in each of its readings and keeps the best.
func (a *aligner) try(w int) error {
	b := a.around(w)
	if b.end-b.first > longestTry || b.first >= b.end {
		return nil
	}
	before := a.chosen[w]
	best, reading := (*viterbi.Path)(nil), before
	for r := range a.script[w].Readings {
		a.chosen[w] = r
		path, err := viterbi.Align(a.problem(b.first, b.end, a.script.tokens(b.from, b.to, a.chosen)))
		if err != nil {
			return err
		}
		if best == nil || path.Score > best.Score {
			best, reading = path, r
		}
	}
	a.chosen[w] = reading
	if reading == before {
		return nil
	}
	// Whatever was left out here is told by the new path.
	a.dropped = slices.DeleteFunc(a.dropped, func(d viterbi.Dropped) bool {
		return d.From >= b.from && d.To <= b.to && d.First >= b.first && d.End <= b.end
	})
	a.keep(b, best)
	slices.SortStableFunc(a.dropped, func(x, y viterbi.Dropped) int { return cmp.Or(cmp.Compare(x.First, y.First), x.From-y.From) })
	return nil
}

// around returns the words about w and the rows between the words outside of them. It
// begins and ends with words that are placed, or with the recording.
func (a *aligner) around(w int) block {
	b := block{from: max(w-neighbours, 0), to: min(w+neighbours+1, len(a.script)), end: timeline.Row(len(a.h.Rows))}
	for b.from > 0 && a.spans[b.from] == nil {
		b.from--
	}
	for b.to < len(a.script) && a.spans[b.to-1] == nil {
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
