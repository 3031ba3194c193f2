// Package wer measures how often recognised text is wrong.
//
// The word error rate is the least number of words to substitute, delete and insert that
// turns what was recognised into what was said, divided by the number of words said. Both
// are normalised first, see Normalize, so that spelling and punctuation do not count.
package wer

import (
	"strings"
	"unicode"
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
	return CompareWords(Normalize(truth), Normalize(recognised))
}

// CompareWords counts the errors in a list of words. Time and memory are those of one
// row of the table a word of the truth: O(n·m) and O(m).
func CompareWords(truth, recognised []string) Errors {
	row := make([]Errors, len(recognised)+1) // best counts for truth[:i] and recognised[:j]
	for j := range row {
		row[j].Insertions = j
	}
	for _, word := range truth {
		diagonal := row[0]
		row[0].Deletions++
		for j, other := range recognised {
			best := diagonal
			if other != word {
				best.Substitutions++
			}
			if deleted := row[j+1]; deleted.count()+1 < best.count() {
				best = deleted
				best.Deletions++
			}
			if inserted := row[j]; inserted.count()+1 < best.count() {
				best = inserted
				best.Insertions++
			}
			diagonal, row[j+1] = row[j+1], best
		}
	}
	e := row[len(recognised)]
	e.Words = len(truth)
	return e
}

func (e *Errors) count() int { return e.Substitutions + e.Deletions + e.Insertions }

// Normalize returns the words of a text in lower case and without punctuation. An
// apostrophe inside a word stays, and a hyphen parts words.
func Normalize(text string) []string {
	var b strings.Builder
	runes := []rune(text)
	for i, r := range runes {
		switch {
		case unicode.IsLetter(r), unicode.IsMark(r), unicode.IsNumber(r):
			b.WriteRune(unicode.ToLower(r))
		case (r == '\'' || r == '’') && i > 0 && i+1 < len(runes) && unicode.IsLetter(runes[i-1]) && unicode.IsLetter(runes[i+1]):
			b.WriteByte('\'')
		case (r == '\'' || r == '’') && i > 0 && unicode.IsLetter(runes[i-1]): // the dogs'
		default:
			b.WriteByte(' ')
		}
	}
	return strings.Fields(b.String())
}
