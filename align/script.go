package align

import (
	"strings"
	"unicode"

	"asr-backend/asr/ctc"
)

// Script is a text that comes from outside, to be found in a recording.
type Script []ScriptWord

// ScriptWord is a word of a Script.
type ScriptWord struct {
	// Text is the word as it is written, with the marks at it.
	Text string
	// Readings are the ways in which it may be said, at least one, the likeliest first:
	// a number has several. None is empty.
	Readings []Reading
}

// Reading is a word in pieces. A piece beyond blank is a wildcard: it stands for
// something said that the vocabulary cannot write, see Wildcard.
type Reading []ctc.Piece

// Spells reports whether a reading has a piece that the model can write and that is said:
// neither a wildcard nor a boundary of words, nor a mark such as a full stop.
func (r Reading) Spells(v *ctc.Vocabulary) bool {
	for _, p := range r {
		if p < v.Blank() && strings.ContainsFunc(strings.TrimPrefix(v.Piece(p), ctc.Space), isSaid) {
			return true
		}
	}
	return false
}

// isSaid reports whether a character is more than a mark: some signs with names count as
// punctuation in Unicode.
func isSaid(r rune) bool { return !unicode.IsPunct(r) || strings.ContainsRune("%&@#*", r) }

// Spelled reports whether the model can write any part of a word. Of one that it cannot,
// the rows say nothing: its verdict is Unspellable, whatever was recognized there.
func (w *ScriptWord) Spelled(v *ctc.Vocabulary) bool {
	for _, r := range w.Readings {
		if r.Spells(v) {
			return true
		}
	}
	return false
}

// Wildcard returns the piece that fits any sound.
func Wildcard(v *ctc.Vocabulary) ctc.Piece { return v.Blank() + 1 }

// tokens is a Script in pieces, one reading a word.
type tokens struct {
	pieces []ctc.Piece
	words  []int // the first piece of each word
}

// tokens returns words [from, to) in the readings chosen for them.
func (s Script) tokens(from, to int, chosen []int) tokens {
	var t tokens
	for w := from; w < to; w++ {
		t.words = append(t.words, len(t.pieces))
		t.pieces = append(t.pieces, s[w].Readings[chosen[w]]...)
	}
	return t
}
