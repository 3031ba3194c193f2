// Package verbalize turns written text into its spoken form, as a model would transcribe it:
// the words of an [align.Reference], each with the variants in which it may be pronounced.
// This is text normalization as for speech synthesis, except that all variants are kept. The
// written form stays as the word's Text, so that a result is spelled as its source.
//
// # Rules
//
// Text is split at white space and compatibility forms are decomposed (NFKC). Then
//
//   - letters become lower case if the vocabulary has no capitals, and typographic quotation
//     marks and apostrophes plain;
//   - marks that the vocabulary lacks are left out; hyphens, slashes and the like split
//     words, as do changes between letters and digits ("MP3" is "mp" and a three);
//   - letters that it lacks lose their accents or are written with two (ß as ss);
//   - if it has no digits, numbers and the signs & % $ £ € are written out in English, each
//     in its common forms: 1984 is a year or a number. In other languages they are an
//     unknown sound;
//   - whatever is left is an unknown sound: a wildcard, which matches everything. A word of
//     nothing else cannot be found: see [align.Unspellable].
//
// Words in capitals among others that are not may be spelled out (BBC), and a few
// abbreviations may be read in full (Mr, Dr). What is not spoken at all, a lone dash or
// notes [in square brackets], joins the word before it, or else the one after.
package verbalize

import (
	"slices"
	"strings"
	"unicode"

	"github.com/asr-backend/asr-backend/align"
	"github.com/asr-backend/asr-backend/asr/ctc"
	"github.com/asr-backend/asr-backend/asr/sentencepiece"
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
	out := &Verbalizer{tokenizer: tokenizer, vocabulary: v, wildcard: align.Wildcard(v), cased: v.Cased(), letters: map[rune]bool{}}
	tag, _, _ := strings.Cut(strings.ToLower(language), "-")
	out.english = tag == "en"
	for _, p := range v.Pieces() {
		if strings.HasPrefix(p, "<") && strings.HasSuffix(p, ">") {
			continue // <unk>, <0x41>
		}
		for _, r := range strings.TrimPrefix(p, ctc.Space) {
			out.letters[r] = true
		}
	}
	return out
}

// Reference returns the words of a text. A text in which nothing is spoken has none.
func (v *Verbalizer) Reference(text string) align.Reference {
	var out align.Reference
	before := "" // what is written before the first spoken word
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

// variants returns the pronunciations of a word, none if it is not spoken.
func (v *Verbalizer) variants(word string, allCaps bool) []align.Variant {
	var out []align.Variant
	for _, text := range v.spoken(word, allCaps) {
		r := v.pieces(text)
		same := func(o align.Variant) bool { return slices.Equal(o, r) }
		if len(r) > 0 && !slices.ContainsFunc(out, same) {
			out = append(out, r)
		}
	}
	// A variant that the model cannot write matches anything, and so would always win.
	if spelled := func(r align.Variant) bool { return r.Spells(v.vocabulary) }; slices.ContainsFunc(out, spelled) {
		out = slices.DeleteFunc(out, func(r align.Variant) bool { return !spelled(r) })
	}
	return out
}

// pieces splits a text into pieces, with a wildcard for each run of unknown ones.
func (v *Verbalizer) pieces(text string) align.Variant {
	var out align.Variant
	for _, p := range v.tokenizer.Encode(text) {
		if p != v.tokenizer.Unknown() {
			out = append(out, p)
			continue
		}
		// A boundary before a wildcard is no sound of its own.
		if n := len(out); n > 0 && v.tokenizer.Piece(out[n-1]) == ctc.Space {
			out = out[:n-1]
		}
		if n := len(out); n == 0 || out[n-1] != v.wildcard {
			out = append(out, v.wildcard)
		}
	}
	return out
}
