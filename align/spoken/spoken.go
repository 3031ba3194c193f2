// Package spoken turns written text into what a model would write down if it heard the
// text read: the words of a [align.Script], each with the ways in which it may be said.
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
package spoken

import (
	"slices"
	"strings"
	"unicode"

	"asr-backend/align"
	"asr-backend/asr/ctc"
	"asr-backend/asr/spm"
)

// Speller writes text in the pieces of one model. It may be used by many goroutines.
type Speller struct {
	tokenizer  *spm.Model
	vocabulary *ctc.Vocabulary
	wildcard   ctc.Piece
	english    bool
	cased      bool
	letters    map[rune]bool // those that a piece has, and marks
}

// New returns a Speller. Language is a BCP 47 tag, or empty if it is not known.
func New(tokenizer *spm.Model, v *ctc.Vocabulary, language string) *Speller {
	s := &Speller{tokenizer: tokenizer, vocabulary: v, wildcard: align.Wildcard(v), cased: v.Cased(), letters: map[rune]bool{}}
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

// Script returns the words of a text. A text in which nothing is said has none.
func (s *Speller) Script(text string) align.Script {
	var out align.Script
	before := "" // what is written before the first word that is said
	shouted := !strings.ContainsFunc(text, unicode.IsLower)
	notes := 0 // open square brackets
	for _, word := range strings.Fields(text) {
		note := notes > 0 || strings.HasPrefix(word, "[")
		notes = max(notes+strings.Count(word, "[")-strings.Count(word, "]"), 0)
		var readings []align.Reading
		if !note {
			readings = s.readings(word, shouted)
		}
		switch n := len(out); {
		case len(readings) > 0:
			out = append(out, align.ScriptWord{Text: before + word, Readings: readings})
			before = ""
		case n > 0:
			out[n-1].Text += " " + word
		default:
			before += word + " "
		}
	}
	return out
}

// readings returns the ways to say a word, none if it is not said.
func (s *Speller) readings(word string, shouted bool) []align.Reading {
	var out []align.Reading
	for _, text := range s.spoken(word, shouted) {
		r := s.pieces(text)
		same := func(o align.Reading) bool { return slices.Equal(o, r) }
		if len(r) > 0 && !slices.ContainsFunc(out, same) {
			out = append(out, r)
		}
	}
	// A reading that the model cannot write fits anything, and so would always win.
	if spelled := func(r align.Reading) bool { return r.Spells(s.vocabulary) }; slices.ContainsFunc(out, spelled) {
		out = slices.DeleteFunc(out, func(r align.Reading) bool { return !spelled(r) })
	}
	return out
}

// pieces cuts a text, with a wildcard for each run of what is not known.
func (s *Speller) pieces(text string) align.Reading {
	var out align.Reading
	for _, p := range s.tokenizer.Encode(text) {
		if p != s.tokenizer.Unknown() {
			out = append(out, p)
			continue
		}
		// A boundary before an unknown sound is no sound of its own.
		if n := len(out); n > 0 && s.tokenizer.Piece(out[n-1]) == ctc.Space {
			out = out[:n-1]
		}
		if n := len(out); n == 0 || out[n-1] != s.wildcard {
			out = append(out, s.wildcard)
		}
	}
	return out
}
