package viterbi

import "github.com/asr-backend/asr-backend/timeline"

// Ways back of a skip state.
const (
	skipRow       = 0 // the row was skipped
	skipWord      = 1 // the word before was skipped
	skipFromBlank = 2 // from the blank before the word, in the same row
	skipFromLabel = 3 // from the label before the word, in the same row
)

// skip takes the skip states from row t-1 to row t, after the labels and blanks.
func (g *lattice) skip(t timeline.Row, r *record, scores []float32, blank float64) {
	x, n := g.p.Skips, len(g.tokens)
	row := x.RowScore(t)
	left := never // the skip state before, in this row
	for w := r.from; w < r.to; w++ {
		i, was := g.words[w], g.s[w]
		if i < r.hi {
			if v := was + float64(scores[g.tokens[i]]); v > g.l[i+1] {
				g.l[i+1] = v
				r.setLabel(i, fromSkip)
			}
		}
		if i < r.hi || i == n {
			if v := was + blank; v > g.b[i] {
				g.b[i] = v
				r.setBlank(i, fromSkip)
			}
		}
		best, code := was+row, uint64(skipRow)
		if w > r.from {
			if v := left - x.TokenPenalty*float64(i-g.words[w-1]); v > best {
				best, code = v, skipWord
			}
		}
		if v := g.b[i] - x.Penalty; v > best {
			best, code = v, skipFromBlank
		}
		if v := g.l[i] - x.Penalty; v > best {
			best, code = v, skipFromLabel
		}
		g.s[w], left = best, best
		r.setSkip(w, code)
	}
}

// wordsIn returns the words [from, to) whose first tokens lie in a window. The end of the
// text counts as the start of a last, empty word. Windows never fall, so that from and
// to of the row before are where to begin.
func (g *lattice) wordsIn(lo, hi, from, to int) (int, int) {
	for from < len(g.words) && g.words[from] < lo {
		from++
	}
	to = max(to, from)
	for to < len(g.words) && (g.words[to] < hi || hi == len(g.tokens)) {
		to++
	}
	return from, to
}
