package ctc

import (
	"encoding/binary"
	"fmt"
	"math"
)

// Saved is what is kept of the rows of a window so that the model need not run over it again.
type Saved struct {
	Rows []Row
	// Candidates are as many as Rows, or none: then the rows are too little for a search.
	Candidates Candidates
	// Checkpoint is what is kept of a window of a transducer instead.
	Checkpoint []byte
}

// marked is what an encoding with candidates begins with. No piece has this number, which is
// where that of an encoding without candidates stands.
const marked = math.MaxUint32

// checkpointed is what the encoding of a checkpoint begins with.
const checkpointed = math.MaxUint32 - 1

// Encode returns a form that ParseSaved reads: the rows as AppendRows writes them, and if there are
// candidates, the mark and the number of rows (32 bits each) before them and after them for each
// row its confidence in 1/65535 and the number of its candidates (16 bits each), and for each of
// these its piece and its log-probability in -1/1024 (16 bits each). A checkpoint is a mark of its own
// (32 bits) and its bytes.
func (s *Saved) Encode() []byte {
	if len(s.Checkpoint) > 0 {
		return append(binary.LittleEndian.AppendUint32(nil, checkpointed), s.Checkpoint...)
	}
	c := &s.Candidates
	if c.Len() == 0 {
		return AppendRows(nil, s.Rows)
	}
	b := binary.LittleEndian.AppendUint32(nil, marked)
	b = binary.LittleEndian.AppendUint32(b, uint32(len(s.Rows)))
	b = AppendRows(b, s.Rows)
	for i := range c.Len() {
		pieces, sure := c.Row(i)
		b = binary.LittleEndian.AppendUint16(b, sureStep(sure))
		b = binary.LittleEndian.AppendUint16(b, uint16(len(pieces)))
		for _, p := range pieces {
			b = binary.LittleEndian.AppendUint16(b, uint16(p.Piece))
			b = binary.LittleEndian.AppendUint16(b, logStep(p.LogProb))
		}
	}
	return b
}

// ParseSaved reads what Encode has written of rows of a vocabulary of width columns.
func ParseSaved(b []byte, width int) (s Saved, err error) {
	if len(b) > 4 && binary.LittleEndian.Uint32(b) == checkpointed {
		s.Checkpoint = b[4:]
		return s, nil
	}
	if len(b) < 8 || binary.LittleEndian.Uint32(b) != marked {
		s.Rows, err = ParseRows(b, width)
		return s, err
	}
	n := int(binary.LittleEndian.Uint32(b[4:]))
	if b = b[8:]; n == 0 || n > len(b)/(RowBytes+4) {
		return s, fmt.Errorf("ctc: %d bytes are too few for %d rows with candidates", len(b), n)
	}
	if s.Rows, err = ParseRows(b[:n*RowBytes], width); err != nil {
		return s, err
	}
	if s.Candidates, err = parseCandidates(b[n*RowBytes:], n, width); err != nil {
		return Saved{}, err
	}
	return s, nil
}

func parseCandidates(b []byte, n, width int) (c Candidates, err error) {
	c.rows = make([]candidateRow, n)
	field := func() (v uint16, ok bool) {
		if len(b) < 2 {
			return 0, false
		}
		v, b = binary.LittleEndian.Uint16(b), b[2:]
		return v, true
	}
	for i := range c.rows {
		sure, _ := field()
		count, ok := field()
		if !ok || count > MaxCandidates {
			return c, fmt.Errorf("ctc: row %d has no good number of candidates", i)
		}
		begin := len(c.all)
		for range count {
			piece, _ := field()
			logProb, ok := field()
			if !ok || int(piece) >= width {
				return c, fmt.Errorf("ctc: row %d has candidate %d of %d", i, piece, width)
			}
			c.all = append(c.all, Candidate{Piece(piece), -float32(logProb) / logSteps})
		}
		c.rows[i] = candidateRow{int32(begin), int32(len(c.all)), float32(sure) / sureSteps}
	}
	if len(b) > 0 {
		return c, fmt.Errorf("ctc: %d bytes follow the candidates", len(b))
	}
	return c, nil
}

// RowBytes is the size of a row as AppendRows writes it.
const RowBytes = 16

// AppendRows appends rows to b in a form that ParseRows reads: four little-endian
// 32-bit values a row, in the order of Row's fields.
func AppendRows(b []byte, rows []Row) []byte {
	for _, r := range rows {
		b = binary.LittleEndian.AppendUint32(b, uint32(r.Best))
		b = binary.LittleEndian.AppendUint32(b, math.Float32bits(r.LogProb))
		b = binary.LittleEndian.AppendUint32(b, math.Float32bits(r.Blank))
		b = binary.LittleEndian.AppendUint32(b, math.Float32bits(r.Confidence))
	}
	return b
}

// ParseRows reads rows of a vocabulary of width columns.
func ParseRows(b []byte, width int) ([]Row, error) {
	if len(b)%RowBytes != 0 {
		return nil, fmt.Errorf("ctc: %d bytes are not a number of rows", len(b))
	}
	rows := make([]Row, len(b)/RowBytes)
	for i := range rows {
		field := func(k int) uint32 { return binary.LittleEndian.Uint32(b[i*RowBytes+4*k:]) }
		best := field(0)
		if best >= uint32(width) {
			return nil, fmt.Errorf("ctc: row %d has piece %d of %d", i, best, width)
		}
		rows[i] = Row{Piece(best), math.Float32frombits(field(1)), math.Float32frombits(field(2)), math.Float32frombits(field(3))}
	}
	return rows, nil
}
