package mel

import "math"

// Level is the loudness of a frame in one byte: the mean of its log-mel values above
// digital silence, LevelsPerNat steps a nat of power (a step is about half a decibel).
type Level uint8

// LevelsPerNat is the number of steps of a Level for a factor e of power.
const LevelsPerNat = 8

// LevelOf returns the level of one raw frame.
func LevelOf(frame []float32) Level {
	var sum float32
	for _, v := range frame {
		sum += v
	}
	l := (sum/float32(len(frame)) - Silence) * LevelsPerNat
	return Level(min(max(math.Round(float64(l)), 0), math.MaxUint8))
}
