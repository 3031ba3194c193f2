package transcript

import (
	"bufio"
	"strconv"
	"unicode/utf8"
)

// The JSON formats are put together by hand, in pieces no larger than a text, because a
// recording of ten hours has some hundred thousand words and need not be held as JSON.

// putString writes s as a JSON string.
func putString(w *bufio.Writer, s string) {
	w.WriteByte('"')
	putChars(w, s)
	w.WriteByte('"')
}

// putChars writes what stands between the quotes of a JSON string. Bytes that are not
// UTF-8 become U+FFFD. U+2028 and U+2029 are escaped, as line readers take them for the
// end of a line.
func putChars(w *bufio.Writer, s string) {
	const hex = "0123456789abcdef"
	done := 0
	for i := 0; i < len(s); {
		r, n := rune(s[i]), 1
		if r >= utf8.RuneSelf {
			r, n = utf8.DecodeRuneInString(s[i:])
		}
		var esc string
		switch {
		case r == '"':
			esc = `\"`
		case r == '\\':
			esc = `\\`
		case r == '\n':
			esc = `\n`
		case r == '\t':
			esc = `\t`
		case r < ' ' || r == 0x7f:
			esc = `\u00` + hex[r>>4:r>>4+1] + hex[r&15:r&15+1]
		case r == 0x2028:
			esc = `\u2028`
		case r == 0x2029:
			esc = `\u2029`
		case r == utf8.RuneError && n == 1:
			esc = "\uFFFD"
		}
		if esc != "" {
			w.WriteString(s[done:i])
			w.WriteString(esc)
			done = i + n
		}
		i += n
	}
	w.WriteString(s[done:])
}

// putScore writes a confidence with four decimals, as in 0.9312.
func putScore(w *bufio.Writer, c float64) {
	w.Write(strconv.AppendFloat(w.AvailableBuffer(), c, 'f', 4, 64))
}

func putInt(w *bufio.Writer, n int64) {
	w.Write(strconv.AppendInt(w.AvailableBuffer(), n, 10))
}
