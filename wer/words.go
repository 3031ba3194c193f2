package wer

import (
	"iter"
	"unicode"
	"unicode/utf8"
)

// Normalize returns the words of a text in lower case and without punctuation. An
// apostrophe inside a word stays, and a hyphen parts words.
func Normalize(text string) []string {
	var out []string
	for word := range words(text) {
		out = append(out, string(word))
	}
	return out
}

// words returns the words that Normalize does, one after the other. A word is valid until the
// next one.
func words(text string) iter.Seq[[]byte] {
	return func(yield func([]byte) bool) {
		var word []byte
		letter := false // the rune before is one
		for i, r := range text {
			before := letter
			letter = unicode.IsLetter(r)
			switch {
			case letter, unicode.IsMark(r), unicode.IsNumber(r):
				word = utf8.AppendRune(word, unicode.ToLower(r))
				continue
			case (r == '\'' || r == '’') && before:
				if next, _ := utf8.DecodeRuneInString(text[i+utf8.RuneLen(r):]); unicode.IsLetter(next) {
					word = append(word, '\'')
				}
				continue // the dogs'
			}
			if len(word) > 0 && !yield(word) {
				return
			}
			word = word[:0]
		}
		if len(word) > 0 {
			yield(word)
		}
	}
}

// vocabulary numbers words, so that they are compared fast and kept in four bytes each.
type vocabulary map[string]int32

// read returns the numbers of a text's words; ok is false if there are more than most.
func (v vocabulary) read(text string, most int) (numbers []int32, ok bool) {
	for word := range words(text) {
		if len(numbers) == most {
			return nil, false
		}
		numbers = append(numbers, v.number(word))
	}
	return numbers, true
}

// numbers returns the numbers of words.
func (v vocabulary) numbers(words []string) []int32 {
	out := make([]int32, len(words))
	for i, word := range words {
		out[i] = v.number([]byte(word))
	}
	return out
}

// number returns the number of a word, the next one for a new word.
func (v vocabulary) number(word []byte) int32 {
	n, known := v[string(word)]
	if !known {
		n = int32(len(v))
		v[string(word)] = n
	}
	return n
}
