package transcript

import (
	"strings"
	"unicode"
	"unicode/utf8"
)

// oneLine returns text as the line based formats can hold it: each run of white space
// one space, none at the ends, no control characters (a NUL ends a text for programs in
// C, an escape steers a terminal), no byte order mark, and U+FFFD for what is not UTF-8.
// Spaces that must not break, as French sets them before a question mark, stay.
func oneLine(text string) string {
	if isOneLine(text) {
		return text
	}
	b := make([]byte, 0, len(text))
	space := false
	for _, r := range text {
		switch {
		case breakingSpace(r):
			space = len(b) > 0
			continue
		case unicode.IsControl(r) || r == '\uFEFF':
			continue
		case space:
			b = append(b, ' ')
			space = false
		}
		b = utf8.AppendRune(b, r)
	}
	return string(b)
}

// isOneLine reports whether oneLine has nothing to do, which is the usual case.
func isOneLine(text string) bool {
	before := ' '
	for i, r := range text {
		switch {
		case r == ' ' && before == ' ', r != ' ' && breakingSpace(r), unicode.IsControl(r), r == '\uFEFF':
			return false
		case r == utf8.RuneError && !strings.HasPrefix(text[i:], "\uFFFD"):
			return false
		}
		before = r
	}
	return text == "" || before != ' '
}

func breakingSpace(r rune) bool {
	return unicode.IsSpace(r) && r != '\u00A0' && r != '\u2007' && r != '\u202F'
}

// text returns the segment's text on one line, from its words if it has no other.
func (s *Segment) text() string {
	if text := oneLine(s.Text); text != "" || len(s.Words) == 0 {
		return text
	}
	return oneLine(JoinWords(s.Words))
}
