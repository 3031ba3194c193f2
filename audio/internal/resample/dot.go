package resample

// lanes is the number of partial sums of a dot product: four registers of eight.
const lanes = 32

// dotLanes is the sum of products of x and h, whose lengths are equal and a multiple of
// lanes. It adds in the order of dotAVX, and the conversions keep compilers from fusing
// a multiplication with an addition (which rounds once where two instructions round
// twice), so that every machine gives the same bits.
func dotLanes(x, h []float32) float32 {
	var s [lanes]float32
	for len(x) >= lanes && len(h) >= lanes {
		a, b := (*[lanes]float32)(x), (*[lanes]float32)(h)
		for i := range s {
			s[i] += float32(a[i] * b[i])
		}
		x, h = x[lanes:], h[lanes:]
	}
	var q [8]float32
	for i := range q {
		q[i] = (s[i] + s[8+i]) + (s[16+i] + s[24+i])
	}
	for i := range 4 {
		q[i] += q[4+i]
	}
	return (q[0] + q[2]) + (q[1] + q[3])
}
