package viterbi

import (
	"math"
	"slices"

	"github.com/asr-backend/asr-backend/timeline"
)

// checkpoint holds the scores before the first row of a block: labels and blanks of a
// window, and all skip states of its words.
type checkpoint struct {
	first, end timeline.Row
	lo         int
	l, b       []float64
	from       int
	s          []float64
}

// run fills the lattice and follows the way back.
func (g *lattice) run() (*Path, error) {
	blocks := g.blocks()
	g.begin()
	points := make([]checkpoint, 0, len(blocks))
	for i, end := range blocks {
		first := timeline.Row(0)
		if i > 0 {
			first = blocks[i-1]
		}
		points = append(points, g.save(first, end))
		if i+1 < len(blocks) {
			g.forward(first, end, false)
		}
	}
	var w *walker
	for i, c := range slices.Backward(points) {
		if i+1 < len(points) {
			g.restore(&c)
		}
		g.forward(c.first, c.end, true)
		if w == nil {
			if w = g.end(); w == nil {
				return nil, ErrNoPath
			}
		}
		w.back(&g.trace)
	}
	return w.finish(), nil
}

// blocks returns the ends of the blocks of rows whose trace fits into the limit.
func (g *lattice) blocks() []timeline.Row {
	var ends []timeline.Row
	bytes, from, to := 0, 0, 0
	for t := range g.rows {
		lo, hi := g.window(t)
		from, to = g.wordsIn(lo, hi, from, to)
		need := 8 * (packedStates(lo, hi) + packedSkips(from, to))
		if bytes+need > g.limit && bytes > 0 {
			ends = append(ends, t)
			bytes = 0
		}
		bytes += need
	}
	return append(ends, g.rows)
}

func packedStates(lo, hi int) int  { return (hi - lo + 1 + 15) / 16 }
func packedSkips(from, to int) int { return (to - from + 31) / 32 }

// forward runs rows first to end. If it is to be recorded, the trace afterwards holds
// the way back of each of them, else only of the last.
func (g *lattice) forward(first, end timeline.Row, recorded bool) {
	tr := &g.trace
	tr.first, tr.record = first, tr.record[:0]
	tr.states, tr.skips = tr.states[:0], tr.skips[:0]
	from, to := 0, 0
	for t := first; t < end; t++ {
		lo, hi := g.window(t)
		from, to = g.wordsIn(lo, hi, from, to)
		r := record{lo: lo, hi: hi, from: from, to: to}
		if !recorded {
			tr.record, tr.states, tr.skips = tr.record[:0], tr.states[:0], tr.skips[:0]
		}
		r.states, tr.states = take(tr.states, packedStates(lo, hi))
		r.skips, tr.skips = take(tr.skips, packedSkips(from, to))
		tr.record = append(tr.record, r)
		g.step(t, &tr.record[len(tr.record)-1])
	}
}

// take cuts n words off the front of what is free in s. When s is used up, a larger one
// replaces it; what was cut before stays where it is.
func take(s []uint64, n int) (part, rest []uint64) {
	if len(s)+n > cap(s) {
		s = make([]uint64, 0, max(n, min(2*cap(s), maxTrace/8), 4096))
	}
	end := len(s) + n
	return s[len(s):end:end], s[:end]
}

func (g *lattice) save(first, end timeline.Row) checkpoint {
	c := checkpoint{first: first, end: end}
	if first == 0 {
		return c // as begin sets them
	}
	lo, hi := g.window(first - 1)
	from, to := g.wordsIn(lo, hi, 0, 0)
	c.lo, c.l, c.b = lo, slices.Clone(g.l[lo:hi+1]), slices.Clone(g.b[lo:min(hi+1, len(g.b))])
	c.from, c.s = from, slices.Clone(g.s[min(from, len(g.s)):min(to, len(g.s))])
	return c
}

func (g *lattice) restore(c *checkpoint) {
	if c.first == 0 {
		g.begin()
		return
	}
	fill(g.l, never)
	fill(g.b, never)
	fill(g.s, never)
	copy(g.l[c.lo:], c.l)
	copy(g.b[c.lo:], c.b)
	copy(g.s[c.from:], c.s)
}

// end returns a walker at the best last state, or nil if none can be reached.
func (g *lattice) end() *walker {
	n := len(g.tokens)
	w := &walker{g: g, kind: label, at: n - 1, path: &Path{Score: g.l[n], Spans: make([]Span, n)}}
	if v := g.b[n]; v > w.path.Score || n == 0 {
		w.kind, w.at, w.path.Score = blank, n, v
	}
	if last := len(g.words) - 1; last >= 0 && g.s[last] > w.path.Score {
		w.kind, w.at, w.path.Score = skip, last, g.s[last]
	}
	if math.IsInf(w.path.Score, -1) {
		return nil
	}
	for i := range w.path.Spans {
		w.path.Spans[i] = Span{0, -1}
	}
	return w
}
