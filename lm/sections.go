package lm

import (
	"encoding/binary"
	"math"
)

// numbers are unsigned integers of 2, 3 or 4 bytes, lowest byte first. The slice has at least
// one byte more than 3-byte numbers need, so that four can be read at once.
type numbers struct {
	b    []byte
	size uint32
	mask uint32
}

func (n *numbers) at(i uint32) uint32 {
	j := uint64(i) * uint64(n.size)
	if n.size == 2 {
		return uint32(binary.LittleEndian.Uint16(n.b[j:]))
	}
	return binary.LittleEndian.Uint32(n.b[j:]) & n.mask
}

// pair returns numbers i and i+1, of 4 bytes each.
func (n *numbers) pair(i uint32) (x, y uint32) {
	both := binary.LittleEndian.Uint64(n.b[4*uint64(i):])
	return uint32(both), uint32(both >> 32)
}

// appendNumber appends x in size bytes.
func appendNumber(b []byte, x uint32, size int) []byte {
	for range size {
		b = append(b, byte(x))
		x >>= 8
	}
	return b
}

// values are logarithms: float32, or codes of 1 or 2 bytes. Code 0 stands for the special
// value, code c for low + (c-1)·step.
type values struct {
	b    []byte
	size int
	quantum
}

type quantum struct {
	Special float32 `json:"special"`
	Low     float32 `json:"low"`
	Step    float32 `json:"step"`
}

func (v *values) at(i uint32) float32 {
	var code uint32
	switch v.size {
	case 1:
		code = uint32(v.b[i])
	case 2:
		code = uint32(binary.LittleEndian.Uint16(v.b[2*uint64(i):]))
	default:
		return math.Float32frombits(binary.LittleEndian.Uint32(v.b[4*uint64(i):]))
	}
	return v.decode(code)
}

func (q *quantum) decode(code uint32) float32 {
	if code == 0 {
		return q.Special
	}
	return q.Low + float32(float32(code-1)*q.Step) // rounded twice on every processor
}
