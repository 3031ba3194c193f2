package flac

import (
	"encoding/binary"
	"math/bits"
)

// slack is how many bytes must follow the data of a bit reader in its buffer.
const slack = 8

// reader reads bits from the most significant on. Reading past end sets short and gives
// zeros, so that callers check once for many reads.
type reader struct {
	b     []byte // with slack bytes behind the data
	pos   int    // in bits
	end   int    // in bits
	short bool
}

// look returns the next bits at the top of 64; at least 57 of them are valid.
func (r *reader) look() uint64 {
	return binary.BigEndian.Uint64(r.b[r.pos>>3:]) << (r.pos & 7)
}

// take returns the next n bits, at most 57.
func (r *reader) take(n int) uint64 {
	if r.pos+n > r.end {
		r.short = true
		r.pos = r.end
		return 0
	}
	v := r.look() >> (64 - n) // n of 0 gives 0
	r.pos += n
	return v
}

// signed returns the next n bits as a number in two's complement.
func (r *reader) signed(n int) int64 {
	return int64(r.take(n)<<(64-n)) >> (64 - n)
}

// unary counts zeros up to the next one.
func (r *reader) unary() int {
	n := 0
	for {
		if r.pos >= r.end {
			r.short = true
			return 0
		}
		w := r.look()
		// The bits that look does not vouch for are zero or belong to what follows, so
		// only the first 56 count.
		if z := bits.LeadingZeros64(w); z < 56 {
			n += z
			r.pos += z + 1
			r.short = r.short || r.pos > r.end
			return n
		}
		n += 56
		r.pos += 56
	}
}
