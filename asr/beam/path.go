package beam

import (
	"slices"

	"github.com/asr-backend/asr-backend/asr/ctc"
	"github.com/asr-backend/asr-backend/timeline"
)

// path is the best path of one kind of a text. Its last token is held here, because it may
// go on, and those before it in the store of traces. A path without probability is none.
type path struct {
	prob        float64 // of the rows alone, relative to other paths of the row
	trace       int32   // the tokens before the last one
	first, last timeline.Row
	sum         float32 // of the log-probabilities of the last token's rows
	confidence  float32 // the least of its rows
}

// again adds a row to the last token.
func (p *path) again(at timeline.Row, s *scored) {
	p.last = at
	p.sum += s.logProb
	p.confidence = min(p.confidence, s.confidence)
}

// trace is a token and those before it.
type trace struct {
	token  ctc.Token
	parent int32
	refs   int32 // paths and traces that go on from here
}

// traces is a store in which tokens are counted and used again.
type traces struct {
	all   []trace
	free  []int32
	root  int32   // the last token that is decided, or one that stands for the beginning
	chain []int32 // for commit
}

func (s *traces) reset() {
	s.all = append(s.all[:0], trace{parent: none})
	s.free, s.root = s.free[:0], 0
}

// none is no trace.
const none = -1

// add returns a trace, which nothing refers to yet.
func (s *traces) add(token ctc.Token, parent int32) int32 {
	s.all[parent].refs++
	t := trace{token: token, parent: parent}
	if n := len(s.free); n > 0 {
		id := s.free[n-1]
		s.free = s.free[:n-1]
		s.all[id] = t
		return id
	}
	s.all = append(s.all, t)
	return int32(len(s.all) - 1)
}

func (s *traces) retain(p *path) {
	if p.prob > 0 {
		s.all[p.trace].refs++
	}
}

func (s *traces) release(p *path) {
	if p.prob == 0 {
		return
	}
	for id := p.trace; id != none; {
		t := &s.all[id]
		if t.refs--; t.refs > 0 || id == s.root {
			return
		}
		s.free = append(s.free, id)
		id = t.parent
	}
}

// undecided returns the traces from the first that is not decided to that of a path. The
// slice is valid until the next call.
func (s *traces) undecided(p *path) []int32 {
	s.chain = s.chain[:0]
	for id := p.trace; id != s.root; id = s.all[id].parent {
		s.chain = append(s.chain, id)
	}
	slices.Reverse(s.chain)
	return s.chain
}

// commit appends to out the tokens that all paths have in common, of which p is one, as long as
// settled says that nothing more will be known of them.
func (s *traces) commit(out []ctc.Token, p *path, settled func(*ctc.Token) bool) []ctc.Token {
	for _, id := range s.undecided(p) {
		if s.all[s.root].refs > 1 || !settled(&s.all[id].token) {
			break
		}
		out = append(out, s.all[id].token)
		s.all[s.root].refs = 0
		s.free = append(s.free, s.root)
		s.root, s.all[id].parent = id, none
	}
	return out
}

// through reports whether a path goes through the trace x, a child of the root.
func (s *traces) through(p *path, x int32) bool {
	for id := p.trace; id != s.root; id = s.all[id].parent {
		if id == x {
			return true
		}
	}
	return false
}
