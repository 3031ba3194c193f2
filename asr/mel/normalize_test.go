package mel

import (
	"math"
	"math/rand/v2"
	"testing"

	"pgregory.net/rapid"
)

// Whatever the processor has and however many bands and frames there are, the bits are the same.
func TestNormalizingGivesTheSameBitsEverywhere(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		bands := rapid.IntRange(1, 24).Draw(t, "bands")
		n := rapid.IntRange(1, 3*block).Draw(t, "frames")
		stride := n + rapid.IntRange(0, 9).Draw(t, "padding")
		r := rand.New(rand.NewPCG(rapid.Uint64().Draw(t, "seed"), 0))
		frames := make([]float32, n*bands)
		for i := range frames {
			frames[i] = float32(3*r.NormFloat64() - 9)
		}
		odd := rapid.SampledFrom([]float64{-9, 0, math.MaxFloat32, math.Inf(-1), math.NaN()}).Draw(t, "odd")
		frames[rapid.IntRange(0, len(frames)-1).Draw(t, "at")] = float32(odd)

		mean, std := moments(frames, bands)
		wantMean, wantStd := make([]float64, bands), make([]float64, bands)
		sumsGo(wantMean, frames)
		for m := range wantMean {
			wantMean[m] /= float64(n)
		}
		squaresGo(wantStd, wantMean, frames)
		got, want := make([]float32, bands*stride), make([]float32, bands*stride)
		for m := range wantStd {
			wantStd[m] = math.Sqrt(wantStd[m] / float64(max(n-1, 1)))
			if !alike(mean[m], wantMean[m]) || !alike(std[m], wantStd[m]) {
				t.Fatalf("band %d: mean %v, deviation %v; want %v and %v", m, mean[m], std[m], wantMean[m], wantStd[m])
			}
			wantStd[m] = 1 / (wantStd[m] + stdGuard)
		}
		normalizeGo(want, frames, wantMean, wantStd, stride)
		for i := range got {
			got[i] = 7 // Normalize writes every value
		}
		Normalize(got, frames, bands, stride)
		for i := range got {
			if !alike(float64(got[i]), float64(want[i])) {
				t.Fatalf("band %d, column %d: %v, want %v", i/stride, i%stride, got[i], want[i])
			}
		}
	})
}

// alike says whether a and b have the same bits or are both not a number: which one is nothing
// that Go promises.
func alike(a, b float64) bool {
	return math.Float64bits(a) == math.Float64bits(b) || a != a && b != b
}
