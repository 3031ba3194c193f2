package lm

import (
	"strconv"
	"strings"
	"unicode/utf8"

	"golang.org/x/text/unicode/norm"
)

// foldEnglish does what normalise in models/train/text.py does; the two are compared by a
// test.
func foldEnglish(text string) (string, bool) {
	s := strings.ToLower(quoted(strings.NewReplacer("\u2019", "'", "\u2018", "'").Replace(text)))
	if !ascii(s) {
		s = strings.Map(func(r rune) rune {
			if r < utf8.RuneSelf {
				return r
			}
			return -1
		}, norm.NFKD.String(s))
	}
	words := strings.FieldsFunc(s, func(r rune) bool { return r == ' ' || r >= 9 && r <= 13 || r >= 28 && r <= 31 })
	for i, w := range words {
		words[i] = full(w)
	}
	s = spellNumbers(strings.Join(words, " "))
	if strings.ContainsAny(s, `0123456789@#$%^*=<>{}[]|\/~`) {
		return "", false
	}
	return apostrophes(s), true
}

// quoted takes off the marks of `quotations' in typewriter style.
func quoted(s string) string {
	if !strings.Contains(s, "`") {
		return s
	}
	var b strings.Builder
	for {
		i := strings.IndexByte(s, '`')
		if i < 0 {
			break
		}
		n := strings.IndexAny(s[i+1:], "`'")
		if n >= 0 && s[i+1+n] == '\'' {
			b.WriteString(s[:i] + s[i+1:i+1+n])
			s = s[i+n+2:]
			continue
		}
		b.WriteString(s[:i+1])
		s = s[i+1:]
	}
	return b.String() + s
}

func ascii(s string) bool {
	for i := range len(s) {
		if s[i] >= utf8.RuneSelf {
			return false
		}
	}
	return true
}

func full(word string) string {
	switch word {
	case "mr.":
		return "mister"
	case "mrs.":
		return "missus"
	case "dr.":
		return "doctor"
	case "st.":
		return "saint"
	case "&":
		return "and"
	}
	return word
}

// spellNumbers takes commas out of long numbers and writes numbers of up to six digits that
// touch no letter as words.
func spellNumbers(s string) string {
	if !strings.ContainsAny(s, "0123456789") {
		return s
	}
	var b []byte
	for i := 0; i < len(s); {
		if !digit(s[i]) {
			b = append(b, s[i])
			i++
			continue
		}
		for i < len(s) && digit(s[i]) {
			b = append(b, s[i])
			i++
		}
		for i+3 < len(s) && s[i] == ',' && digit(s[i+1]) && digit(s[i+2]) && digit(s[i+3]) {
			b = append(b, s[i+1:i+4]...)
			i += 4
		}
	}
	var out strings.Builder
	for i := 0; i < len(b); {
		j := i
		for j < len(b) && wordByte(b[j]) {
			j++
		}
		if run := string(b[i:j]); run != "" && len(run) <= 6 && strings.Trim(run, "0123456789") == "" {
			n, _ := strconv.Atoi(run) // at most six digits
			out.WriteString(spell(n))
		} else {
			out.WriteString(run)
		}
		if i = j; i < len(b) {
			out.WriteByte(b[i])
			i++
		}
	}
	return out.String()
}

func digit(c byte) bool    { return c >= '0' && c <= '9' }
func letter(c byte) bool   { return c >= 'a' && c <= 'z' }
func wordByte(c byte) bool { return letter(c) || digit(c) || c == '_' || c >= 'A' && c <= 'Z' }

// spell writes a number below a million in words.
func spell(n int) string {
	ones := [...]string{"zero", "one", "two", "three", "four", "five", "six", "seven", "eight", "nine", "ten", "eleven", "twelve",
		"thirteen", "fourteen", "fifteen", "sixteen", "seventeen", "eighteen", "nineteen"}
	tens := [...]string{2: "twenty", "thirty", "forty", "fifty", "sixty", "seventy", "eighty", "ninety"}
	unit, name := 10, ""
	switch {
	case n < 20:
		return ones[n]
	case n < 100:
		name = tens[n/10]
	case n < 1000:
		unit, name = 100, spell(n/100)+" hundred"
	default:
		unit, name = 1000, spell(n/1000)+" thousand"
	}
	if n%unit == 0 {
		return name
	}
	return name + " " + spell(n%unit)
}

// apostrophes leaves letters and those apostrophes that follow a letter (don't, boys') or
// begin a short form ('tis).
func apostrophes(s string) string {
	b := make([]byte, 0, len(s))
	for i := range len(s) {
		c := s[i]
		switch {
		case letter(c):
		case c == '\'' && (i > 0 && letter(s[i-1]) || short(s[i+1:])):
			if i > 0 && s[i-1] == '\'' && len(b) > 0 && b[len(b)-1] == '\'' {
				continue
			}
		default:
			c = ' '
		}
		b = append(b, c)
	}
	return strings.Join(strings.Fields(string(b)), " ")
}

// short reports whether s begins with what follows the apostrophe of a short form.
func short(s string) bool {
	for _, form := range [...]string{"tis", "twas", "em", "til"} {
		if rest, found := strings.CutPrefix(s, form); found && (rest == "" || !letter(rest[0])) {
			return true
		}
	}
	return false
}
