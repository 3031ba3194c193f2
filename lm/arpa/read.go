package arpa

import (
	"bufio"
	"bytes"
	"errors"
	"fmt"
	"io"
	"math"
	"strconv"

	"github.com/asr-backend/asr-backend/internal/gunzip"
)

const (
	longestLine   = 1 << 20
	longestHeader = 1000 // lines before \data\
	mostGrams     = math.MaxInt32
)

// Reader reads a model n-gram by n-gram.
type Reader struct {
	in      *bufio.Reader
	line    int
	long    []byte // a line longer than the buffer
	counts  []int
	order   int // section that is being read, 0 before the first
	left    int // n-grams that the section still has
	pending []byte
	words   [MaxOrder][]byte
	done    bool
}

// NewReader reads the header of a model, compressed with gzip or not.
func NewReader(r io.Reader) (*Reader, error) {
	in, err := gunzip.NewReader(r)
	if err != nil {
		return nil, err
	}
	a := &Reader{in: in}
	if err := a.header(); err != nil {
		return nil, err
	}
	return a, nil
}

// Counts returns the number of n-grams of each length, words first.
func (a *Reader) Counts() []int { return a.counts }

func (a *Reader) header() error {
	for {
		s, err := a.next()
		if err == io.EOF || a.line > longestHeader {
			return &SyntaxError{0, `it has no line \data\`}
		} else if err != nil {
			return err
		}
		if bytes.Equal(s, []byte("qARPA")) || bytes.HasPrefix(s, []byte("qARPA ")) {
			return &SyntaxError{a.line, "quantised IRSTLM models are not supported; write it again as plain ARPA"}
		}
		if bytes.Equal(s, []byte(`\data\`)) {
			break
		}
	}
	for {
		s, err := a.next()
		if err != nil {
			return a.early(err)
		}
		count, found := bytes.CutPrefix(s, []byte("ngram"))
		if !found {
			a.pending = s
			break
		}
		order, count, found := bytes.Cut(count, []byte("="))
		n, err1 := strconv.Atoi(string(bytes.TrimSpace(order)))
		c, err2 := strconv.Atoi(string(bytes.TrimSpace(count)))
		switch {
		case !found || err1 != nil || err2 != nil || c < 0 || c > mostGrams:
			return a.fault("%.40q is no count of n-grams", s)
		case n != len(a.counts)+1:
			return a.fault("the counts are out of order: ngram %d follows %d", n, len(a.counts))
		case n > MaxOrder:
			return a.fault("the model has n-grams of more than %d words", MaxOrder)
		}
		a.counts = append(a.counts, c)
	}
	if len(a.counts) == 0 || a.counts[0] == 0 {
		return a.fault("the header counts no words")
	}
	return nil
}

// Next returns the next n-gram, shorter ones first, and io.EOF after the last.
func (a *Reader) Next() (Gram, error) {
	for a.left == 0 {
		if a.done {
			return Gram{}, io.EOF
		}
		if err := a.section(); err != nil {
			return Gram{}, err
		}
	}
	s, err := a.next()
	if err != nil {
		return Gram{}, a.early(err)
	}
	if s[0] == '\\' && bytes.HasSuffix(s, []byte(":")) || bytes.Equal(s, []byte(`\end\`)) {
		return Gram{}, a.fault("%d n-grams of length %d are missing", a.left, a.order)
	}
	a.left--
	return a.gram(s)
}

// section reads the line that begins a section, or the end.
func (a *Reader) section() error {
	s, err := a.next()
	if err != nil {
		return a.early(err)
	}
	if a.order == len(a.counts) {
		if !bytes.Equal(s, []byte(`\end\`)) {
			return a.fault(`%.40q follows the last n-gram where \end\ must be`, s)
		}
		a.done = true
		return nil
	}
	if want := fmt.Sprintf(`\%d-grams:`, a.order+1); string(s) != want {
		return a.fault("%.40q where %s must begin: the section before has more n-grams than the header says, or is missing", s, want)
	}
	a.left = a.counts[a.order]
	a.order++
	return nil
}

func (a *Reader) gram(s []byte) (g Gram, err error) {
	field, s := cut(s)
	if g.Prob, err = a.number(field); err != nil {
		return g, err
	}
	if g.Prob > 0 {
		if g.Prob > 1e-3 {
			return g, a.fault("%s is the logarithm of more than 1", field)
		}
		g.Prob = 0 // rounded by the program that wrote it
	}
	for i := range a.order {
		if field, s = cut(s); len(field) == 0 {
			return g, a.fault("an n-gram of length %d has %d words", a.order, i)
		}
		a.words[i] = field
	}
	g.Words = a.words[:a.order]
	if field, s = cut(s); len(field) > 0 {
		if g.Backoff, err = a.number(field); err != nil {
			return g, err
		}
	}
	if len(s) > 0 {
		return g, a.fault("an n-gram of length %d is followed by %.40q", a.order, s)
	}
	return g, nil
}

func (a *Reader) number(s []byte) (float32, error) {
	f, err := strconv.ParseFloat(string(s), 32)
	switch {
	case errors.Is(err, strconv.ErrRange), err == nil && f < -1000:
		return -1000, nil // of a probability of zero, which some programs write as -inf
	case err != nil || math.IsNaN(f) || f > 1000:
		return 0, a.fault("%.40q is no logarithm", s)
	}
	return float32(f), nil
}

// cut returns the first field of a line and what follows the blanks behind it.
func cut(s []byte) (field, rest []byte) {
	i := 0
	for i < len(s) && s[i] != ' ' && s[i] != '\t' {
		i++
	}
	j := i
	for j < len(s) && (s[j] == ' ' || s[j] == '\t') {
		j++
	}
	return s[:i], s[j:]
}

// next returns the next line that is not empty, without blanks at its ends.
func (a *Reader) next() ([]byte, error) {
	if s := a.pending; s != nil {
		a.pending = nil
		return s, nil
	}
	for {
		s, err := a.in.ReadSlice('\n')
		if err == bufio.ErrBufferFull {
			a.long = append(a.long[:0], s...)
			for err == bufio.ErrBufferFull && len(a.long) < longestLine {
				s, err = a.in.ReadSlice('\n')
				a.long = append(a.long, s...)
			}
			s = a.long
		}
		if err == bufio.ErrBufferFull {
			a.line++
			return nil, a.fault("the line is longer than %d bytes", longestLine)
		}
		if len(s) > 0 {
			a.line++
		}
		if s = bytes.Trim(s, " \t\r\n"); len(s) > 0 {
			return s, nil
		}
		if err == io.EOF {
			return nil, io.EOF
		} else if err != nil {
			return nil, fmt.Errorf("read ARPA language model: %w", err)
		}
	}
}

func (a *Reader) early(err error) error {
	if err == io.EOF {
		return a.fault(`the file ends before \end\: it is not complete`)
	}
	return err
}

func (a *Reader) fault(format string, args ...any) error {
	return &SyntaxError{a.line, fmt.Sprintf(format, args...)}
}
