package mpeg

import "encoding/binary"

// slack is how many bytes a bit reader may look at behind its end: those of a look, and
// the scale factors of a granule, 180 bits at most, which are read before it is known
// whether they fit.
const slack = 8 + 24

// bits reads a buffer from its most significant bit on. The buffer is longer by slack
// than what is meant to be read, so that a look at the next 57 bits needs no check;
// whether the end was passed, the caller asks afterwards.
type bits struct {
	b   []byte
	pos int // in bits
}

// look returns the bits that follow at the top of 64; at least 57 of them are valid.
func (r *bits) look() uint64 {
	return binary.BigEndian.Uint64(r.b[r.pos>>3:]) << (r.pos & 7)
}

// take returns the next n bits, at most 32.
func (r *bits) take(n int) int {
	v := r.look() >> (64 - n)
	r.pos += n
	return int(v)
}

func (r *bits) flag() bool { return r.take(1) == 1 }
