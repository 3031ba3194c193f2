package timeline

import (
	"fmt"
	"math"
	"strconv"
	"time"
)

// Clock writes a position or a length the way people do: "0.006 s", "0.06 s", "42.5 s",
// "3:07.5", "1:02:03.5". Seconds alone have at most two decimals, three below a tenth, and
// no zeros at their end. It is for messages: what it rounds away cannot be read back.
func (s Sample) Clock() string {
	if s.round(1000) < 0 {
		return "-" + (-max(s, -math.MaxInt64)).Clock()
	}
	decimals := func(parts int64) string {
		return strconv.FormatFloat(float64(s.round(parts))/float64(parts), 'f', -1, 64) + " s"
	}
	n := s.round(10)
	switch {
	case s.round(1000) < 100:
		return decimals(1000)
	case s.round(100) < 6000:
		return decimals(100)
	case n >= 2*365*day:
		return fmt.Sprintf("%d years", n/(365*day))
	case n >= 100*36000:
		return strconv.FormatFloat(math.Round(float64(n)/day*10)/10, 'f', -1, 64) + " days"
	}
	return clockTenths(n)
}

// Clock writes a time or a length as players show it: "3:07", "1:02:03".
func Clock(d time.Duration) string { return clock(int64(d.Round(time.Second) / time.Second)) }

// ClockTenths is Clock with tenths of a second: "3:07.5".
func ClockTenths(d time.Duration) string { return clockTenths(int64(d.Round(tenth) / tenth)) }

const tenth = time.Second / 10

func clockTenths(n int64) string { return fmt.Sprintf("%s.%d", clock(n/10), n%10) }

func clock(s int64) string {
	if s < 3600 {
		return fmt.Sprintf("%d:%02d", s/60, s%60)
	}
	return fmt.Sprintf("%d:%02d:%02d", s/3600, s/60%60, s%60)
}

// day is a day in tenths of a second.
const day = 24 * 36000

// round returns s in units of 1/parts of a second, to the nearest.
func (s Sample) round(parts int64) int64 {
	half := int64(SampleRate)
	if s < 0 {
		half = -half
	}
	whole, rest := int64(s)/SampleRate, int64(s)%SampleRate // apart, or they overflow
	return whole*parts + (2*rest*parts+half)/(2*SampleRate)
}
