package ctc

import (
	"encoding/binary"
	"fmt"
	"math"
)

// rowBytes is the size of an encoded row.
const rowBytes = 16

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
	if len(b)%rowBytes != 0 {
		return nil, fmt.Errorf("ctc: %d bytes are not a number of rows", len(b))
	}
	rows := make([]Row, len(b)/rowBytes)
	for i := range rows {
		field := func(k int) uint32 { return binary.LittleEndian.Uint32(b[i*rowBytes+4*k:]) }
		best := field(0)
		if best >= uint32(width) {
			return nil, fmt.Errorf("ctc: row %d has piece %d of %d", i, best, width)
		}
		rows[i] = Row{Piece(best), math.Float32frombits(field(1)), math.Float32frombits(field(2)), math.Float32frombits(field(3))}
	}
	return rows, nil
}
