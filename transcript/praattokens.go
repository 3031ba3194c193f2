package transcript

import (
	"bufio"
	"errors"
	"fmt"
	"io"
	"strconv"
	"strings"
	"time"
	"unicode"
)

// A praatReader reads the tokens of a Praat text file: quoted strings, numbers and flags
// in angle brackets. Other words, such as "xmin" and "=", and comments from ! to the end
// of the line are passed over, as Praat does.
type praatReader struct {
	r      *bufio.Reader
	line   int
	faults faults
	used   int // intervals
	budget budget
}

// kind is the kind of a token.
type kind string

const (
	aText   kind = "text"
	aNumber kind = "number"
	aFlag   kind = "flag"
	nothing kind = ""
)

func (p *praatReader) str() (string, error)  { return p.want(aText) }
func (p *praatReader) flag() (string, error) { return p.want(aFlag) }

func (p *praatReader) time() (time.Duration, error) {
	s, err := p.want(aNumber)
	if err != nil {
		return 0, err
	}
	return parseSeconds(s)
}

func (p *praatReader) count() (int, error) {
	s, err := p.want(aNumber)
	if err != nil {
		return 0, err
	}
	n, err := strconv.ParseUint(s, 10, 31)
	if err != nil {
		return 0, fmt.Errorf("%s is not a count", quote(s))
	}
	return int(n), nil
}

// want returns the next token, which must be of that kind.
func (p *praatReader) want(k kind) (string, error) {
	for {
		text, got, err := p.token()
		switch {
		case err != nil:
			return "", err
		case got == k:
			return text, nil
		case got != nothing:
			return "", fmt.Errorf("%s where a %s should stand", quote(text), k)
		}
	}
}

// token returns the next token, or a piece of what lies between tokens.
func (p *praatReader) token() (string, kind, error) {
	r, err := p.rune()
	switch {
	case err != nil || unicode.IsSpace(r):
		return "", nothing, err
	case r == '"':
		s, err := p.quoted()
		return s, aText, err
	case r == '!':
		for err == nil && r != '\n' {
			r, err = p.rune()
		}
		return "", nothing, err
	}
	s, err := p.bare(r)
	switch {
	case r == '<' && strings.HasSuffix(s, ">"):
		return s[1 : len(s)-1], aFlag, err
	case r >= '0' && r <= '9' || r == '-' || r == '+':
		return s, aNumber, err
	}
	return "", nothing, err
}

func (p *praatReader) rune() (rune, error) {
	r, _, err := p.r.ReadRune()
	if r == '\n' {
		p.line++
	}
	return r, err
}

// quoted reads a string after its first quote.
func (p *praatReader) quoted() (string, error) {
	var b strings.Builder
	for b.Len() <= maxLine {
		r, err := p.rune()
		if err != nil {
			return "", err
		}
		if r == '"' {
			// A second quote stands for one in the text; anything else is left alone.
			next, err := p.r.Peek(1)
			if err != nil && !errors.Is(err, io.EOF) {
				return "", err
			}
			if len(next) == 0 || next[0] != '"' {
				return b.String(), nil
			}
			p.r.Discard(1)
		}
		b.WriteRune(r)
	}
	return "", bufio.ErrTooLong
}

// bare reads a token without quotes up to the next white space.
func (p *praatReader) bare(first rune) (string, error) {
	var b strings.Builder
	for r := first; b.Len() <= maxLine; {
		b.WriteRune(r)
		var err error
		r, err = p.rune()
		switch {
		case errors.Is(err, io.EOF) || err == nil && unicode.IsSpace(r):
			return b.String(), nil
		case err != nil:
			return "", err
		}
	}
	return "", bufio.ErrTooLong
}
