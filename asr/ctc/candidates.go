package ctc

import (
	"cmp"
	"math"
	"slices"
)

// A Candidate is a piece that a search tries in a row.
type Candidate struct {
	Piece   Piece
	LogProb float32 // natural log of its probability, a multiple of 1/1024
}

// What is kept of a row for a search. More of either changes next to no text: 8 candidates a row
// cost a tenth of a point of word errors, and on 16 all that are above the floor nearly always fit.
const (
	MaxCandidates  = 16
	CandidateFloor = -6 // the least log-probability, but for the best piece of a row
)

// Candidates are what is kept of consecutive rows for a search: the probable pieces other than
// blank, the most probable first, and of equals the lowest. They are rounded when they are
// made, so that a search finds the same in them before and after they were stored.
type Candidates struct {
	rows []candidateRow
	all  []Candidate
}

type candidateRow struct {
	begin, end int32   // of its candidates in all
	sure       float32 // the confidence of the row, 0..1, a multiple of 1/65535
}

const (
	logSteps  = 1024 // of a nat
	sureSteps = math.MaxUint16
)

// Append keeps the candidates of the next row, given what Summarize made of it and the measure that
// did.
func (c *Candidates) Append(logProbs []float32, r Row, blank Piece, m *Measure) {
	from := len(c.all)
	best, top := blank, float32(math.Inf(-1))
	for i, v := range logProbs {
		p := Piece(i)
		if p == blank {
			continue
		}
		if v > top {
			best, top = p, v
		}
		if v >= CandidateFloor {
			c.all = append(c.all, Candidate{p, v})
		}
	}
	if top < CandidateFloor && top > logProbs[blank] {
		c.all = append(c.all, Candidate{best, top})
	}
	row := c.all[from:]
	sure := r.Confidence
	if len(row) > 0 {
		if r.Best == blank { // whose rows count as sure
			sure = m.Confidence(logProbs)
		}
		slices.SortFunc(row, func(a, b Candidate) int {
			return cmp.Or(cmp.Compare(b.LogProb, a.LogProb), cmp.Compare(a.Piece, b.Piece))
		})
		c.all = c.all[:from+min(len(row), MaxCandidates)]
		for i := range c.all[from:] {
			p := &c.all[from+i]
			p.LogProb = -float32(logStep(p.LogProb)) / logSteps
		}
	}
	c.rows = append(c.rows, candidateRow{int32(from), int32(len(c.all)), float32(sureStep(sure)) / sureSteps})
}

// AppendRow keeps the candidates of the next row as Row returned them.
func (c *Candidates) AppendRow(pieces []Candidate, sure float32) {
	from := len(c.all)
	c.all = append(c.all, pieces...)
	c.rows = append(c.rows, candidateRow{int32(from), int32(len(c.all)), sure})
}

// AppendSilent keeps rows without candidates, such as those of SilentRow.
func (c *Candidates) AppendSilent(n int) {
	for range n {
		c.rows = append(c.rows, candidateRow{sure: 1})
	}
}

func logStep(v float32) uint16 {
	return uint16(min(max(math.Round(-float64(v)*logSteps), 0), math.MaxUint16))
}

func sureStep(v float32) uint16 { return uint16(math.Round(float64(min(max(v, 0), 1)) * sureSteps)) }

// Len is the number of rows.
func (c *Candidates) Len() int { return len(c.rows) }

// Row returns the candidates of a row and the confidence of the row, 0..1. The slice is not to be
// changed.
func (c *Candidates) Row(i int) (pieces []Candidate, sure float32) {
	r := &c.rows[i]
	return c.all[r.begin:r.end], r.sure
}

// From returns those of the rows from number n on. They share the memory of c.
func (c Candidates) From(n int) Candidates { return Candidates{c.rows[n:], c.all} }

// Slice returns those of the rows [from, to). They share the memory of c.
func (c Candidates) Slice(from, to int) Candidates { return Candidates{c.rows[from:to:to], c.all} }
