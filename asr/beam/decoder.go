package beam

import (
	"math"
	"slices"

	"github.com/asr-backend/asr-backend/asr/ctc"
	"github.com/asr-backend/asr-backend/timeline"
)

// Decoder reads the rows of one channel of a recording, in order. It is for one goroutine.
// Its memory does not depend on the length of the recording.
type Decoder struct {
	search  *Search
	measure *ctc.Measure
	slack   float64
	least   float64 // what a candidate of the row must be worth
	at      timeline.Row
	score   float64 // natural log of what texts' sums are relative to
	texts   []text  // the most probable first
	spare   []text
	table   table
	order   []ranked
	closed  []int32 // of each path of texts, its trace with its last token, or none
	inRow   []int32 // of each piece, its number among the row's, from 1 on
	pieces  []scored
	traces  traces
	out     []ctc.Token
}

// commitEvery is how often, in rows, it is asked what is decided.
const commitEvery = 32

// Decoder returns a Decoder for a recording whose first row is numbered start.
func (s *Search) Decoder(start timeline.Row) *Decoder {
	d := &Decoder{search: s, slack: s.slack(), measure: ctc.NewMeasure(len(s.surfaces) + 1)}
	d.inRow = make([]int32, len(s.surfaces)+1)
	d.closed = make([]int32, 2*s.o.Width)
	d.Reset(start)
	return d
}

// Reset makes the Decoder ready for another recording. Its memory is used again.
func (d *Decoder) Reset(start timeline.Row) {
	s := d.search
	d.at, d.score, d.out = start, 0, d.out[:0]
	d.traces.reset()
	t := text{last: s.blank, blank: 1, rest: path{prob: 1}, phrase: open}
	if l := s.o.Lexicon; l != nil {
		t.state = l.model.Begin()
	}
	if s.o.Phrases == nil {
		t.phrase = 0
	}
	d.texts = append(d.texts[:0], t)
	d.traces.retain(&d.texts[0].rest)
}

// Push takes the next row: the natural logarithms of the probabilities of all pieces and
// blank.
func (d *Decoder) Push(row []float32) {
	s := d.search
	least := s.o.RowPrune
	d.pieces = d.pieces[:0]
	best := 0
	for p, v := range row[:s.blank] {
		if v >= row[best] {
			if v > row[best] {
				best = p
			}
		}
		if v >= least && !s.surfaces[p].never {
			d.pieces = append(d.pieces, scored{piece: ctc.Piece(p), logProb: v})
		}
	}
	if row[best] < least && row[best] > row[s.blank] && !s.surfaces[best].never {
		d.pieces = append(d.pieces, scored{piece: ctc.Piece(best), logProb: row[best]})
	}
	blank := row[s.blank]
	if len(d.pieces) > 0 {
		d.rank()
		top := max(row[best], blank)
		confidence := d.measure.Confidence(row)
		for i := range d.pieces {
			p := &d.pieces[i]
			p.prob = math.Exp(float64(p.logProb))
			p.confidence = confidence * float32(math.Exp(float64(p.logProb-top)))
		}
	}
	d.push(float64(blank))
}

// rank puts the pieces of a row in order and drops the least probable ones.
func (d *Decoder) rank() {
	slices.SortFunc(d.pieces, func(a, b scored) int {
		switch {
		case a.logProb > b.logProb:
			return -1
		case a.logProb < b.logProb:
			return 1
		}
		return int(a.piece - b.piece)
	})
	if n := d.search.o.Pieces; n > 0 {
		d.pieces = d.pieces[:min(n, len(d.pieces))]
	}
}

// push takes the next row, of which d.pieces are what is tried.
func (d *Decoder) push(blank float64) {
	if len(d.pieces) == 0 {
		d.pass(blank)
	} else {
		d.step(d.pieces, math.Exp(blank))
	}
	d.at++
	if d.at%commitEvery == 0 {
		d.commit()
	}
}

// pass takes a row in which nothing but blank is tried.
func (d *Decoder) pass(blank float64) {
	d.score += blank
	for i := range d.texts {
		t := &d.texts[i]
		t.blank, t.piece = t.sum(), 0
		if best, _ := t.likelier(i); best == &t.run {
			d.traces.release(&t.rest)
			t.rest = t.run
		} else {
			d.traces.release(&t.run)
		}
		t.run = path{}
	}
}

// commit decides the tokens that all texts have in common. What has been undecided for too
// long is decided for the best text, and others that disagree are dropped.
func (d *Decoder) commit() {
	for {
		best, _ := d.texts[0].likelier(0)
		d.out = d.traces.commit(d.out, best)
		rest := d.traces.undecided(best)
		if len(rest) == 0 || d.traces.all[rest[0]].token.Last >= d.at-d.search.o.Lookback {
			return
		}
		d.keep(rest[0])
	}
}

// keep drops all paths that do not go through the trace x.
func (d *Decoder) keep(x int32) {
	kept := d.texts[:0]
	for i := range d.texts {
		t := d.texts[i]
		for _, p := range []*path{&t.rest, &t.run} {
			if p.prob > 0 && !d.traces.through(p, x) {
				d.traces.release(p)
				*p = path{}
			}
		}
		if t.rest.prob > 0 || t.run.prob > 0 {
			kept = append(kept, t)
		}
	}
	d.texts = kept
}

// Take returns the tokens that were decided since the last call. The slice is valid until
// the next row.
func (d *Decoder) Take() []ctc.Token {
	out := d.out
	d.out = d.out[:0]
	return out
}

// Hypothesis is a text at the end of a recording.
type Hypothesis struct {
	// Tokens are those of its best path that were not decided before.
	Tokens []ctc.Token
	// Score is the natural logarithm of the probability of all its paths, together with
	// the weighted language model and all bonuses.
	Score float64
}

// Finish ends the recording and returns up to n texts, the best first. The Decoder must be
// Reset before it is used again.
func (d *Decoder) Finish(n int) []Hypothesis {
	d.commit()
	type final struct {
		sum  float64
		best *path
		last ctc.Piece
		hash uint64
	}
	var finals []final
	for i := range d.texts {
		t := &d.texts[i]
		f := final{sum: t.sum() * d.endOfText(t), last: t.last, hash: t.hash}
		f.best, _ = t.likelier(i)
		at := slices.IndexFunc(finals, func(o final) bool { return o.hash == t.hash })
		if at < 0 {
			finals = append(finals, f)
			continue
		}
		o := &finals[at]
		o.sum += f.sum
		if f.best.prob > o.best.prob {
			o.best, o.last = f.best, f.last
		}
	}
	slices.SortStableFunc(finals, func(a, b final) int { return compareRanked(ranked{sum: a.sum}, ranked{sum: b.sum}) })
	out := make([]Hypothesis, 0, min(n, len(finals)))
	for _, f := range finals[:min(n, len(finals))] {
		h := Hypothesis{Score: d.score + math.Log(f.sum)}
		for _, id := range d.traces.undecided(f.best) {
			h.Tokens = append(h.Tokens, d.traces.all[id].token)
		}
		if f.last != d.search.blank {
			p := f.best
			h.Tokens = append(h.Tokens, ctc.Token{Piece: f.last, First: p.first, Last: p.last, LogProb: p.sum / float32(p.last-p.first+1), Confidence: p.confidence})
		}
		out = append(out, h)
	}
	return out
}

// endOfText returns the factor of the end of a text.
func (d *Decoder) endOfText(t *text) float64 {
	s, factor, state := d.search, 1.0, t.state
	if t.begun {
		e := d.endOf(t)
		factor, state = e.factor, e.state
	}
	if s.o.Phrases != nil {
		factor *= s.o.Phrases.end(t.phrase, t.begun)
	}
	if s.o.Lexicon != nil {
		factor *= math.Exp(s.nats * float64(s.o.Lexicon.model.End(state)))
	}
	return factor
}
