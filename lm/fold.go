package lm

import (
	"strings"
	"unicode"

	"golang.org/x/text/unicode/norm"
)

// Folding is a way to normalise text, so that the words of a model and those of a recognizer
// with capitals and punctuation are the same. A model's file records the one that was used.
type Folding string

const (
	// FoldNone changes nothing: words are what blanks separate. It is for pieces, and for
	// text that is normalised already.
	FoldNone Folding = "none"
	// FoldWords writes any language in lower case without punctuation. Typographic
	// apostrophes become ', which stays inside and at the end of words; hyphens and other
	// marks separate words; digits stay.
	FoldWords Folding = "words"
	// FoldEnglish writes English as the embedded model does: a to z and apostrophes, numbers
	// below a million as words, accents dropped, Mr. and the like in full.
	FoldEnglish Folding = "english"
)

// Valid reports whether the folding is known.
func (f Folding) Valid() bool {
	return f == FoldNone || f == FoldWords || f == FoldEnglish
}

// Fold normalises a word, or a longer text, as the text that the model was made of was. The
// result may be empty, or several words with single spaces: "twenty-one" becomes two.
func (m *Model) Fold(text string) string {
	s, _ := m.header.Facts.Folding.Text(text)
	return s
}

// Text normalises a sentence; words are separated by single spaces. It returns false where
// FoldEnglish finds something that cannot be read off the letters, such as a price: such a
// sentence is not used to make models.
func (f Folding) Text(text string) (string, bool) {
	switch f {
	case FoldEnglish:
		return foldEnglish(text)
	case FoldWords:
		return foldWords(text), true
	}
	return strings.Join(strings.Fields(text), " "), true
}

func foldWords(text string) string {
	var b strings.Builder
	letter := false // the last rune written is part of a word
	space := false  // a word has ended
	for _, r := range norm.NFC.String(text) {
		switch {
		case unicode.IsLetter(r) || unicode.IsDigit(r) || unicode.IsMark(r) && letter:
			if space && b.Len() > 0 {
				b.WriteByte(' ')
			}
			b.WriteRune(unicode.ToLower(r))
			letter, space = true, false
		case (r == '\'' || r == '\u2019' || r == '\u02bc') && letter:
			b.WriteByte('\'')
			letter = false
		case r == '\u00ad' || r == '\u200b': // a hyphen or gap that only a line break shows
		default:
			letter, space = false, true
		}
	}
	return b.String()
}
