package align

import (
	"context"
	"errors"
	"math"
	"slices"

	"asr-backend/align/viterbi"
	"asr-backend/asr/ctc"
	"asr-backend/timeline"
)

// Prices of an exception, in nats; see package viterbi. A word that the model hears as
// it is written costs nothing, one that it mishears some 2 a piece, and a word that was
// not said 10 and more a piece, since its pieces have to go where others were heard.
// doc/accuracy.md says how well that tells.
const (
	leavePrice = 10.0
	tokenPrice = 2.5 // for a piece of the text
	heardPrice = 2.5 // for a row in which a piece was heard
	rowPrice   = 0.01
	// wildPrice is what a wildcard pays for a row in which a piece was heard: less than
	// leaving it out, more than saying it.
	wildPrice = 1.0
)

// Alignment is a Script with its place in a recording.
type Alignment struct {
	// Words holds a Word for each of the script's, in order.
	Words []Word
	// Stretches are the places where script and recording do not agree, in order.
	Stretches []Stretch
}

// Align finds a script in what was heard. Where they do not agree the words say so, see
// Verdict: no text is too long and none too different. LogProbs must be set.
func (h *Heard) Align(ctx context.Context, s Script) (*Alignment, error) {
	return h.align(ctx, s, defaultLimits())
}

func (h *Heard) align(ctx context.Context, s Script, l limits) (*Alignment, error) {
	if h.LogProbs == nil {
		return nil, errors.New("align: a text can only be found where log-probabilities were kept")
	}
	a := &aligner{h: h, limits: l, script: s, chosen: make([]int, len(s)), heard: ctc.Greedy(h.Rows, h.Vocabulary.Blank(), 0), spans: make([][]viterbi.Span, len(s))}
	t := s.tokens(0, len(s), a.chosen)
	for _, b := range l.blocks(timeline.Row(len(h.Rows)), a.heard, &t) {
		if err := context.Cause(ctx); err != nil {
			return nil, err
		}
		path, err := a.block(ctx, b)
		if err != nil {
			return nil, err
		}
		a.keep(b, path)
	}
	if err := a.readings(ctx); err != nil {
		return nil, err
	}
	return a.finish()
}

// aligner is a script under way. Rows are counted from the first of the stretch.
type aligner struct {
	h       *Heard
	limits  limits
	script  Script
	chosen  []int // the reading of each word
	heard   []ctc.Token
	spans   [][]viterbi.Span  // of the pieces of each word; nil where it was left out
	dropped []viterbi.Dropped // in words and rows of the stretch
	stead   map[int]*hole     // of words that were not found: where something else was heard
	buffer  []float32
}

// problem is the search for words [from, to) in rows [first, end).
func (a *aligner) problem(first, end timeline.Row, t tokens) *viterbi.Problem {
	return &viterbi.Problem{
		Scores: func(t timeline.Row) []float32 { return a.scores(first + t) },
		Rows:   end - first,
		Blank:  a.h.Vocabulary.Blank(),
		Tokens: t.pieces,
		Exceptions: &viterbi.Exceptions{Words: t.words, Leave: leavePrice, Token: tokenPrice, Row: func(t timeline.Row) float64 {
			return a.leaveOut(first+t, heardPrice)
		}},
	}
}

// scores returns the log-probabilities of a row, and that of the wildcard after them.
func (a *aligner) scores(t timeline.Row) []float32 {
	a.buffer = append(a.buffer[:0], a.h.LogProbs(t)...)
	return append(a.buffer, float32(a.leaveOut(t, wildPrice)))
}

// leaveOut is the score of a row whose sound is not accounted for: what the model is
// surest of, less a price for what it heard.
func (a *aligner) leaveOut(t timeline.Row, price float64) float64 {
	r := &a.h.Rows[t]
	return float64(r.LogProb) - price*(1-math.Exp(float64(r.Blank))) - rowPrice
}

// block aligns the words of a block.
func (a *aligner) block(ctx context.Context, b block) (*viterbi.Path, error) {
	p := a.problem(b.first, b.end, a.script.tokens(b.from, b.to, a.chosen))
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
		case lost && widest: // so narrow a band leads nowhere: there is nothing to be found
			all := viterbi.Dropped{End: p.Rows, To: b.to - b.from}
			return &viterbi.Path{Spans: slices.Repeat([]viterbi.Span{{First: 0, Last: -1}}, int(n)), Dropped: []viterbi.Dropped{all}}, nil
		case !lost && (widest || !path.AtEdge):
			return path, nil
		}
	}
}

// keep notes the path of a block.
func (a *aligner) keep(b block, path *viterbi.Path) {
	at := 0
	for w := b.from; w < b.to; w++ {
		n := len(a.script[w].Readings[a.chosen[w]])
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
	for _, d := range path.Dropped {
		d.First, d.End, d.From, d.To = d.First+b.first, d.End+b.first, d.From+b.from, d.To+b.from
		if d.First < d.End || d.From < d.To {
			a.dropped = append(a.dropped, d)
		}
	}
}
