package spoken

import (
	"strings"
	"unicode"
	"unicode/utf8"

	"golang.org/x/text/unicode/norm"
)

// mostWays bounds the ways to say one word.
const mostWays = 6

var (
	plainMarks = strings.NewReplacer("‘", "'", "’", "'", "‛", "'", "ʼ", "'", "“", `"`, "”", `"`, "„", `"`, "«", `"`, "»", `"`)
	twoLetters = map[rune]string{'ß': "ss", 'æ': "ae", 'Æ': "AE", 'œ': "oe", 'Œ': "OE", 'ø': "o", 'Ø': "O", 'đ': "d", 'Đ': "D", 'ł': "l", 'Ł': "L", 'þ': "th", 'Þ': "Th", 'ð': "d"}
)

// spoken returns the ways to write a word as it is said, none if it is not said.
func (s *Speller) spoken(word string, shouted bool) []string {
	word = s.seen(plainMarks.Replace(norm.NFKC.String(word)))
	core := strings.TrimFunc(word, func(r rune) bool { return !speaks(r) })
	if core == "" {
		return nil
	}
	tail := strings.Map(func(r rune) rune {
		if s.letters[r] {
			return r
		}
		return -1
	}, word[strings.LastIndex(word, core)+len(core):])
	ways := s.ways(core, shouted)
	for i := range ways {
		ways[i] += tail
		if !s.cased {
			ways[i] = strings.ToLower(ways[i])
		}
	}
	return ways
}

// seen returns a word without signs that are not seen, such as soft hyphens and marks of
// writing direction, unless the vocabulary has them: they part no words.
func (s *Speller) seen(word string) string {
	return strings.Map(func(r rune) rune {
		if unicode.Is(unicode.Cf, r) && !s.letters[r] {
			return -1
		}
		return r
	}, word)
}

// speaks reports whether a character is said: a letter, a digit, or a sign with a name.
func speaks(r rune) bool {
	return unicode.IsLetter(r) || unicode.IsMark(r) || unicode.IsNumber(r) || strings.ContainsRune(signs, r)
}

// signs are said although they are neither letters nor digits.
const signs = "&%$£€@+=°"

// ways returns the ways to say what stands between the outer marks of a word.
func (s *Speller) ways(core string, shouted bool) []string {
	digits := strings.ContainsFunc(core, unicode.IsNumber)
	switch {
	case digits && s.letters['0'] && s.letters['9']: // the model writes digits itself
	case digits && s.english:
		if ways := number(core); len(ways) > 0 {
			return ways
		}
	case s.english && !digits:
		if ways := s.abbreviation(core, shouted); len(ways) > 0 {
			return ways
		}
	}
	ways := []string{""}
	for _, run := range s.runs(core) {
		ways = join(ways, s.run(run))
	}
	return ways
}

// join returns each way followed by each of the next, as many as are allowed: the first
// of next for every way, then the others.
func join(ways, next []string) []string {
	var out []string
	for _, n := range next {
		for _, w := range ways {
			if len(out) < mostWays {
				out = append(out, strings.TrimSpace(w+" "+n))
			}
		}
	}
	return out
}

// runs parts a word into words, numbers and signs.
func (s *Speller) runs(core string) []string {
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
		case strings.ContainsRune(signs, r) && !s.letters[r]:
			end()
			run.WriteRune(r)
			end()
		case unicode.IsNumber(r), isPoint(runes, i) && !s.letters[r]:
			if !unicode.IsNumber(last) && !s.letters[r] {
				end()
			}
			run.WriteRune(r)
			r = '0'
		case unicode.IsLetter(r), unicode.IsMark(r), s.letters[r]:
			if unicode.IsNumber(last) && !s.letters['0'] {
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

// run returns the ways to say a run.
func (s *Speller) run(run string) []string {
	first, _ := utf8.DecodeRuneInString(run)
	if s.english {
		if name := signNames[first]; name != "" && !s.letters[first] {
			return []string{name}
		}
		if unicode.IsNumber(first) && !s.letters['0'] {
			if ways := number(run); len(ways) > 0 {
				return ways
			}
		}
	}
	return []string{s.fold(run)}
}

// fold writes letters with those that the vocabulary has, if it can.
func (s *Speller) fold(run string) string {
	var b strings.Builder
	for _, r := range run {
		if !s.cased {
			r = unicode.ToLower(r)
		}
		plain, _ := utf8.DecodeRuneInString(norm.NFD.String(string(r)))
		switch {
		case s.letters[r]:
			b.WriteRune(r)
		case twoLetters[r] != "":
			b.WriteString(twoLetters[r])
		case plain != r && s.letters[plain]:
			b.WriteRune(plain)
		case unicode.IsMark(r): // an accent by itself
		default:
			b.WriteRune(r)
		}
	}
	return b.String()
}
