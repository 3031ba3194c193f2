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
		top := max(d.pieces[0].logProb, blank)
		confidence := d.measure.Confidence(row)
		if confidence != confidence {
			confidence = 0
		}
		for i := range d.pieces {
			p := &d.pieces[i]
			p.prob = math.Exp(float64(p.logProb))
			p.confidence = confidence * float32(math.Exp(float64(p.logProb-top)))
		}
	}
	d.push(float64(blank))
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
		d.step(d.pieces, math.Exp(blank))
	}
	d.at++
	if d.at%commitEvery == 0 {
		d.commit()
	}
}
