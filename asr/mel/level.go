package mel

import "math"

// Level is the loudness of a frame in one byte, LevelsPerNat steps a nat of power above
// digital silence (a step is about half a decibel): the mean over the bands of the cube
// root of power, the law by which loudness grows with intensity (Hermansky 1990), as a
// logarithm of power again.
//
// Beside a mean of the logarithms it counts what is audible. Bands that hold next to nothing,
// in which lossy coding changes most, move it little.
type Level uint8

// LevelsPerNat is the number of steps of a Level for a factor e of power.
const LevelsPerNat = 8

const loudnessPower = 1. / 3 // see cubeRoot

// levelOf returns the level of a frame of so many bands by its loudness.
func levelOf(loudness float64, bands int) Level {
	nats := math.Log(loudness/float64(bands)) / loudnessPower
	return Level(min(max(math.Round(nats*LevelsPerNat), 0), math.MaxUint8))
}

// loudness returns the sum of the cube roots of energies, guarded, in units of the guard.
func loudness(energies []float64) float64 {
	sum := 0.
	for _, e := range energies {
		sum += cubeRoot(e * (1 / logGuard))
	}
	return sum
}

// cubeRoot returns the cube root of a positive normal number to within 1e-9 of itself: a guess by
// a third of the exponent, and Halley's iteration twice. It takes a third of the time of math.Cbrt.
func cubeRoot(x float64) float64 {
	const third = 0x55555555 // of 2³²
	y := math.Float64frombits(math.Float64bits(x)>>32*third + 0x2a9f7893782da1ce)
	for range 2 {
		c := float64(float64(y*y) * y)
		y = float64(y * ((c + 2*x) / (2*c + x)))
	}
	return y
}
