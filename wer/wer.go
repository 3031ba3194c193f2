// Package wer measures how often recognised text is wrong.
//
// The word error rate is the least number of words to substitute, delete and insert that
// turns what was recognised into what was said, divided by the number of words said. Both
// are normalised first, see Normalize, so that spelling and punctuation do not count.
//
// # Cost
//
// Words are compared as numbers, and only a band around the diagonal of the table of edits is
// computed, which grows until it holds every best path (Ukkonen, "Algorithms for approximate
// string matching", 1985). n and m words with k errors take O(k·min(n, m)) time, hence little
// for texts that are alike and O(n·m) for those that are not, and O(n+m) memory.
package wer

import (
	"context"
	"errors"
	"math"
)

// Errors are the differences between a recognised text and the truth, in words.
type Errors struct {
	Words                                int // of the truth
	Substitutions, Deletions, Insertions int
}

// Rate returns the word error rate: 0 is perfect, and more than 1 is possible. Where
// nothing was said it is 0 if nothing was recognised, else 1.
func (e Errors) Rate() float64 {
	n := e.Substitutions + e.Deletions + e.Insertions
	if e.Words == 0 {
		return float64(min(n, 1))
	}
	return float64(n) / float64(e.Words)
}

// Add adds the counts of another text.
func (e *Errors) Add(o Errors) {
	e.Words += o.Words
	e.Substitutions += o.Substitutions
	e.Deletions += o.Deletions
	e.Insertions += o.Insertions
}

// Compare counts the errors of a recognised text.
func Compare(truth, recognised string) Errors {
	e, _ := CompareContext(context.Background(), truth, recognised, math.MaxInt) // has no reason to fail
	return e
}

// ErrTooLong says that a text has more words than may be compared.
var ErrTooLong = errors.New("the text has too many words")

// CompareContext counts the errors of a recognised text from a source that is not trusted: it
// fails with ErrTooLong, before it compares anything, if either text has more words than most,
// and with the cause of ctx soon after that has ended.
func CompareContext(ctx context.Context, truth, recognised string, most int) (Errors, error) {
	known := vocabulary{}
	a, ok1 := known.read(truth, most)
	b, ok2 := known.read(recognised, most)
	if !ok1 || !ok2 {
		return Errors{}, ErrTooLong
	}
	return count(ctx, a, b)
}

// CompareWords counts the errors in a list of words.
func CompareWords(truth, recognised []string) Errors {
	known := vocabulary{}
	e, _ := count(context.Background(), known.numbers(truth), known.numbers(recognised)) // has no reason to fail
	return e
}
