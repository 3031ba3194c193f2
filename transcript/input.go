package transcript

import (
	"bufio"
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"strings"
	"unicode/utf8"

	"golang.org/x/text/encoding"
	"golang.org/x/text/encoding/unicode"
	"golang.org/x/text/transform"
)

// Limits of what a reader takes. A hundred hours of speech have some 50,000 segments and
// a million words, and are 130 MB of JSON.
const (
	maxInput    = 256 << 20
	maxLine     = 16 << 20
	maxSegments = 1 << 20
	maxWords    = 1 << 22
)

// decode returns the text of r without byte order mark. UTF-16 is known by its mark,
// which Windows and Praat write; anything else is taken for UTF-8. Whoever reads must not
// let bytes pass that are not: to guess a legacy encoding is to spoil names silently.
func decode(r io.Reader) io.Reader {
	b := bufio.NewReader(&limitReader{r: r, left: maxInput})
	mark, _ := b.Peek(3) // an error comes again with the first Read
	switch {
	case bytes.HasPrefix(mark, []byte{0xff, 0xfe}), bytes.HasPrefix(mark, []byte{0xfe, 0xff}):
		return transform.NewReader(b, unicode.UTF16(unicode.BigEndian, unicode.ExpectBOM).NewDecoder())
	case bytes.HasPrefix(mark, []byte{0xef, 0xbb, 0xbf}):
		b.Discard(3)
	}
	return b
}

// decodeValid is decode with encoding.ErrInvalidUTF8 from Read at the first byte that is
// not UTF-8.
func decodeValid(r io.Reader) io.Reader {
	return transform.NewReader(decode(r), encoding.UTF8Validator)
}

// limitReader is an io.LimitedReader that does not take the limit for a good end.
type limitReader struct {
	r    io.Reader
	left int64
}

func (l *limitReader) Read(p []byte) (int, error) {
	if l.left <= 0 {
		return 0, fmt.Errorf("the input is larger than %d MiB", maxInput>>20)
	}
	n, err := l.r.Read(p[:min(int64(len(p)), l.left)])
	l.left -= int64(n)
	return n, err
}

// explain turns an error of reading into one for a person.
func explain(err error) error {
	switch {
	case errors.Is(err, encoding.ErrInvalidUTF8):
		return errors.New("the text is not UTF-8 (or UTF-16 with a byte order mark): convert it first, for example with iconv")
	case errors.Is(err, bufio.ErrTooLong):
		return fmt.Errorf("the line is longer than %d MiB", maxLine>>20)
	case errors.Is(err, io.EOF), errors.Is(err, io.ErrUnexpectedEOF):
		return fmt.Errorf("the file ends too early: %w", io.ErrUnexpectedEOF)
	}
	if bad := (*json.SyntaxError)(nil); errors.As(err, &bad) {
		return fmt.Errorf("not valid JSON: %w", err)
	}
	return err
}

// A lineReader gives the lines of a text file one by one.
type lineReader struct {
	s       *bufio.Scanner
	n       int // the number of the line given last
	invalid bool
}

func newLineReader(r io.Reader) *lineReader {
	s := bufio.NewScanner(decode(r))
	s.Buffer(nil, maxLine)
	s.Split(splitLine)
	return &lineReader{s: s}
}

// next returns the next line without its end; false is the end of the file or an error,
// which err reports.
func (l *lineReader) next() (string, bool) {
	if l.invalid || !l.s.Scan() || l.s.Err() != nil {
		return "", false // after an error of the reader the last line is not whole
	}
	if !utf8.Valid(l.s.Bytes()) {
		l.invalid = true
		return "", false
	}
	l.n++
	return l.s.Text(), true
}

// err returns why next returned false, or nil at the end of the file.
func (l *lineReader) err() error {
	err := l.s.Err()
	if l.invalid {
		err = encoding.ErrInvalidUTF8
	}
	if err != nil {
		return fmt.Errorf("line %d: %w", l.n+1, explain(err))
	}
	return nil
}

// eachLine calls visit with each line and its number; an error of visit gets the number.
func eachLine(r io.Reader, visit func(n int, line string) error) error {
	in := newLineReader(r)
	for line, ok := in.next(); ok; line, ok = in.next() {
		if err := visit(in.n, line); err != nil {
			return in.errorf("%w", err)
		}
	}
	return in.err()
}

func (l *lineReader) errorf(format string, args ...any) error {
	return fmt.Errorf("line %d: %w", l.n, fmt.Errorf(format, args...))
}

// splitLine is a bufio.SplitFunc for lines that end in LF, CR LF or CR.
func splitLine(data []byte, atEOF bool) (int, []byte, error) {
	i := bytes.IndexAny(data, "\r\n")
	switch {
	case i < 0 && atEOF && len(data) > 0:
		return len(data), data, nil
	case i < 0:
		return 0, nil, nil
	case data[i] == '\n':
		return i + 1, data[:i], nil
	case i+1 == len(data) && !atEOF:
		return 0, nil, nil // the LF of a CR LF may come with the next block
	case i+1 < len(data) && data[i+1] == '\n':
		return i + 2, data[:i], nil
	}
	return i + 1, data[:i], nil
}

// lineCounter counts the lines that have been read through it.
type lineCounter struct {
	r io.Reader
	n int
}

func (c *lineCounter) Read(p []byte) (int, error) {
	n, err := c.r.Read(p)
	c.n += bytes.Count(p[:n], []byte{'\n'})
	return n, err
}

// budget counts what a reader keeps, so that a small file cannot fill the memory.
type budget struct{ segments, words int }

func (b *budget) segment() error {
	if b.segments++; b.segments > maxSegments {
		return fmt.Errorf("more than %d segments", maxSegments)
	}
	return nil
}

func (b *budget) word() error {
	if b.words++; b.words > maxWords {
		return fmt.Errorf("more than %d words", maxWords)
	}
	return nil
}

// attach gives each word to the segment that holds its middle; both are in order. Words
// outside all segments are not lost: each run of them becomes a segment of its own, on
// the given channel.
func attach(segments []Segment, words []Word, channel int) []Segment {
	var extra []Segment
	i, extraAt := 0, -1 // the segment to look at, and what it was for the last of extra
	for _, w := range words {
		middle := w.Start + (w.End-w.Start)/2
		for i < len(segments) && (segments[i].End < middle ||
			segments[i].End == middle && i+1 < len(segments) && segments[i+1].Start <= middle) {
			i++
		}
		if i < len(segments) && segments[i].Start <= middle {
			segments[i].Words = append(segments[i].Words, w)
			continue
		}
		if extraAt != i {
			extra = append(extra, Segment{Start: w.Start, Channel: channel})
			extraAt = i
		}
		s := &extra[len(extra)-1]
		s.End = max(s.End, w.End)
		s.Words = append(s.Words, w)
	}
	for i := range extra {
		extra[i].Text = JoinWords(extra[i].Words)
	}
	return append(segments, extra...)
}

// JoinWords returns the words with single spaces between them.
func JoinWords(words []Word) string {
	texts := make([]string, len(words))
	for i := range words {
		texts[i] = words[i].Text
	}
	return strings.Join(texts, " ")
}
