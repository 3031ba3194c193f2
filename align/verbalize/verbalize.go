// Package spoken turns written text into what a model would write down if it heard the
// text read: the words of a [align.Reference], each with the ways in which it may be said.
// What is written stays as the word's Text, so that a result is spelt as its source.
//
// # Rules
//
// Text is cut at white space and compatibility forms are taken apart (NFKC). Then
//
//   - letters become small if the vocabulary has no capitals, and typographic quotation
//     marks and apostrophes plain;
//   - marks that the vocabulary does not have are left out; hyphens, slashes and the like
//     part words, as do changes between letters and digits ("MP3" is "mp" and a three);
//   - letters that it does not have lose their accents or are written with two (ß as ss);
//   - if it has no digits, numbers and the signs & % $ £ € are written out in English, each
//     in the ways that are common: 1984 is a year or a number. In other languages they
//     are a sound that is not known;
//   - whatever is left is a sound that is not known: a wildcard, which fits all. A word of
//     nothing else cannot be found: see [align.Unspellable].
//
// Words in capitals among others that are not may be spelt out (BBC), and a few
// abbreviations may be read in full (Mr, Dr). What is not said at all, a lone dash or
// notes [in square brackets], goes with the word before it, or else with the one after.
package verbalize

import (
	"slices"
	"strings"
	"unicode"

	"asr-backend/align"
	"asr-backend/asr/ctc"
	"asr-backend/asr/sentencepiece"
)

// Verbalizer writes text in the pieces of one model. It may be used by many goroutines.
type Verbalizer struct {
	tokenizer  *sentencepiece.Model
	vocabulary *ctc.Vocabulary
	wildcard   ctc.Piece
	english    bool
	cased      bool
	letters    map[rune]bool // those that a piece has, and marks
}

// New returns a Verbalizer. Language is a BCP 47 tag, or empty if it is not known.
func New(tokenizer *sentencepiece.Model, v *ctc.Vocabulary, language string) *Verbalizer {
	s := &Verbalizer{tokenizer: tokenizer, vocabulary: v, wildcard: align.Wildcard(v), cased: v.Cased(), letters: map[rune]bool{}}
	tag, _, _ := strings.Cut(strings.ToLower(language), "-")
	s.english = tag == "en"
	for _, p := range v.Pieces() {
		if strings.HasPrefix(p, "<") && strings.HasSuffix(p, ">") {
			continue // <unk>, <0x41>
		}
		for _, r := range strings.TrimPrefix(p, ctc.Space) {
			s.letters[r] = true
		}
	}
	return s
}

// Reference returns the words of a text. A text in which nothing is said has none.
func (v *Verbalizer) Reference(text string) align.Reference {
	var out align.Reference
	before := "" // what is written before the first word that is said
	allCaps := !strings.ContainsFunc(text, unicode.IsLower)
	notes := 0 // open square brackets
	for _, word := range strings.Fields(text) {
		note := notes > 0 || strings.HasPrefix(word, "[")
		notes = max(notes+strings.Count(word, "[")-strings.Count(word, "]"), 0)
		var variants []align.Variant
		if !note {
			variants = v.variants(word, allCaps)
		}
		switch n := len(out); {
		case len(variants) > 0:
			out = append(out, align.RefWord{Text: before + word, Variants: variants})
			before = ""
		case n > 0:
			out[n-1].Text += " " + word
		default:
			before += word + " "
		}
	}
	return out
}

// variants returns the ways to say a word, none if it is not said.
func (v *Verbalizer) variants(word string, allCaps bool) []align.Variant {
	var out []align.Variant
	for _, text := range v.spoken(word, allCaps) {
		r := v.pieces(text)
		same := func(o align.Variant) bool { return slices.Equal(o, r) }
		if len(r) > 0 && !slices.ContainsFunc(out, same) {
			out = append(out, r)
		}
	}
	// A variant that the model cannot write fits anything, and so would always win.
	if spelled := func(r align.Variant) bool { return r.Spells(v.vocabulary) }; slices.ContainsFunc(out, spelled) {
		out = slices.DeleteFunc(out, func(r align.Variant) bool { return !spelled(r) })
	}
	return out
}

// pieces cuts a text, with a wildcard for each run of what is not known.
func (v *Verbalizer) pieces(text string) align.Variant {
	var out align.Variant
	for _, p := range v.tokenizer.Encode(text) {
		if p != v.tokenizer.Unknown() {
			out = append(out, p)
			continue
		}
		// A boundary before an unknown sound is no sound of its own.
		if n := len(out); n > 0 && v.tokenizer.Piece(out[n-1]) == ctc.Space {
			out = out[:n-1]
		}
		if n := len(out); n == 0 || out[n-1] != v.wildcard {
			out = append(out, v.wildcard)
		}
	}
	return out
}
