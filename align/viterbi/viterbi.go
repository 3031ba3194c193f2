// Package viterbi places a sequence of tokens on rows of CTC output in the best possible
// way: it finds the path of greatest probability through the tokens and the blanks
// between them.
//
// # Lattice
//
// N tokens have 2N+1 states: a label l[i] for each token, a blank b[i] before it, and a
// last blank b[N]. Each row is spent in one state. A path begins in b[0] or l[0], ends in
// l[N-1] or b[N], and from one row to the next
//
//	b[i] comes from b[i] (stay) or l[i-1] (step)
//	l[i] comes from l[i] (stay), b[i] (step), or l[i-1] (jump), the last only if token i
//	     differs from token i-1, since equal neighbours need a blank between them
//
// So T rows can hold N tokens with R equal neighbours only if T >= N + R.
//
// Scores are summed in float64 in the order of the rows. Of equal ways stay is taken
// before step and step before jump, and at the end the label before the blank. Without
// ties the path is that of torchaudio's forced_align; where step and jump are equal and
// better than stay, torchaudio 2.11 stays, and its path is not the best.
//
// # Skips
//
// A text that does not match its recording can still be forced on it, and every word near
// the mismatch suffers. With [SkipOptions] a path may instead leave the lattice at any word
// boundary, skip rows, words, or both at a penalty, and come back at any later word
// boundary. There is a skip state s[w] before each word w,
//
//	s[w] comes from s[w] (skip the row), s[w-1] in the same row (skip the word), or
//	     b or l before word w in the same row (leave the lattice)
//
// and b and l of the first token of word w may also come from s[w]. What was skipped is
// reported, rows and words together.
//
// # Memory
//
// The way back takes two bits a state and row. Beyond [maxTrace] bytes the rows are
// cut into blocks: a first pass keeps the scores at the start of each, then each block is
// run again, the last first. [Problem.Band] limits the states of a row to those near a
// line, for recordings in which even time would not suffice.
//
// References: Graves et al., ICML 2006; torchaudio.functional.forced_align; Kürzinger et
// al., arXiv:2007.09127.
package viterbi

import (
	"errors"
	"fmt"
	"math"

	"github.com/asr-backend/asr-backend/asr/ctc"
	"github.com/asr-backend/asr-backend/timeline"
)

// Scores returns the log-probabilities of row t, counted from the first row of the
// problem: a value for each piece, blank included. The slice is valid until the next call.
type Scores func(t timeline.Row) []float32

// Problem is a token sequence and the rows on which to place it.
type Problem struct {
	Scores Scores
	Rows   timeline.Row
	Blank  ctc.Piece
	// Tokens must not hold Blank.
	Tokens []ctc.Piece
	// Equal, if set, says of each token whether it equals the one before, for tokens whose
	// numbers are not those of pieces. Otherwise tokens of one number are equal.
	Equal []bool
	// Skips, if set, lets words and rows that do not match be skipped.
	Skips *SkipOptions
	// Band, if set, limits row t to tokens lo <= i < hi. Neither may ever fall.
	Band func(t timeline.Row) (lo, hi int)
}

// SkipOptions say where a path may leave the lattice and what that costs, in nats.
type SkipOptions struct {
	// Words are the indices of the first tokens of words, rising from 0. Nothing is skipped
	// inside a word.
	Words []int
	// Penalty is the cost of each skip, whatever its length.
	Penalty float64
	// TokenPenalty is the cost of skipping a token of the text.
	TokenPenalty float64
	// RowScore returns the score of skipping row t: at most 0 for what fits no piece at all.
	RowScore func(t timeline.Row) float64
}

// Span is the rows of a token, inclusive. The span of a skipped token is empty: Last is
// before First.
type Span struct {
	First, Last timeline.Row
}

// Skip is a part of the problem that a path skipped: rows [First, End) and words [From, To).
// Either may be empty, and both are where equal neighbours do without the blank between
// them.
type Skip struct {
	First, End timeline.Row
	From, To   int
}

// Path is the best path.
type Path struct {
	// Spans holds the rows of each token.
	Spans []Span
	// Skips holds what was skipped, in order.
	Skips []Skip
	// Score is the sum of the log-probabilities along the path, and of the penalties.
	Score float64
	// AtEdge reports that the path touches an edge of the band that could be widened, so
	// that a better path may exist beyond it.
	AtEdge bool
}

// TooShortError says that a text has more tokens than fit on its rows.
type TooShortError struct {
	Rows            timeline.Row
	Tokens, Repeats int
}

func (e *TooShortError) Error() string {
	return fmt.Sprintf("%d rows are too few for %d tokens and the %d blanks that equal neighbours need between them: at least %d rows", e.Rows, e.Tokens, e.Repeats, e.Tokens+e.Repeats)
}

// ErrNoPath is returned where no path, or none within the band, has a probability above
// zero.
var ErrNoPath = errors.New("viterbi: the text has no path of probability above zero through the rows")

// Align returns the best path. Tokens that cannot fit are a *TooShortError, unless words
// may be skipped.
func Align(p *Problem) (*Path, error) {
	if err := p.validate(); err != nil {
		return nil, err
	}
	if len(p.Tokens) == 0 && p.Skips == nil {
		return p.blank()
	}
	return newLattice(p).run()
}

// equal reports whether a token equals the one before.
func (p *Problem) equal(i int) bool {
	if p.Equal != nil {
		return p.Equal[i]
	}
	return i > 0 && p.Tokens[i] == p.Tokens[i-1]
}

// Repeats returns how many tokens equal their left neighbour.
func Repeats(tokens []ctc.Piece) int {
	n := 0
	for i := 1; i < len(tokens); i++ {
		if tokens[i] == tokens[i-1] {
			n++
		}
	}
	return n
}

func (p *Problem) validate() error {
	for i, token := range p.Tokens {
		if token == p.Blank || token < 0 {
			return fmt.Errorf("viterbi: token %d is %d; blank (%d) and negative numbers are no tokens", i, token, p.Blank)
		}
	}
	if x := p.Skips; x != nil {
		for w, at := range x.Words {
			if w == 0 && at != 0 || w > 0 && at <= x.Words[w-1] || at >= len(p.Tokens) {
				return fmt.Errorf("viterbi: word %d begins at token %d of %d", w, at, len(p.Tokens))
			}
		}
		if len(x.Words) == 0 && len(p.Tokens) > 0 {
			return errors.New("viterbi: tokens without words")
		}
		return nil
	}
	n, r := len(p.Tokens), 0
	for i := range p.Tokens {
		if p.equal(i) {
			r++
		}
	}
	if int64(p.Rows) < int64(n+r) {
		return &TooShortError{p.Rows, n, r}
	}
	return nil
}

// blank is the path of a text without tokens.
func (p *Problem) blank() (*Path, error) {
	path := &Path{}
	for t := range p.Rows {
		path.Score += float64(p.Scores(t)[p.Blank])
	}
	if math.IsInf(path.Score, -1) {
		return nil, ErrNoPath
	}
	return path, nil
}
