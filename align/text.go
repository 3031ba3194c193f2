package align

import (
	"context"
	"errors"
	"math"
	"slices"

	"github.com/asr-backend/asr-backend/align/viterbi"
	"github.com/asr-backend/asr-backend/asr/ctc"
	"github.com/asr-backend/asr-backend/timeline"
)

// Penalties, in nats; see package viterbi. A word that is recognized as it is written costs
// nothing, a misrecognized one about 2 a piece, and one that was not spoken 10 and more a
// piece, since its pieces have to go where others were recognized. doc/accuracy.md says how
// well that separates right texts from wrong ones.
const (
	skipPenalty      = 10.0 // for leaving the text or the recording
	deletionPenalty  = 2.5  // for a piece of the text
	insertionPenalty = 2.5  // for a row in which a piece was recognized
	rowPenalty       = 0.01
	// wildcardPenalty is the cost of a wildcard for a row in which a piece was recognized:
	// less than skipping the row, more than matching it.
	wildcardPenalty = 1.0
)

// Alignment is a reference text with its place in a recording.
type Alignment struct {
	// Words holds a Word for each of the reference's, in order.
	Words []Word
	// Mismatches are the places where text and recording do not agree, in order.
	Mismatches []Mismatch
}

// Align places a reference text on the emissions. Verdicts say where they do not agree: no
// text is too long and none too different. LogProbs must be set.
func (e *Emissions) Align(ctx context.Context, ref Reference) (*Alignment, error) {
	return e.align(ctx, ref, defaultLimits())
}

func (e *Emissions) align(ctx context.Context, ref Reference, l limits) (*Alignment, error) {
	if e.LogProbs == nil {
		return nil, errors.New("align: a text can only be found where log-probabilities were kept")
	}
	a := &aligner{e: e, limits: l, ref: ref, chosen: make([]int, len(ref)), hyp: ctc.Greedy(e.Rows, e.Vocabulary.Blank(), 0), spans: make([][]viterbi.Span, len(ref))}
	t := ref.tokens(0, len(ref), a.chosen)
	for _, b := range l.blocks(timeline.Row(len(e.Rows)), a.hyp, &t) {
		if err := context.Cause(ctx); err != nil {
			return nil, err
		}
		path, err := a.block(ctx, b)
		if err != nil {
			return nil, err
		}
		a.keep(b, path)
	}
	if err := a.variants(ctx); err != nil {
		return nil, err
	}
	return a.finish()
}

// aligner is an alignment under way. Rows are counted from the first of the emissions.
type aligner struct {
	e           *Emissions
	limits      limits
	ref         Reference
	chosen      []int            // the variant of each word
	hyp         []ctc.Token      // the hypothesis: what was recognized
	spans       [][]viterbi.Span // of the pieces of each word; nil where it was skipped
	skips       []viterbi.Skip   // in words of ref and rows of e
	substituted map[int]*gap     // by word: what was recognized in its place
	buffer      []float32
}

// problem is the search for words [from, to) in rows [first, end).
func (a *aligner) problem(first, end timeline.Row, t tokens) *viterbi.Problem {
	return &viterbi.Problem{
		Scores: func(t timeline.Row) []float32 { return a.scores(first + t) },
		Rows:   end - first,
		Blank:  a.e.Vocabulary.Blank(),
		Tokens: t.pieces,
		Skips: &viterbi.SkipOptions{Words: t.words, Penalty: skipPenalty, TokenPenalty: deletionPenalty, RowScore: func(t timeline.Row) float64 {
			return a.skipScore(first+t, insertionPenalty)
		}},
	}
}

// scores returns the log-probabilities of a row, and that of the wildcard after them.
func (a *aligner) scores(t timeline.Row) []float32 {
	a.buffer = append(a.buffer[:0], a.e.LogProbs(t)...)
	return append(a.buffer, float32(a.skipScore(t, wildcardPenalty)))
}

// skipScore is the score of a row that the text does not account for: that of its best
// piece, less the penalty as far as it is not blank.
func (a *aligner) skipScore(t timeline.Row, penalty float64) float64 {
	r := &a.e.Rows[t]
	return float64(r.LogProb) - penalty*(1-math.Exp(float64(r.Blank))) - rowPenalty
}

// block aligns the words of a block.
func (a *aligner) block(ctx context.Context, b block) (*viterbi.Path, error) {
	p := a.problem(b.first, b.end, a.ref.tokens(b.from, b.to, a.chosen))
	rows, n := int64(p.Rows), int64(len(p.Tokens))
	if rows*n <= a.limits.cells {
		return viterbi.Align(p)
	}
	for half := max(a.limits.cells/rows/2, 1); ; half *= 2 {
		if err := context.Cause(ctx); err != nil {
			return nil, err
		}
		p.Band = func(t timeline.Row) (lo, hi int) {
			at := int64(t) * n / rows
			return int(at - half), int(at + half + 1)
		}
		path, err := viterbi.Align(p)
		lost := errors.Is(err, viterbi.ErrNoPath)
		if err != nil && !lost {
			return nil, err
		}
		switch widest := 4*half*rows > a.limits.band; {
		case lost && widest: // nothing within the widest band fits: skip everything
			all := viterbi.Skip{End: p.Rows, To: b.to - b.from}
			return &viterbi.Path{Spans: slices.Repeat([]viterbi.Span{{First: 0, Last: -1}}, int(n)), Skips: []viterbi.Skip{all}}, nil
		case !lost && (widest || !path.AtEdge):
			return path, nil
		}
	}
}

// keep stores the path of a block.
func (a *aligner) keep(b block, path *viterbi.Path) {
	at := 0
	for w := b.from; w < b.to; w++ {
		n := len(a.ref[w].Variants[a.chosen[w]])
		spans := path.Spans[at : at+n]
		at += n
		a.spans[w] = nil
		if spans[0].Last >= spans[0].First {
			for i := range spans {
				spans[i].First, spans[i].Last = spans[i].First+b.first, spans[i].Last+b.first
			}
			a.spans[w] = spans
		}
	}
	for _, s := range path.Skips {
		s.First, s.End, s.From, s.To = s.First+b.first, s.End+b.first, s.From+b.from, s.To+b.from
		if s.First < s.End || s.From < s.To {
			a.skips = append(a.skips, s)
		}
	}
}
