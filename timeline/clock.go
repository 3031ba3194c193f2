package timeline

import (
	"fmt"
	"math"
	"strconv"
)

// Clock writes a position or a length the way people do: "0.06 s", "7.25 s", "42.5 s",
// "3:07.5", "1:02:03.5". Seconds alone have at most two decimals below ten and one above,
// and no zeros at their end. It is for messages: what it rounds away cannot be read back.
func (s Sample) Clock() string {
	if s.round(100) < 0 {
		return "-" + (-max(s, -math.MaxInt64)).Clock()
	}
	if n := s.round(100); n < 1000 {
		return strconv.FormatFloat(float64(n)/100, 'f', -1, 64) + " s"
	}
	n := s.round(10)
	switch {
	case n < 600:
		return strconv.FormatFloat(float64(n)/10, 'f', -1, 64) + " s"
	case n < 36000:
		return fmt.Sprintf("%d:%02d.%d", n/600, n/10%60, n%10)
	}
	return fmt.Sprintf("%d:%02d:%02d.%d", n/36000, n/600%60, n/10%60, n%10)
}

// round returns s in units of 1/parts of a second, to the nearest.
func (s Sample) round(parts int64) int64 {
	half := int64(SampleRate)
	if s < 0 {
		half = -half
	}
	whole, rest := int64(s)/SampleRate, int64(s)%SampleRate // apart, or they overflow
	return whole*parts + (2*rest*parts+half)/(2*SampleRate)
}
