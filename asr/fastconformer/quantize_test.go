package fastconformer

import (
	"math"
	"testing"

	"pgregory.net/rapid"
)

// Weights are kept to half a step of their column, and columns of zeros stay zero.
func TestWeightsAreRoundedToTheNearestStep(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		out, bits := rapid.IntRange(1, 5).Draw(t, "out"), rapid.IntRange(7, 8).Draw(t, "bits")
		rows := rapid.IntRange(1, 6).Draw(t, "in")
		weights := rapid.SliceOfN(rapid.Float32Range(-3, 3), rows*out, rows*out).Draw(t, "weights")
		if rapid.Bool().Draw(t, "a column of zeros") {
			for i := 0; i < len(weights); i += out {
				weights[i] = 0
			}
		}
		integers, scales := quantize(weights, out, bits)
		most := 1<<(bits-1) - 1
		for i, w := range weights {
			q, s := int(int8(integers[i])), float64(scales[i%out])
			if q < -most || q > most {
				t.Fatalf("%v became %d, beyond %d bits", w, q, bits)
			}
			if d := math.Abs(float64(w) - float64(q)*s); d > s/2*1.001 {
				t.Fatalf("%v became %d steps of %v", w, q, s)
			}
		}
	})
}
