package arpa

import (
	"bufio"
	"fmt"
	"io"
	"strconv"
)

// Writer writes a model in KenLM's manner: blanks between words, tabs between fields.
type Writer struct {
	out    *bufio.Writer
	counts []int
	order  int // section that is being written
	left   int
	number []byte
}

// NewWriter writes the header. Counts are the numbers of n-grams of each length, words
// first.
func NewWriter(w io.Writer, counts []int) *Writer {
	a := &Writer{out: bufio.NewWriterSize(w, 1<<16), counts: counts}
	fmt.Fprint(a.out, "\\data\\\n") // a bufio.Writer keeps its first error until Close
	for i, n := range counts {
		fmt.Fprintf(a.out, "ngram %d=%d\n", i+1, n)
	}
	return a
}

// Write writes an n-gram, shorter ones first. A word must not be empty or have blanks.
func (a *Writer) Write(words []string, prob, backoff float32) error {
	for a.left == 0 {
		if a.order == len(a.counts) {
			return fmt.Errorf("write ARPA language model: more n-grams than the header says")
		}
		a.left = a.counts[a.order]
		a.order++
		fmt.Fprintf(a.out, "\n\\%d-grams:\n", a.order)
	}
	if len(words) != a.order {
		return fmt.Errorf("write ARPA language model: an n-gram of %d words among those of %d", len(words), a.order)
	}
	a.left--
	a.float(prob)
	for i, w := range words {
		if i == 0 {
			_ = a.out.WriteByte('\t')
		} else {
			_ = a.out.WriteByte(' ')
		}
		_, _ = a.out.WriteString(w)
	}
	if a.order < len(a.counts) && backoff != 0 {
		_ = a.out.WriteByte('\t')
		a.float(backoff)
	}
	return a.out.WriteByte('\n')
}

func (a *Writer) float(f float32) {
	a.number = strconv.AppendFloat(a.number[:0], float64(f), 'g', -1, 32)
	_, _ = a.out.Write(a.number)
}

// Close writes the end. It does not close the underlying writer.
func (a *Writer) Close() error {
	for ; a.order < len(a.counts) && a.left == 0; a.order++ {
		a.left = a.counts[a.order]
		fmt.Fprintf(a.out, "\n\\%d-grams:\n", a.order+1)
	}
	if a.left > 0 {
		return fmt.Errorf("write ARPA language model: %d n-grams fewer than the header says", a.left)
	}
	fmt.Fprint(a.out, "\n\\end\\\n")
	if err := a.out.Flush(); err != nil {
		return fmt.Errorf("write ARPA language model: %w", err)
	}
	return nil
}
