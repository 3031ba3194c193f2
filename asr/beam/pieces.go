package beam

import (
	"math/bits"
	"strings"
	"unicode"
	"unicode/utf8"

	"github.com/asr-backend/asr-backend/asr/ctc"
)

// surface is what a piece writes.
type surface struct {
	starts bool   // it begins a word
	never  bool   // it is no text
	marks  bool   // its letters hold punctuation
	text   []byte // its letters, folded, without the word boundary
	hash   uint64 // of its letters as they are
	power  uint64 // what a hash is multiplied by when the letters follow
}

// surfaces returns what each piece of a vocabulary writes.
func surfaces(v *ctc.Vocabulary) []surface {
	out := make([]surface, len(v.Pieces()))
	for i, p := range v.Pieces() {
		s := &out[i]
		if b, ok := ctc.ByteOf(p); ok {
			s.text = []byte{b}
			s.hash, s.power = hash(s.text)
			continue
		}
		if s.never = strings.HasPrefix(p, "<") && strings.HasSuffix(p, ">") && len(p) > 2; s.never {
			continue
		}
		letters, starts := strings.CutPrefix(p, ctc.Space)
		letters = strings.ReplaceAll(letters, ctc.Space, " ")
		s.hash, s.power = hash([]byte(letters))
		for _, r := range strings.ReplaceAll(letters, "\u2019", "'") {
			s.text = utf8.AppendRune(s.text, unicode.ToLower(r))
			s.marks = s.marks || mark(r)
		}
		// A mark has no space before it in the text, whatever its piece says.
		s.starts = starts && (letters == "" || strings.ContainsFunc(letters, func(r rune) bool { return !mark(r) }))
	}
	return out
}

// mark reports whether a language model does not see r, unless its words hold it.
func mark(r rune) bool { return unicode.IsPunct(r) }

// The hash of a text is a polynomial of its bytes modulo a prime, so that it does not
// depend on the pieces that wrote the text. A space counts once a letter follows.
const (
	prime = 1<<61 - 1
	base  = 0x1a2b3c4d5e6f7081 % prime
)

func hash(text []byte) (h, power uint64) {
	power = 1
	for _, b := range text {
		h = plus(times(h, base), uint64(b)+1)
		power = times(power, base)
	}
	return h, power
}

// follow returns the hash of a text after a piece, and that of its last word. begun says
// that the text before ends in a letter.
func (s *surface) follow(text, word uint64, begun bool) (uint64, uint64) {
	if s.starts {
		word, begun = 0, false
	}
	if len(s.text) == 0 {
		return text, word
	}
	if !begun && text != 0 {
		text = plus(times(text, base), ' '+1)
	}
	return plus(times(text, s.power), s.hash), plus(times(word, s.power), s.hash)
}

func times(a, b uint64) uint64 {
	hi, lo := bits.Mul64(a, b)
	return plus(lo&prime, hi<<3|lo>>61)
}

func plus(a, b uint64) uint64 {
	if a += b; a >= prime {
		a -= prime
	}
	return a
}
