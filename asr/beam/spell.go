package beam

import (
	"slices"
	"unicode/utf8"

	"github.com/asr-backend/asr-backend/asr/ctc"
)

// letterSet is what pieces can write.
type letterSet struct {
	runes map[rune]bool
	bytes [256]bool // of pieces such as <0xE2>, and of letters of one byte
}

func lettersOf(all []surface) letterSet {
	set := letterSet{runes: map[rune]bool{' ': true}}
	for i := range all {
		text := all[i].text
		if len(text) == 1 {
			set.bytes[text[0]] = true
			continue
		}
		for _, r := range string(text) {
			set.runes[r] = true
		}
	}
	return set
}

// spell reports whether there are pieces for all letters of a text.
func (s *letterSet) spell(text string) bool {
	for _, r := range text {
		if s.runes[r] {
			continue
		}
		for _, b := range utf8.AppendRune(nil, r) {
			if !s.bytes[b] {
				return false
			}
		}
	}
	return true
}

// Unspellable returns the phrases of a list that have a letter, a digit or a sign inside a word
// that no piece has, in whatever case. Such a phrase is never found.
func Unspellable(v *ctc.Vocabulary, list []Phrase) []Phrase {
	if len(list) == 0 {
		return nil
	}
	set := lettersOf(surfaces(v))
	return slices.DeleteFunc(slices.Clone(list), func(p Phrase) bool { return set.spell(foldPhrase(p.Text)) })
}
