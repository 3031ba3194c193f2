package lm

import (
	"encoding/binary"
	"iter"
)

// MaxOrder is the longest n-gram of a model.
const MaxOrder = 8

// Word is the number of a word in its model.
type Word uint32

// Words that every model has.
const (
	Unknown Word = iota // <unk>, each word that the model does not have
	start               // <s>
	end                 // </s>
	firstWord
)

// State is what a model needs to know of the words so far. States are comparable: if two are
// equal, the model gives every continuation the same probability after both. A State belongs
// to the model that made it.
type State struct {
	// nodes[k] is 1 + the index, among n-grams of k+1 words, of the last k+1 words; 0 if the
	// model has nothing that depends on them.
	nodes [MaxOrder - 1]uint32
	n     uint8 // length up to the last that is not 0
}

// Model is an n-gram language model that does not change. Any number of goroutines may use it
// at once.
type Model struct {
	header header
	order  int
	vocab  vocabulary
	levels [MaxOrder]level
	close  func() error
}

// level has the n-grams of one length, in the order of their words. At level 0 word i is
// n-gram i.
type level struct {
	n     uint32
	words numbers // the last word of each n-gram
	first numbers // where its continuations begin at the next level; n+1 of them
	prob  values
	back  values
}

// Order returns the length of the longest n-grams.
func (m *Model) Order() int { return m.order }

// Len returns the number of n-grams of a length from 1 to Order.
func (m *Model) Len(length int) int { return int(m.levels[length-1].n) }

// Word returns the number of a word, or Unknown and false.
func (m *Model) Word(s string) (Word, bool) { return m.vocab.find(s) }

// Vocabulary yields the words and their numbers, without <unk>, <s> and </s>.
func (m *Model) Vocabulary() iter.Seq2[Word, string] {
	return func(yield func(Word, string) bool) {
		for w, s := range m.vocab.all() {
			if w >= firstWord && !yield(w, s) {
				return
			}
		}
	}
}

// Begin returns the state at the start of a sentence.
func (m *Model) Begin() State {
	var s State
	if m.order > 1 {
		m.extend(&s, 0, uint32(start))
	}
	return s
}

// Score returns the base-10 logarithm of the probability of a word in a state, and the state
// after it. It allocates nothing.
func (m *Model) Score(s State, w Word) (log10 float32, next State) {
	if uint32(w) >= m.levels[0].n {
		w = Unknown
	}
	log10 = m.levels[0].prob.at(uint32(w))
	if m.order > 1 {
		m.extend(&next, 0, uint32(w))
	}
	for k := range int(s.n) {
		if s.nodes[k] == 0 {
			continue
		}
		context, l, longer := s.nodes[k]-1, &m.levels[k], &m.levels[k+1]
		lo, hi := l.first.pair(context)
		i, found := longer.find(lo, hi, uint32(w))
		if !found {
			log10 += l.back.at(context)
			continue
		}
		log10 = longer.prob.at(i)
		if k+2 < m.order {
			m.extend(&next, k+1, i)
		}
	}
	return log10, next
}

// extend adds n-gram i of k+1 words to a state, unless nothing depends on it: it has no
// continuations and its weight is one.
func (m *Model) extend(s *State, k int, i uint32) {
	l := &m.levels[k]
	if lo, hi := l.first.pair(i); lo == hi && l.back.at(i) == 0 {
		return
	}
	s.nodes[k] = i + 1
	s.n = uint8(k + 1)
}

// End returns the base-10 logarithm of the probability that a sentence ends in a state.
func (m *Model) End(s State) float32 {
	log10, _ := m.Score(s, end)
	return log10
}

// Unigram returns the base-10 logarithm of the probability of a word without its context.
func (m *Model) Unigram(w Word) float32 {
	if uint32(w) >= m.levels[0].n {
		w = Unknown
	}
	return m.levels[0].prob.at(uint32(w))
}

// find returns the position of a word among n-grams lo to hi, which are in ascending order.
func (l *level) find(lo, hi, w uint32) (uint32, bool) {
	b, size, mask := l.words.b, uint64(l.words.size), l.words.mask
	if size == 2 { // most models of pieces, and small ones
		for lo < hi {
			mid := (lo + hi) / 2
			switch x := uint32(binary.LittleEndian.Uint16(b[2*uint64(mid):])); {
			case x < w:
				lo = mid + 1
			case x > w:
				hi = mid
			default:
				return mid, true
			}
		}
		return 0, false
	}
	for lo < hi {
		mid := (lo + hi) / 2 // both are below 1<<31
		switch x := binary.LittleEndian.Uint32(b[size*uint64(mid):]) & mask; {
		case x < w:
			lo = mid + 1
		case x > w:
			hi = mid
		default:
			return mid, true
		}
	}
	return 0, false
}
