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

const loudnessPower = 1. / 3

// LevelOf returns the level of one raw frame.
func LevelOf(frame []float32) Level {
	sum := 0.
	for _, v := range frame {
		sum += math.Exp(loudnessPower * float64(v-Silence))
	}
	nats := math.Log(sum/float64(len(frame))) / loudnessPower
	return Level(min(max(math.Round(nats*LevelsPerNat), 0), math.MaxUint8))
}
