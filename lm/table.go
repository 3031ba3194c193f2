package lm

import (
	"fmt"
	"math"
	"slices"
	"strings"
)

// Table is a model as plain arrays, for programs that make or change one. It takes 8 bytes
// for each n-gram of the highest order and 16 for each other, besides the words.
type Table struct {
	Words  []string // by number; the first three are <unk>, <s> and </s>, the others ascend
	Levels []Level  // n-grams of one word, two words, ...
	Facts  Facts
}

// Level has the n-grams of one length in the order of their words. In level 0, n-gram i is
// word i.
type Level struct {
	Words   []Word    // the last word of each n-gram; nil in level 0
	Prob    []float32 // log10 of the probability of that word after the others
	Backoff []float32 // log10 of the weight; nil in the last level
	First   []uint32  // First[i] to First[i+1]-1 at the next level continue n-gram i; nil in the last level
}

// Facts are what a file says about itself.
type Facts struct {
	// Folding is how the words were normalised.
	Folding Folding `json:"folding"`
	// Units are what the words are: Words or Pieces.
	Units string `json:"units"`
	// Notes are free text: sources and licence.
	Notes string `json:"notes,omitempty"`
}

// Units of a model.
const (
	Words  = "words"
	Pieces = "pieces" // of words, as a recognizer writes them
)

// Reserved returns the words that a Table begins with.
func Reserved() []string { return slices.Clone(reserved[:]) }

// Child returns the position at level k+1 of the n-gram that continues n-gram i of level k
// with a word.
func (t *Table) Child(k int, i uint32, w Word) (uint32, bool) {
	lo, hi := t.Levels[k].First[i], t.Levels[k].First[i+1]
	j, found := slices.BinarySearch(t.Levels[k+1].Words[lo:hi], w)
	return lo + uint32(j), found
}

// Find returns the position of an n-gram at level len(words)-1.
func (t *Table) Find(words []Word) (uint32, bool) {
	i, found := uint32(words[0]), int(words[0]) < len(t.Words)
	for k := 1; k < len(words) && found; k++ {
		i, found = t.Child(k-1, i, words[k])
	}
	return i, found
}

// Prob returns the log10 probability of the last of some words after the others, by backing
// off where the table does not have them all.
func (t *Table) Prob(words []Word) float64 {
	weight := 0.0
	words = words[max(len(words)-len(t.Levels), 0):]
	for ; len(words) > 1; words = words[1:] {
		context, found := t.Find(words[:len(words)-1])
		if !found {
			continue
		}
		if i, found := t.Child(len(words)-2, context, words[len(words)-1]); found {
			return weight + float64(t.Levels[len(words)-1].Prob[i])
		}
		weight += float64(t.Levels[len(words)-2].Backoff[context])
	}
	return weight + float64(t.Levels[0].Prob[words[0]])
}

// Check returns an error if the arrays contradict each other.
func (t *Table) Check() error {
	if len(t.Levels) == 0 || len(t.Levels) > MaxOrder {
		return fmt.Errorf("a model of order %d is not supported; orders go from 1 to %d", len(t.Levels), MaxOrder)
	}
	if len(t.Words) < len(reserved) || !slices.Equal(t.Words[:len(reserved)], reserved[:]) {
		return fmt.Errorf("the first words are not %s", strings.Join(reserved[:], ", "))
	}
	for i, w := range t.Words[len(reserved):] {
		if before := t.Words[len(reserved)+i-1]; w == "" || i > 0 && w <= before {
			return fmt.Errorf("word %q follows %q", w, before)
		}
	}
	n := len(t.Words)
	for k := range t.Levels {
		if err := t.checkLevel(k, n); err != nil {
			return fmt.Errorf("n-grams of length %d: %w", k+1, err)
		}
		if k+1 < len(t.Levels) {
			n = len(t.Levels[k+1].Words)
		}
	}
	return nil
}

func (t *Table) checkLevel(k, n int) error {
	l, last := &t.Levels[k], k+1 == len(t.Levels)
	if len(l.Prob) != n || !last && (len(l.Backoff) != n || len(l.First) != n+1) {
		return fmt.Errorf("arrays of different lengths")
	}
	for i := range n {
		if p := l.Prob[i]; !(p <= 0) || math.IsInf(float64(p), 0) {
			return fmt.Errorf("a probability of 10^%g", p)
		}
		if !last && (math.IsNaN(float64(l.Backoff[i])) || math.IsInf(float64(l.Backoff[i]), 0)) {
			return fmt.Errorf("a weight of 10^%g", l.Backoff[i])
		}
	}
	if last {
		return nil
	}
	next := t.Levels[k+1].Words
	if l.First[0] != 0 || int(l.First[n]) != len(next) {
		return fmt.Errorf("their continuations are not those of the next length")
	}
	for i := range n {
		lo, hi := l.First[i], l.First[i+1]
		if lo > hi || int(hi) > len(next) {
			return fmt.Errorf("their continuations overlap")
		}
		for j := lo; j < hi; j++ {
			if int(next[j]) >= len(t.Words) || j > lo && next[j] <= next[j-1] {
				return fmt.Errorf("their continuations are out of order")
			}
		}
	}
	return nil
}
