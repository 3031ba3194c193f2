package beam

import (
	"bytes"
	"cmp"
	"math"
	"slices"
	"strings"
	"unicode"
	"unicode/utf8"

	"github.com/asr-backend/asr-backend/lm"
)

// Lexicon is a language model and the tree of its words. It may be used by many searches.
type Lexicon struct {
	model *lm.Model
	tree  tree
	word  []lm.Word // the word that ends at a node, or 0
	best  []float32 // log10 of the most probable word at or below a node
}

// tree is a tree of byte strings. The children of a node are neighbours, in the order of
// their labels, and come after it. Node 0 is the root.
type tree struct {
	first []int32 // child of each node; the last ends where the next node's begin
	label []byte  // on the edge that leads to a node
}

// child returns the child of a node, or -1.
func (t *tree) child(node int32, label byte) int32 {
	first := t.first[node]
	if i := bytes.IndexByte(t.label[first:t.first[node+1]], label); i >= 0 {
		return first + int32(i)
	}
	return -1
}

// newTree makes the tree of sorted strings that differ. It calls ends for each string
// with its node.
func newTree(sorted []string, ends func(i int, node int32)) tree {
	type span struct{ from, to, depth int }
	t := tree{label: []byte{0}}
	queue := []span{{0, len(sorted), 0}}
	for node := 0; node < len(queue); node++ {
		s := queue[node]
		t.first = append(t.first, int32(len(queue)))
		if s.from < s.to && len(sorted[s.from]) == s.depth {
			ends(s.from, int32(node))
			s.from++
		}
		for at := s.from; at < s.to; {
			label, end := sorted[at][s.depth], at+1
			for end < s.to && sorted[end][s.depth] == label {
				end++
			}
			t.label = append(t.label, label)
			queue = append(queue, span{at, end, s.depth + 1})
			at = end
		}
	}
	t.first = append(t.first, int32(len(queue)))
	return t
}

// NewLexicon makes the tree of a model's words. The model must stay open.
func NewLexicon(m *lm.Model) *Lexicon {
	l := &Lexicon{model: m}
	type entry struct {
		text string
		word lm.Word
	}
	var entries []entry
	for w, text := range m.Vocabulary() {
		// Pieces are folded in the same way, see surfaces.
		if text = strings.ToLower(strings.ReplaceAll(text, "\u2019", "'")); text != "" {
			entries = append(entries, entry{text, w})
		}
	}
	slices.SortFunc(entries, func(a, b entry) int {
		return cmp.Or(strings.Compare(a.text, b.text), cmp.Compare(m.Unigram(b.word), m.Unigram(a.word)), cmp.Compare(a.word, b.word))
	})
	// Of words that differ in case only, the most probable stands for all.
	entries = slices.CompactFunc(entries, func(a, b entry) bool { return a.text == b.text })
	words := make([]string, len(entries))
	for i := range entries {
		words[i] = entries[i].text
	}
	ends := make([]int32, len(words))
	l.tree = newTree(words, func(i int, node int32) { ends[i] = node })
	l.word, l.best = make([]lm.Word, len(l.tree.label)), make([]float32, len(l.tree.label))
	for i := range l.best {
		l.best[i] = float32(math.Inf(-1))
	}
	for i, node := range ends {
		l.word[node], l.best[node] = entries[i].word, m.Unigram(entries[i].word)
	}
	for node := len(l.best) - 1; node >= 0; node-- {
		for _, b := range l.best[l.tree.first[node]:l.tree.first[node+1]] {
			l.best[node] = max(l.best[node], b)
		}
	}
	return l
}

// Where words are that the lexicon does not have.
const (
	outside = -1
	apart   = -2 // a word with digits or hyphens, of which no lexicon has all
)

// Folding is how the words of the model are normalized.
func (l *Lexicon) Folding() lm.Folding { return l.model.Facts().Folding }

// Unigram returns the base-10 logarithm of the probability of a word without its context, in
// whatever case; ok is false for a word that the model does not have.
func (l *Lexicon) Unigram(word string) (log10 float32, ok bool) {
	node := int32(0)
	for _, b := range []byte(strings.ToLower(word)) {
		if node = l.tree.child(node, b); node < 0 {
			return 0, false
		}
	}
	if l.word[node] == lm.Unknown {
		return 0, false
	}
	return l.model.Unigram(l.word[node]), true
}

// wordAt returns the word that ends at a node, or Unknown.
func (l *Lexicon) wordAt(node int32) lm.Word {
	if node <= 0 {
		return lm.Unknown
	}
	return l.word[node]
}

// walk follows the letters of a piece from a node. Punctuation that no word has there is
// passed over.
func (l *Lexicon) walk(node int32, s *surface) int32 {
	if node < 0 {
		return node
	}
	if !s.marks {
		for _, b := range s.text {
			next := l.tree.child(node, b)
			switch {
			case next >= 0:
				node = next
			case '0' <= b && b <= '9':
				return apart
			default:
				return outside
			}
		}
		return node
	}
	for at := 0; at < len(s.text); {
		r, size := utf8.DecodeRune(s.text[at:])
		next := node
		for _, b := range s.text[at : at+size] {
			if next = l.tree.child(next, b); next < 0 {
				break
			}
		}
		switch {
		case next >= 0:
			node = next
		case unicode.IsDigit(r) || node > 0 && unicode.Is(unicode.Pd, r):
			return apart
		case !mark(r):
			return outside
		}
		at += size
	}
	return node
}
