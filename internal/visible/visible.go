// Package visible writes text from outside (names of files, addresses, answers of servers)
// so that it can stand in a message: a terminal acts on none of it, and a line stays a line.
package visible

import (
	"strconv"
	"strings"
	"unicode/utf8"
)

// Text returns s with everything that does not print written as Go escapes: control
// characters, marks that turn the direction of text around, and bytes that are no UTF-8.
// Other text stays as it is, quotes and backslashes included.
func Text(s string) string {
	if clean(s) {
		return s
	}
	var b strings.Builder
	for i := 0; i < len(s); {
		r, size := utf8.DecodeRuneInString(s[i:])
		switch {
		case r == utf8.RuneError && size == 1:
			b.WriteString(`\x` + hex(s[i]))
		case prints(r):
			b.WriteRune(r)
		default:
			quoted := strconv.QuoteRune(r)
			b.WriteString(quoted[1 : len(quoted)-1])
		}
		i += size
	}
	return b.String()
}

func clean(s string) bool {
	if !utf8.ValidString(s) {
		return false
	}
	return strings.IndexFunc(s, func(r rune) bool { return !prints(r) }) < 0
}

// prints holds for the joiners too, without which some languages cannot be written.
func prints(r rune) bool { return strconv.IsPrint(r) || r == '\u200c' || r == '\u200d' }

func hex(b byte) string {
	const digits = "0123456789abcdef"
	return string([]byte{digits[b>>4], digits[b&15]})
}

// Error returns err with its text written as by Text. It unwraps to err.
func Error(err error) error {
	if err == nil || clean(err.Error()) {
		return err
	}
	return &shown{err}
}

type shown struct{ err error }

func (e *shown) Error() string { return Text(e.err.Error()) }
func (e *shown) Unwrap() error { return e.err }
