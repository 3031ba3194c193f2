package viterbi

import (
	"math"

	"github.com/asr-backend/asr-backend/timeline"
)

// maxTrace bounds the bytes that one block of the way back takes.
const maxTrace = 64 << 20

// lattice holds the scores of all states after one row, and the way back to them.
//
// Labels are shifted by one, so that l[i+1] belongs to token i and l[0] to none.
type lattice struct {
	p       *Problem
	rows    timeline.Row
	tokens  []int32
	repeat  []float64 // added to a skip onto token i: -Inf if it equals its neighbour
	words   []int     // first tokens of words, and the number of tokens; nil without skips
	l, b, s []float64
	trace   trace
	limit   int // bytes of a block of the trace
}

var never = math.Inf(-1)

func newLattice(p *Problem) *lattice {
	n := len(p.Tokens)
	g := &lattice{p: p, rows: p.Rows, limit: maxTrace,
		tokens: make([]int32, n), repeat: make([]float64, n), l: make([]float64, n+1), b: make([]float64, n+1)}
	for i, token := range p.Tokens {
		g.tokens[i] = int32(token)
		if p.equal(i) {
			g.repeat[i] = never
		}
	}
	if x := p.Skips; x != nil {
		g.words = append(append(make([]int, 0, len(x.Words)+1), x.Words...), n)
		g.s = make([]float64, len(g.words))
	}
	return g
}

// begin sets the scores before the first row.
func (g *lattice) begin() {
	fill(g.l, never)
	fill(g.b, never)
	g.b[0] = 0
	fill(g.s, never)
	if g.words == nil {
		return
	}
	to := len(g.words)
	if g.rows > 0 { // words beyond the first window must not seem to have been reached
		lo, hi := g.window(0)
		_, to = g.wordsIn(lo, hi, 0, 0)
	}
	g.s[0] = -g.p.Skips.Penalty
	for w := 1; w < to; w++ {
		g.s[w] = g.s[w-1] - g.p.Skips.TokenPenalty*float64(g.words[w]-g.words[w-1])
	}
}

func fill(s []float64, v float64) {
	for i := range s {
		s[i] = v
	}
}

// window returns the tokens that row t may hold: those from which the end can be reached
// and that can be reached from the start, and of those what the band leaves.
func (g *lattice) window(t timeline.Row) (lo, hi int) {
	lo, hi = g.reachable(t)
	if g.p.Band != nil {
		from, to := g.p.Band(t)
		lo, hi = max(lo, from), min(hi, to)
	}
	return lo, max(hi, lo)
}

func (g *lattice) reachable(t timeline.Row) (lo, hi int) {
	n := len(g.tokens)
	if g.words != nil {
		return 0, n
	}
	return max(0, n-int(g.rows-t)), min(n, int(t)+1)
}

// step takes the scores from row t-1 to row t and writes the way back into r.
func (g *lattice) step(t timeline.Row, r *record) {
	lo, hi, n := r.lo, r.hi, len(g.tokens)
	scores := g.p.Scores(t)
	blank := float64(scores[g.p.Blank])
	last := uint64(fromStay)
	if hi == n {
		if from := g.l[n]; from > g.b[n] {
			g.b[n], last = from, fromStep
		}
		g.b[n] += blank
	}
	advance(g.l[lo:hi+1], g.b[lo:hi], g.repeat[lo:hi], g.tokens[lo:hi], scores, blank, r.states)
	if hi == n {
		r.setBlank(n, last)
	}
	g.l[lo] = never // the token before the window: it can never be entered again
	if g.words != nil {
		g.skip(t, r, scores, blank)
	}
}

// Ways back. Those of a label and a blank are four bits together, blank in the upper two.
const (
	fromStay = 0 // the same state
	fromStep = 1 // label: the blank before it; blank: the label before it
	fromJump = 2 // label: the label before it
	fromSkip = 3
)

// advance is the inner loop: one row for the tokens of a window. Label l[i+1] and blank
// b[i] belong to token i, so that l has one more. It runs downwards, because a state
// depends on those before it as they were a row ago.
func advance(l, b, repeat []float64, tokens []int32, scores []float32, blank float64, states []uint64) {
	n := len(tokens)
	if n == 0 {
		return
	}
	l, b, repeat = l[:n+1], b[:n], repeat[:n]
	label := l[n]
	var pack uint64
	for i := n - 1; i >= 0; i-- {
		before, gap := l[i], b[i]
		best, code := label, uint64(fromStay)
		if gap > best {
			best, code = gap, fromStep
		}
		if jump := before + repeat[i]; jump > best {
			best, code = jump, fromJump
		}
		l[i+1] = best + float64(scores[tokens[i]])
		if before > gap {
			gap, code = before, code|fromStep<<2
		}
		b[i] = gap + blank
		label = before
		pack = pack<<4 | code
		if i&15 == 0 {
			states[i>>4] = pack
			pack = 0
		}
	}
}
