package mel

import (
	"math"
	"slices"
	"testing"

	"github.com/asr-backend/asr-backend/timeline"

	"pgregory.net/rapid"
)

// A frame has the same bits whatever is computed with it, also if it or its neighbours are not
// finite.
func TestFramesDoNotDependOnTheirNeighbours(t *testing.T) {
	bank, err := NewBank(80)
	if err != nil {
		t.Fatal(err)
	}
	work := new(workspace)
	rapid.Check(t, func(t *rapid.T) {
		n := rapid.IntRange(1, 4*lanes).Draw(t, "frames")
		y := make([]float64, windowSize+(n-1)*timeline.SamplesPerFrame)
		for i := range y {
			y[i] = math.Sin(float64(i*i) / 997)
		}
		for range rapid.IntRange(0, 3).Draw(t, "odd samples") {
			y[rapid.IntRange(0, len(y)-1).Draw(t, "at")] = rapid.SampledFrom([]float64{
				math.NaN(), math.Inf(1), math.Inf(-1), math.MaxFloat64, math.MaxFloat32, 5e-324}).Draw(t, "odd")
		}
		got, levels := make([]float32, n*80), make([]Level, n)
		bank.frames(got, levels, y, []*workspace{work})
		for k := range n {
			var want [80]float32
			level := bank.frame(want[:], (*[windowSize]float64)(y[k*timeline.SamplesPerFrame:]), &work.one)
			if !slices.EqualFunc(got[k*80:(k+1)*80], want[:], func(a, b float32) bool { return math.Float32bits(a) == math.Float32bits(b) }) {
				t.Fatalf("frame %d of %d differs: %v, alone %v", k, n, got[k*80:(k+1)*80], want)
			}
			if levels[k] != level {
				t.Fatalf("frame %d of %d: level %d, alone %d", k, n, levels[k], level)
			}
		}
	})
}
