package align

import (
	"errors"
	"math"
	"sort"

	"github.com/asr-backend/asr-backend/align/viterbi"
	"github.com/asr-backend/asr-backend/asr/ctc"
	"github.com/asr-backend/asr-backend/timeline"
)

// Retime moves the tokens of a hybrid from the rows in which its transducer wrote them to those in
// which its CTC head says them, which are where they are spoken. That is the best path of the
// tokens through the rows, each within reach of the row in which it was written. Tokens that do
// not fit there, as when a transducer repeats itself, keep their rows. The evidence is used up.
func Retime(o *ctc.Output) error {
	if o.Evidence == nil {
		return nil
	}
	r := retimer{o: o, spans: make([]viterbi.Span, len(o.Tokens)), scores: make([]float32, len(o.Tokens)+1)}
	const reach = ctc.EvidenceBefore + ctc.EvidenceAfter
	begun := timeline.Row(0)
	for from := 0; from < len(o.Tokens); {
		to := from + 1
		for to < len(o.Tokens) && r.row(to)-r.row(to-1) <= reach {
			to++
		}
		end := min(r.row(to-1)+ctc.EvidenceAfter+1, timeline.Row(len(o.Rows)))
		if err := r.place(from, to, max(r.row(from)-ctc.EvidenceBefore, begun), end); err != nil {
			return err
		}
		from, begun = to, end
	}
	for i, s := range r.spans {
		o.Tokens[i].First, o.Tokens[i].Last = o.First+s.First, o.First+s.Last
	}
	o.Evidence = nil
	return nil
}

// retimer places tokens of a hybrid. Rows count from the first of the output.
type retimer struct {
	o      *ctc.Output
	spans  []viterbi.Span // of all tokens
	scores []float32      // of a row: each token has a column, as equal ones have evidence of their own
}

// row is the one in which the transducer wrote a token.
func (r *retimer) row(i int) timeline.Row { return r.o.Tokens[i].First - r.o.First }

// place places tokens [from, to) in rows [first, end). Where they do not fit, they are
// divided at the longest pause.
func (r *retimer) place(from, to int, first, end timeline.Row) error {
	n := to - from
	p := viterbi.Problem{Rows: max(end-first, 0), Blank: ctc.Piece(n), Tokens: make([]ctc.Piece, n), Equal: make([]bool, n)}
	for i := range p.Tokens {
		p.Tokens[i] = ctc.Piece(i)
		p.Equal[i] = i > 0 && r.o.Tokens[from+i].Piece == r.o.Tokens[from+i-1].Piece
	}
	p.Band = func(t timeline.Row) (int, int) {
		lo, hi := r.reachable(from, to, first+t)
		return lo - from, min(hi+1, to) - from // the blank before the next is in reach too
	}
	p.Scores = func(t timeline.Row) []float32 { return r.scoresOf(from, to, first+t) }
	path, err := viterbi.Align(&p)
	_, short := errors.AsType[*viterbi.TooShortError](err)
	switch {
	case err == nil:
		for i, s := range path.Spans {
			r.spans[from+i] = viterbi.Span{First: first + s.First, Last: first + s.Last}
		}
		return nil
	case !short && !errors.Is(err, viterbi.ErrNoPath):
		return err
	case to-from == 1:
		r.spans[from] = viterbi.Span{First: r.row(from), Last: r.row(from)}
		return nil
	}
	at, middle := r.divide(from, to)
	middle = min(max(middle, first), max(end, first))
	return errors.Join(r.place(from, at, first, middle), r.place(at, to, middle, end))
}

// divide returns the token before which the longest pause is, of equals the one nearest the
// middle, and the row in the middle of that pause.
func (r *retimer) divide(from, to int) (at int, row timeline.Row) {
	off := func(i int) int { return max(2*i-from-to, from+to-2*i) }
	gap := func(i int) timeline.Row { return r.row(i) - r.row(i-1) }
	at = from + 1
	for i := at + 1; i < to; i++ {
		if gap(i) > gap(at) || gap(i) == gap(at) && off(i) < off(at) {
			at = i
		}
	}
	return at, (r.row(at-1) + r.row(at) + 1) / 2
}

// reachable returns the tokens of [from, to) of which there is evidence in a row.
func (r *retimer) reachable(from, to int, row timeline.Row) (lo, hi int) {
	lo = from + sort.Search(to-from, func(i int) bool { return r.row(from+i)+ctc.EvidenceAfter >= row })
	hi = from + sort.Search(to-from, func(i int) bool { return r.row(from+i)-ctc.EvidenceBefore > row })
	return lo, hi
}

// scoresOf returns the log-probabilities of the tokens that can be in a row, and, last, of blank.
func (r *retimer) scoresOf(from, to int, row timeline.Row) []float32 {
	scores := r.scores[:to-from+1]
	lo, hi := r.reachable(from, to, row)
	for i := lo; i < hi; i++ {
		scores[i-from], _ = r.o.Evidence[i].LogProb(row - r.row(i))
	}
	if hi < to {
		scores[hi-from] = float32(math.Inf(-1))
	}
	scores[to-from] = r.o.Rows[row].Blank
	return scores
}
