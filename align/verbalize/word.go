package verbalize

import (
	"strings"
	"unicode"
	"unicode/utf8"

	"golang.org/x/text/unicode/norm"
)

// maxForms bounds the spoken forms of one word.
const maxForms = 6

var (
	plainMarks = strings.NewReplacer("‘", "'", "’", "'", "‛", "'", "ʼ", "'", "“", `"`, "”", `"`, "„", `"`, "«", `"`, "»", `"`)
	twoLetters = map[rune]string{'ß': "ss", 'æ': "ae", 'Æ': "AE", 'œ': "oe", 'Œ': "OE", 'ø': "o", 'Ø': "O", 'đ': "d", 'Đ': "D", 'ł': "l", 'Ł': "L", 'þ': "th", 'Þ': "Th", 'ð': "d"}
)

// spoken returns the spoken forms of a word, none if it is not spoken.
func (v *Verbalizer) spoken(word string, allCaps bool) []string {
	word = v.visible(plainMarks.Replace(norm.NFKC.String(word)))
	core := strings.TrimFunc(word, func(r rune) bool { return !isSpoken(r) })
	if core == "" {
		return nil
	}
	tail := strings.Map(func(r rune) rune {
		if v.letters[r] {
			return r
		}
		return -1
	}, word[strings.LastIndex(word, core)+len(core):])
	forms := v.forms(core, allCaps)
	for i := range forms {
		forms[i] += tail
		if !v.cased {
			forms[i] = strings.ToLower(forms[i])
		}
	}
	return forms
}

// visible returns a word without invisible characters, such as soft hyphens and marks of
// writing direction, unless the vocabulary has them: they split no words.
func (v *Verbalizer) visible(word string) string {
	return strings.Map(func(r rune) rune {
		if unicode.Is(unicode.Cf, r) && !v.letters[r] {
			return -1
		}
		return r
	}, word)
}

// isSpoken reports whether a character is spoken: a letter, a digit, or a sign with a name.
func isSpoken(r rune) bool {
	return unicode.IsLetter(r) || unicode.IsMark(r) || unicode.IsNumber(r) || strings.ContainsRune(signs, r)
}

// signs are spoken although they are neither letters nor digits.
const signs = "&%$£€@+=°"

// forms returns the spoken forms of what stands between the outer marks of a word.
func (v *Verbalizer) forms(core string, allCaps bool) []string {
	digits := strings.ContainsFunc(core, unicode.IsNumber)
	switch {
	case digits && v.letters['0'] && v.letters['9']: // the model writes digits itself
	case digits && v.english:
		if forms := number(core); len(forms) > 0 {
			return forms
		}
	case v.english && !digits:
		if forms := v.abbreviation(core, allCaps); len(forms) > 0 {
			return forms
		}
	}
	forms := []string{""}
	for _, run := range v.runs(core) {
		forms = join(forms, v.run(run))
	}
	return forms
}

// join returns each form followed by each of the next, as many as are allowed: the first
// of next for every form, then the others.
func join(forms, next []string) []string {
	var out []string
	for _, n := range next {
		for _, f := range forms {
			if len(out) < maxForms {
				out = append(out, strings.TrimSpace(f+" "+n))
			}
		}
	}
	return out
}

// runs splits a word into words, numbers and signs.
func (v *Verbalizer) runs(core string) []string {
	var out []string
	var run strings.Builder
	end := func() {
		if run.Len() > 0 {
			out = append(out, run.String())
			run.Reset()
		}
	}
	last := rune(0)
	runes := []rune(core)
	for i, r := range runes {
		switch {
		case strings.ContainsRune(signs, r) && !v.letters[r]:
			end()
			run.WriteRune(r)
			end()
		case unicode.IsNumber(r), isPoint(runes, i) && !v.letters[r]:
			if !unicode.IsNumber(last) && !v.letters[r] {
				end()
			}
			run.WriteRune(r)
			r = '0'
		case unicode.IsLetter(r), unicode.IsMark(r), v.letters[r]:
			if unicode.IsNumber(last) && !v.letters['0'] {
				end()
			}
			run.WriteRune(r)
		case strings.ContainsRune(`'"()[]{}*`, r): // "book(s)" is one word
		default:
			end()
		}
		last = r
	}
	end()
	return out
}

// isPoint reports whether a point or a comma stands between digits.
func isPoint(runes []rune, i int) bool {
	return (runes[i] == '.' || runes[i] == ',') && i > 0 && i+1 < len(runes) && unicode.IsDigit(runes[i-1]) && unicode.IsDigit(runes[i+1])
}

// run returns the spoken forms of a run.
func (v *Verbalizer) run(run string) []string {
	first, _ := utf8.DecodeRuneInString(run)
	if v.english {
		if name := signNames[first]; name != "" && !v.letters[first] {
			return []string{name}
		}
		if unicode.IsNumber(first) && !v.letters['0'] {
			if forms := number(run); len(forms) > 0 {
				return forms
			}
		}
	}
	return []string{v.fold(run)}
}

// fold writes letters with those that the vocabulary has, if it can.
func (v *Verbalizer) fold(run string) string {
	var b strings.Builder
	for _, r := range run {
		if !v.cased {
			r = unicode.ToLower(r)
		}
		plain, _ := utf8.DecodeRuneInString(norm.NFD.String(string(r)))
		switch {
		case v.letters[r]:
			b.WriteRune(r)
		case twoLetters[r] != "":
			b.WriteString(twoLetters[r])
		case plain != r && v.letters[plain]:
			b.WriteRune(plain)
		case unicode.IsMark(r): // an accent by itself
		default:
			b.WriteRune(r)
		}
	}
	return b.String()
}
