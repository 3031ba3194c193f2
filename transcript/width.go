package transcript

import (
	"strings"
	"unicode"
	"unicode/utf8"

	"golang.org/x/text/width"
)

// textWidth returns how many columns s takes: two for an East Asian wide character or an
// emoji, none for a mark that combines with the character before it.
func textWidth(s string) int {
	n := 0
	for _, r := range s {
		switch {
		case r < 0x300:
			n++
		case unicode.In(r, unicode.Mn, unicode.Me, unicode.Cf):
		case wide(r):
			n += 2
		default:
			n++
		}
	}
	return n
}

func wide(r rune) bool {
	k := width.LookupRune(r).Kind()
	return k == width.EastAsianWide || k == width.EastAsianFullwidth
}

// spaceless reports whether r belongs to a script that is written without spaces and may
// be broken between any two characters: Chinese and Japanese, with their punctuation,
// but not Korean. (Thai, Lao and Khmer have no spaces either, but need a dictionary.)
func spaceless(r rune) bool {
	return r >= 0x2E80 && wide(r) && !unicode.Is(unicode.Hangul, r) &&
		(unicode.IsLetter(r) || unicode.IsPunct(r) || unicode.IsDigit(r))
}

// breaksBetween reports whether a line may end after a and go on with b with no space in
// between. Closing marks, small kana and repetition marks do not begin a line, opening
// marks do not end one (the kinsoku rules in short).
func breaksBetween(a, b rune) bool {
	return spaceless(a) && spaceless(b) &&
		!unicode.In(a, unicode.Ps, unicode.Pi) &&
		!unicode.In(b, unicode.Pe, unicode.Pf, unicode.Po, unicode.Lm) &&
		!strings.ContainsRune("ぁぃぅぇぉっゃゅょゎァィゥェォッャュョヮ〜", b)
}

// A lineJoiner joins the lines of a cue or a paragraph to one: with a space, and with
// none where a script without spaces was broken.
type lineJoiner struct {
	strings.Builder
	last rune
}

func (j *lineJoiner) add(line string) {
	if line = strings.TrimSpace(line); line == "" {
		return
	}
	first, _ := utf8.DecodeRuneInString(line)
	if j.Len() > 0 && !breaksBetween(j.last, first) {
		j.WriteByte(' ')
	}
	j.WriteString(line)
	j.last, _ = utf8.DecodeLastRuneInString(line)
}
