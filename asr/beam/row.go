package beam

import (
	"math"
	"slices"

	"github.com/asr-backend/asr-backend/asr/ctc"
)

// Push takes the next row: the natural logarithms of the probabilities of all pieces and
// blank. What is not a number counts as impossible, and a row without any probability as blank.
func (d *Decoder) Push(row []float32) {
	s := d.search
	least := s.o.RowPrune
	d.pieces = d.pieces[:0]
	best := 0
	for p, v := range row[:s.blank] {
		if v > row[best] {
			best = p
		}
		if v >= least && !s.surfaces[p].never {
			d.pieces = append(d.pieces, scored{piece: ctc.Piece(p), logProb: min(v, 0)})
		}
	}
	if row[best] < least && row[best] > row[s.blank] && !s.surfaces[best].never {
		d.pieces = append(d.pieces, scored{piece: ctc.Piece(best), logProb: row[best]})
	}
	blank := min(row[s.blank], 0)
	if blank != blank {
		blank = never
	}
	if len(d.pieces) > 0 {
		d.rank()
		confidence := d.measure.Confidence(row)
		if confidence != confidence {
			confidence = 0
		}
		d.value(blank, confidence)
	}
	d.push(float64(blank))
}

// PushCandidates takes the next row by what was kept of it: the log-probability of blank, the
// candidates in their order, and the confidence of the row. The slice is only read.
func (d *Decoder) PushCandidates(blank float32, pieces []ctc.Candidate, sure float32) {
	s := d.search
	d.pieces = d.pieces[:0]
	for i, p := range pieces {
		if (p.LogProb >= s.o.RowPrune || i == 0 && p.LogProb > blank) && !s.surfaces[p.Piece].never {
			d.pieces = append(d.pieces, scored{piece: p.Piece, logProb: p.LogProb})
		}
	}
	if n := s.o.Pieces; n > 0 {
		d.pieces = d.pieces[:min(n, len(d.pieces))]
	}
	d.value(min(blank, 0), sure)
	d.push(float64(min(blank, 0)))
}

// value gives the pieces of a row their probabilities and confidences.
func (d *Decoder) value(blank, sure float32) {
	if len(d.pieces) == 0 {
		return
	}
	top := max(d.pieces[0].logProb, blank)
	for i := range d.pieces {
		p := &d.pieces[i]
		p.prob = math.Exp(float64(p.logProb))
		p.confidence = sure * float32(math.Exp(float64(p.logProb-top)))
	}
}

// never is the log-probability of what is impossible.
const never = -1e4

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
		d.step(d.pieces, math.Exp(blank-float64(d.search.o.BlankPenalty)))
	}
	d.at++
	if d.at%commitEvery == 0 {
		d.commit()
	}
}
