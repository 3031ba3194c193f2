package mel

import (
	"math"
	"testing"

	"pgregory.net/rapid"
)

func TestLogsAreThoseOfTheStandardLibrary(t *testing.T) {
	table := newLogTable()
	rapid.Check(t, func(t *rapid.T) {
		x := rapid.Float64Range(logGuard, 1e12).Draw(t, "x")
		var got [1]float32
		table.logs(got[:], []float64{x})
		want := math.Log(x)
		if d := math.Abs(float64(got[0]) - want); d > 6e-8*max(math.Abs(want), 1e-2) {
			t.Errorf("the logarithm of %v: %v, want %v", x, got[0], want)
		}
	})
	for _, x := range []float64{math.NaN(), math.Inf(1)} {
		var got [1]float32
		table.logs(got[:], []float64{x})
		if y := float64(got[0]); !math.IsNaN(y) && !math.IsInf(y, 1) {
			t.Errorf("the logarithm of %v is %v", x, y)
		}
	}
	// At the edges of the table's parts, and around one, where digits cancel.
	for i := range 1 << (logBits + 1) {
		for _, x := range []float64{1 + float64(i)/(1<<logBits), math.Nextafter(1+float64(i)/(1<<logBits), 0), 1 - float64(i)/(1<<20)} {
			var got [1]float32
			table.logs(got[:], []float64{x})
			if d := math.Abs(float64(got[0]) - math.Log(x)); d > 6e-8*max(math.Abs(math.Log(x)), 1e-7) {
				t.Errorf("the logarithm of %v: %v, want %v", x, got[0], math.Log(x))
			}
		}
	}
}

func TestCubeRootsAreThoseOfTheStandardLibrary(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		x := rapid.Float64Range(1, 1e15).Draw(t, "x")
		if got, want := cubeRoot(x), math.Cbrt(x); math.Abs(got-want) > 1e-9*want {
			t.Errorf("the cube root of %v: %v, want %v", x, got, want)
		}
	})
}

// The level of a frame is the mean over its bands of the cube root of power, as a logarithm.
func TestLevelsAreLoudness(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		energies := rapid.SliceOfN(rapid.Float64Range(logGuard, 1e6), 80, 80).Draw(t, "energies")
		sum := 0.
		for _, e := range energies {
			sum += math.Exp((math.Log(e) - math.Log(logGuard)) / 3)
		}
		want := 3 * LevelsPerNat * math.Log(sum/80)
		if got := float64(levelOf(loudness(energies), len(energies))); math.Abs(got-min(want, math.MaxUint8)) > 0.5+1e-6 {
			t.Errorf("level %v, want %v", got, want)
		}
	})
}
