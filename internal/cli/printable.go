package cli

import (
	"fmt"
	"strings"
	"unicode"
	"unicode/utf8"
)

// Printable returns text that cannot do anything to a terminal: control characters,
// invisible ones and bytes that are not UTF-8 are written as escapes. Names of files and
// texts from elsewhere hold such things. Line ends and tabs stay.
func Printable(s string) string {
	if !strings.ContainsFunc(s, unprintable) {
		return s
	}
	var b strings.Builder
	for i := 0; i < len(s); {
		r, n := utf8.DecodeRuneInString(s[i:])
		switch {
		case r == utf8.RuneError && n == 1:
			fmt.Fprintf(&b, `\x%02x`, s[i])
		case !unprintable(r):
			b.WriteString(s[i : i+n])
		case r < 0x80:
			fmt.Fprintf(&b, `\x%02x`, r)
		default:
			fmt.Fprintf(&b, `\u%04x`, r)
		}
		i += n
	}
	return b.String()
}

// oneLine returns text as a line of its own.
func oneLine(s string) string { return Printable(strings.ReplaceAll(s, "\n", "; ")) }

// unprintable holds for U+FFFD too, which stands for a byte that is not UTF-8.
func unprintable(r rune) bool {
	const joiners = "\u200c\u200d" // written words of some languages need them
	return r == utf8.RuneError || r != '\n' && r != '\t' && !unicode.IsPrint(r) && !unicode.IsSpace(r) && !strings.ContainsRune(joiners, r) ||
		r == '\r' || r == '\v' || r == '\f' || r == '\u0085' || r == '\u2028' || r == '\u2029'
}
