package graph

import (
	"encoding/binary"
	"math"
	"testing"

	"github.com/asr-backend/asr-backend/internal/oracle"
)

// fromHalf is by the definition of IEEE 754's binary16.
func fromHalf(h uint16) float64 {
	sign, exponent, mantissa := 1-2*float64(h>>15), int(h>>10&31), float64(h&1023)
	switch exponent {
	case 0:
		return sign * mantissa * 0x1p-24
	case 31:
		return math.NaN()
	}
	return sign * math.Ldexp(1+mantissa/1024, exponent-15)
}

// Every 16-bit float stays what it is, and what lies between two goes to the nearer.
func TestFloatsAreRoundedToTheNearest(t *testing.T) {
	for h := range uint16(31 << 10) {
		for _, sign := range []uint16{0, 0x8000} {
			here := float32(fromHalf(h | sign))
			if got := toHalf(here); got != h|sign {
				t.Fatalf("%v becomes %#x, want %#x", here, got, h|sign)
			}
			if h == 31<<10-1 {
				continue
			}
			next := float32(fromHalf((h + 1) | sign))
			middle := here + (next-here)/2
			even := h | sign
			if h%2 == 1 {
				even = (h + 1) | sign
			}
			below, above := math.Nextafter32(middle, here), math.Nextafter32(middle, next)
			if a, b, c := toHalf(below), toHalf(middle), toHalf(above); a != h|sign || b != even || c != (h+1)|sign {
				t.Fatalf("%v, %v and %v become %#x, %#x and %#x", below, middle, above, a, b, c)
			}
		}
	}
	for _, large := range []float32{65504, 65519, 65520, 1e9, float32(math.Inf(1))} {
		if a, b := toHalf(large), toHalf(-large); fromHalf(a) != 65504 || fromHalf(b) != -65504 {
			t.Errorf("±%v becomes %v and %v", large, fromHalf(a), fromHalf(b))
		}
	}
	if h := toHalf(float32(math.NaN())); h&0x7c00 != 0x7c00 || h&1023 == 0 {
		t.Errorf("NaN becomes %#x", h)
	}
}

// 16-bit floats are those that numpy makes; beyond the largest one it has infinity.
func TestFloatsAreRoundedAsByNumpy(t *testing.T) {
	values := []float32{0, 1, -1, 0.1, 65504, 65519, 6e-5, 6.1e-5, 5.9e-8, 2.98e-8, 2.99e-8, 1e-9, -3.14159, 2049, 2051, 0.99999, 1.0 / 3}
	var raw []byte
	for _, v := range values {
		raw = binary.LittleEndian.AppendUint32(raw, math.Float32bits(v))
	}
	want := oracle.RunPython(t, raw, "import sys, numpy as np\nsys.stdout.buffer.write(np.frombuffer(sys.stdin.buffer.read(), '<f4').astype('<f2').tobytes())")
	for i, v := range values {
		if got, want := toHalf(v), binary.LittleEndian.Uint16([]byte(want)[2*i:]); got != want {
			t.Errorf("%v becomes %04x, numpy's is %04x", v, got, want)
		}
	}
}
