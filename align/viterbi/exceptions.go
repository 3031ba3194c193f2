package viterbi

import "asr-backend/timeline"

// Ways back of a hub.
const (
	hubStay  = 0 // the row was dropped
	hubWord  = 1 // the word before was dropped
	hubBlank = 2 // from the blank before the word, in the same row
	hubLabel = 3 // from the label before the word, in the same row
)

// leave takes the hubs from row t-1 to row t, after the lattice itself.
func (g *lattice) leave(t timeline.Row, r *record, scores []float32, blank float64) {
	x, n := g.p.Exceptions, len(g.tokens)
	row := x.Row(t)
	left := never // the hub before, in this row
	for w := r.from; w < r.to; w++ {
		i, was := g.words[w], g.h[w]
		if i < r.hi {
			if v := was + float64(scores[g.tokens[i]]); v > g.l[i+1] {
				g.l[i+1] = v
				r.setLabel(i, fromHub)
			}
		}
		if i < r.hi || i == n {
			if v := was + blank; v > g.b[i] {
				g.b[i] = v
				r.setBlank(i, fromHub)
			}
		}
		best, code := was+row, uint64(hubStay)
		if w > r.from {
			if v := left - x.Token*float64(i-g.words[w-1]); v > best {
				best, code = v, hubWord
			}
		}
		if v := g.b[i] - x.Leave; v > best {
			best, code = v, hubBlank
		}
		if v := g.l[i] - x.Leave; v > best {
			best, code = v, hubLabel
		}
		g.h[w], left = best, best
		r.setHub(w, code)
	}
}

// hubs returns the words [from, to) whose first tokens lie in a window. The end of the
// text counts as the start of a last, empty word. Windows never fall, so that from and
// to of the row before are where to begin.
func (g *lattice) hubs(lo, hi, from, to int) (int, int) {
	for from < len(g.words) && g.words[from] < lo {
		from++
	}
	to = max(to, from)
	for to < len(g.words) && (g.words[to] < hi || hi == len(g.tokens)) {
		to++
	}
	return from, to
}
