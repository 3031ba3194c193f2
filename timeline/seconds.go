package timeline

import (
	"math"
	"time"
)

// century bounds what is taken for a time, in seconds.
const century = 3e9

// FromSeconds converts seconds, to the nearest nanosecond. What is no number, or beyond a
// century, is zero.
func FromSeconds(seconds float64) time.Duration {
	if math.IsNaN(seconds) || math.Abs(seconds) > century {
		return 0
	}
	return time.Duration(math.Round(seconds * 1e9))
}
