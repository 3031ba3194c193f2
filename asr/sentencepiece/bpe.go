package sentencepiece

import (
	"container/heap"

	"github.com/asr-backend/asr-backend/asr/ctc"
)

// part is a stretch of the text under way to become a piece. Joining leaves the right
// one empty.
type part struct {
	from, to       int
	before, behind int  // neighbours, or -1
	whole          bool // a user-defined symbol, which is never joined
}

// pair is two neighbours that could be joined.
type pair struct {
	left, right int
	score       float32
	size        int // bytes of both
}

// agenda is a heap of pairs, the best first.
type agenda []pair

func (a agenda) Len() int { return len(a) }
func (a agenda) Less(i, j int) bool {
	return a[i].score > a[j].score || a[i].score == a[j].score && a[i].left < a[j].left
}
func (a agenda) Swap(i, j int) { a[i], a[j] = a[j], a[i] }
func (a *agenda) Push(x any)   { *a = append(*a, x.(pair)) }
func (a *agenda) Pop() any {
	last := len(*a) - 1
	p := (*a)[last]
	*a = (*a)[:last]
	return p
}

// merger is one text being encoded.
type merger struct {
	m      *Model
	s      string
	parts  []part
	todo   agenda
	halves map[string]int // of joined pieces that are unused: where the left half ends
}

func (m *Model) encodeBPE(s string, emit func(string, ctc.Piece)) {
	g := merger{m: m, s: s}
	for at := 0; at < len(s); {
		size := m.symbol(s[at:])
		p := part{from: at, before: len(g.parts) - 1, behind: len(g.parts) + 1, whole: size > 0}
		if size == 0 {
			size = character(s[at:])
		}
		at += size
		p.to = at
		g.parts = append(g.parts, p)
	}
	g.parts[len(g.parts)-1].behind = -1
	for i := 1; i < len(g.parts); i++ {
		g.propose(i-1, i)
	}
	for len(g.todo) > 0 {
		g.join(heap.Pop(&g.todo).(pair))
	}
	for i := 0; i >= 0; i = g.parts[i].behind {
		g.write(s[g.parts[i].from:g.parts[i].to], emit)
	}
}

// propose puts a pair on the agenda if its parts make a piece.
func (g *merger) propose(left, right int) {
	if left < 0 || right < 0 || g.parts[left].whole || g.parts[right].whole {
		return
	}
	text := g.s[g.parts[left].from:g.parts[right].to]
	id, ok := g.m.ids[text]
	if !ok {
		return
	}
	heap.Push(&g.todo, pair{left, right, g.m.pieces[id].score, len(text)})
	if g.m.pieces[id].class == unused {
		if g.halves == nil {
			g.halves = map[string]int{}
		}
		g.halves[text] = g.parts[left].to - g.parts[left].from
	}
}

// join makes one part of a pair, unless either has changed since it was proposed.
func (g *merger) join(p pair) {
	left, right := &g.parts[p.left], &g.parts[p.right]
	if left.from == left.to || right.from == right.to || right.to-left.from != p.size {
		return
	}
	left.to, left.behind = right.to, right.behind
	right.from = right.to
	if left.behind >= 0 {
		g.parts[left.behind].before = p.left
	}
	g.propose(left.before, p.left)
	g.propose(p.left, left.behind)
}

// write emits a piece; an unused one is taken apart again, as it was joined.
func (g *merger) write(text string, emit func(string, ctc.Piece)) {
	id, ok := g.m.ids[text]
	switch half := g.halves[text]; {
	case !ok:
		emit(text, g.m.unknown)
	case g.m.pieces[id].class == unused && half > 0:
		g.write(text[:half], emit)
		g.write(text[half:], emit)
	default:
		emit(text, id)
	}
}
