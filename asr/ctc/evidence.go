package ctc

import (
	"encoding/binary"

	"github.com/asr-backend/asr-backend/timeline"
)

// A transducer writes a piece about when it is said, but sometimes several words in one row, late
// or ahead. The CTC head of a hybrid is asked for a piece in the rows around the one in which it was
// written: 1.5 s before and 1.6 s after.
const (
	EvidenceBefore timeline.Row = 19
	EvidenceAfter  timeline.Row = 20
)

// Evidence is what the CTC head of a hybrid says of a piece that the transducer wrote: its
// log-probabilities in the rows from EvidenceBefore before to EvidenceAfter after, in steps of
// -1/1024. It is what is needed to place the piece, for 80 bytes.
type Evidence [EvidenceBefore + 1 + EvidenceAfter]uint16

// EvidenceOf returns that of a piece which was written in row number at of the log-probabilities,
// width values a row. Where there is no row, the piece is as improbable as can be.
func EvidenceOf(p Piece, logProbs []float32, width, at int) (e Evidence) {
	for i := range e {
		e[i] = ^uint16(0)
		if row := at - int(EvidenceBefore) + i; row >= 0 && (row+1)*width <= len(logProbs) {
			e[i] = logStep(logProbs[row*width+int(p)])
		}
	}
	return e
}

// LogProb returns the log-probability of the piece so many rows after the one in which it was
// written, or before, and whether the evidence reaches so far.
func (e *Evidence) LogProb(after timeline.Row) (v float32, ok bool) {
	i := after + EvidenceBefore
	if i < 0 || i >= timeline.Row(len(e)) {
		return 0, false
	}
	return -float32(e[i]) / logSteps, true
}

// EvidenceBytes is the size of what Evidence.Append writes.
const EvidenceBytes = 2 * len(Evidence{})

// Append appends the steps to b, 16 bits each, little-endian.
func (e *Evidence) Append(b []byte) []byte {
	for _, v := range e {
		b = binary.LittleEndian.AppendUint16(b, v)
	}
	return b
}

// ParseEvidence reads what Append has written, of at least EvidenceBytes.
func ParseEvidence(b []byte) (e Evidence) {
	for i := range e {
		e[i] = binary.LittleEndian.Uint16(b[2*i:])
	}
	return e
}
