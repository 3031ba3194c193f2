package align

import (
	"strings"
	"unicode"

	"github.com/asr-backend/asr-backend/asr/ctc"
)

// Reference is a text from outside, to be found in a recording.
type Reference []RefWord

// RefWord is a word of a Reference.
type RefWord struct {
	// Text is the word as it is written, with the marks at it.
	Text string
	// Variants are the ways in which it may be pronounced, at least one, the likeliest
	// first: a number has several. None is empty.
	Variants []Variant
}

// Variant is one pronunciation of a word, in pieces. A piece beyond blank is a wildcard: it
// stands for a sound that the vocabulary cannot write, see Wildcard.
type Variant []ctc.Piece

// Spells reports whether a variant has a piece that the model can write and that is spoken:
// neither a wildcard nor a boundary of words, nor a mark such as a full stop.
func (r Variant) Spells(v *ctc.Vocabulary) bool {
	for _, p := range r {
		if p < v.Blank() && strings.ContainsFunc(strings.TrimPrefix(v.Piece(p), ctc.Space), isSpoken) {
			return true
		}
	}
	return false
}

// isSpoken reports whether a character is more than a mark: some signs with names count as
// punctuation in Unicode.
func isSpoken(r rune) bool { return !unicode.IsPunct(r) || strings.ContainsRune("%&@#*", r) }

// Spelled reports whether the model can write any part of a word. Of one that it cannot,
// the rows show nothing: its verdict is Unspellable, whatever was recognized there.
func (w *RefWord) Spelled(v *ctc.Vocabulary) bool {
	for _, r := range w.Variants {
		if r.Spells(v) {
			return true
		}
	}
	return false
}

// Wildcard returns the piece that fits any sound.
func Wildcard(v *ctc.Vocabulary) ctc.Piece { return v.Blank() + 1 }

// tokens is a Reference in pieces, one variant a word.
type tokens struct {
	pieces []ctc.Piece
	words  []int // the first piece of each word
}

// tokens returns words [from, to) in the variants chosen for them.
func (s Reference) tokens(from, to int, chosen []int) tokens {
	var t tokens
	for w := from; w < to; w++ {
		t.words = append(t.words, len(t.pieces))
		t.pieces = append(t.pieces, s[w].Variants[chosen[w]]...)
	}
	return t
}
