package mpeg

import "math"

// The synthesis filter bank turns a slot of 32 subbands into 32 samples of sound. Each
// slot becomes a vector of 64 values by a cosine matrix; a sample is a windowed sum over
// the vectors of the last 16 slots, of which even ages give their first half and odd
// ones their second.

const (
	synthVector = 64
	synthPast   = 15 // slots that still count
)

// synthesis is the memory of one channel's filter bank.
type synthesis struct {
	// Vectors, oldest first: those of earlier slots, then one for each slot of a granule.
	v [(synthPast + slots) * synthVector]float32
}

// synthMatrix is the cosine matrix, row by subband: cos(c(2k+1)π/64) for the 32 arguments c
// that the others repeat, of which it has the even ones and then the odd ones. Subbands k
// and 31-k have the same cosine at even arguments, and the opposite one at odd arguments,
// so that sixteen rows do.
var synthMatrix = func() (m [2][256]float32) {
	for k := range 16 {
		for c := range subbands {
			m[c%2][k*16+c/2] = float32(math.Cos(float64(c*(2*k+1)) * math.Pi / 64))
		}
	}
	return m
}()

// synthWindow holds the window by age of the slot.
var synthWindow = func() (w [16 * subbands]float32) {
	for i := range w {
		if i <= 256 {
			w[i] = float32(window[i])
		} else {
			w[i] = -float32(window[512-i])
			if i%64 == 0 {
				w[i] = -w[i]
			}
		}
		w[i] /= 1 << 16
	}
	return w
}()

// run turns slots of subbands into sound; out has 32 samples for each slot.
func (s *synthesis) run(in *[slots][subbands]float32, out *[slots * subbands]float32) {
	vectors((*[slots * synthVector]float32)(s.v[synthPast*synthVector:]), in, &synthMatrix)
	for t := range slots {
		weigh((*[subbands]float32)(out[t*subbands:]), s.v[t*synthVector:(t+synthPast+1)*synthVector], &synthWindow)
	}
	copy(s.v[:], s.v[slots*synthVector:])
}
