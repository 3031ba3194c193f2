package transcript

import (
	"strings"
	"time"
	"unicode"
	"unicode/utf8"
)

// An atom is a stretch of text that neither a line nor a cue may break: a word, or one
// character of a script without spaces.
type atom struct {
	text       string
	width      int
	start, end time.Duration
	space      bool // a space stands before it
	glued      bool // a line may not begin with it
	cut        bool // a cue may begin with it
	word       bool // a recognized word begins here, so that start is a known time
}

// A span is a part of a text with the times of the word in it. The space between two
// spans stands in front of the second.
type span struct {
	text       string
	start, end time.Duration
}

// appendAtoms appends the atoms of a segment's text. Each has the times of its word; if
// the words are not those of the text, because a person corrected it or because there
// are none, the segment's time is shared out by width.
func appendAtoms(atoms []atom, s *Segment, o *WriteOptions) []atom {
	text := s.text()
	spans := locate(text, s.Words)
	known := spans != nil
	if !known {
		spans = []span{{text, s.Start, s.End}}
	}
	for _, p := range spans {
		first := len(atoms)
		atoms = appendSpan(atoms, p)
		for i := first; i < len(atoms); i++ {
			// A cue does not begin inside a word, unless what we were given as a word
			// is as long as a line.
			atoms[i].cut = i == first || !known || textWidth(p.text) > o.LineWidth
			atoms[i].word = i == first && known
		}
	}
	return atoms
}

// locate cuts text before each word that it finds there, in order, and returns the parts
// with the times of their words. It returns nil if letters or digits are left over: the
// text is then not that of the words.
func locate(text string, words []Word) []span {
	var spans []span
	from, pos := 0, 0 // where the current part begins, and where the last word ended
	for i := range words {
		w := &words[i]
		word := oneLine(w.Text)
		if word == "" {
			continue
		}
		at := strings.Index(text[pos:], word)
		if at < 0 || hasLetters(text[pos:pos+at]) {
			return nil
		}
		if len(spans) > 0 {
			// Marks between two words belong to the one they touch.
			cut := pos + at
			if space := strings.LastIndexByte(text[pos:cut], ' '); space >= 0 {
				cut = pos + space
			}
			spans[len(spans)-1].text = text[from:cut]
			from = cut
		}
		spans = append(spans, span{start: w.Start, end: w.End})
		pos += at + len(word)
	}
	if len(spans) == 0 || hasLetters(text[pos:]) {
		return nil
	}
	spans[len(spans)-1].text = text[from:]
	return spans
}

func hasLetters(s string) bool {
	return strings.ContainsFunc(s, func(r rune) bool { return unicode.In(r, unicode.L, unicode.N) })
}

// appendSpan appends the atoms of one span and shares its time out among them.
func appendSpan(atoms []atom, p span) []atom {
	first := len(atoms)
	total := 0
	space := strings.HasPrefix(p.text, " ")
	for field := range strings.FieldsFuncSeq(p.text, func(r rune) bool { return r == ' ' }) {
		for len(field) > 0 {
			n := atomLength(field)
			a := atom{text: field[:n], width: textWidth(field[:n]), space: space}
			if i := len(atoms); i > 0 && !space {
				before, _ := utf8.DecodeLastRuneInString(atoms[i-1].text)
				after, _ := utf8.DecodeRuneInString(a.text)
				a.glued = !breaksBetween(before, after)
			}
			total += a.width
			atoms = append(atoms, a)
			field, space = field[n:], false
		}
		space = true
	}
	done := 0
	for i := first; i < len(atoms); i++ {
		a := &atoms[i]
		a.start = p.start + share(p.end-p.start, done, total)
		done += a.width
		a.end = p.start + share(p.end-p.start, done, total)
	}
	return atoms
}

// atomLength returns how many bytes of s, which is not empty, the first atom takes.
func atomLength(s string) int {
	before, n := utf8.DecodeRuneInString(s)
	for n < len(s) {
		r, size := utf8.DecodeRuneInString(s[n:])
		if breaksBetween(before, r) {
			break
		}
		before = r
		n += size
	}
	return n
}

// share returns part/total of d.
func share(d time.Duration, part, total int) time.Duration {
	if total == 0 {
		return 0
	}
	return time.Duration(float64(d) * (float64(part) / float64(total)))
}
