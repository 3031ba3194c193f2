package transcript

import (
	"bytes"
	"fmt"
	"math"
	"strconv"
	"strings"
	"time"
)

// Rounding is to the nearest unit, halves away from zero. It never changes the order of
// two times, so an interval stays an interval and words stay inside their segment; a
// length is the difference of two rounded ends, so that start and length add up to end.

// maxTime is the largest time a reader accepts: over thirty years, and far from where a
// time.Duration or the nanoseconds of a float64 run out.
const maxTime = 1e9 * time.Second

// millis returns d in whole milliseconds.
func millis(d time.Duration) int64 { return int64(d.Round(time.Millisecond) / time.Millisecond) }

// fixed returns seconds with a fixed number of decimals, as in 12.340.
func fixed(d time.Duration, decimals int) string { return string(appendFixed(nil, d, decimals)) }

func appendFixed(b []byte, d time.Duration, decimals int) []byte {
	step := time.Duration(math.Pow10(9 - decimals))
	d = d.Round(step)
	b = append(strconv.AppendInt(b, int64(d/time.Second), 10), '.')
	for limit := time.Second / 10; limit > max(d%time.Second, step); limit /= 10 {
		b = append(b, '0')
	}
	return strconv.AppendInt(b, int64(d%time.Second/step), 10)
}

// exact returns seconds with as many decimals as it takes, as in 12.34 or 0.0000625, but
// at least one: some readers of JSON would take 12 for another type than 12.5.
func exact(d time.Duration) string { return string(appendExact(nil, d)) }

func appendExact(b []byte, d time.Duration) []byte {
	b = bytes.TrimRight(appendFixed(b, d, 9), "0")
	if b[len(b)-1] == '.' {
		b = append(b, '0')
	}
	return b
}

// clockMillis returns ms milliseconds as hours, minutes and seconds, as in 00:00:12.340.
// The hours have two digits, and more from a hundred on.
func clockMillis(ms int64, point byte) string {
	return fmt.Sprintf("%02d:%02d:%02d%c%03d", ms/3600000, ms/60000%60, ms/1000%60, point, ms%1000)
}

// parseSeconds reads a decimal number of seconds, with a point or a comma. It is exact to
// the nanosecond for the first two thousand hours.
func parseSeconds(s string) (time.Duration, error) {
	f, err := strconv.ParseFloat(strings.Replace(s, ",", ".", 1), 64)
	switch {
	case err != nil:
		return 0, fmt.Errorf("%s is not a time in seconds", quote(s))
	case math.IsNaN(f) || f < 0 || f > maxTime.Seconds():
		return 0, fmt.Errorf("time %s is out of range", quote(s))
	}
	return time.Duration(math.Round(f * 1e9)), nil
}

// parseClock reads [hours:]minutes:seconds[.fraction], with a point or a comma.
func parseClock(s string) (time.Duration, error) {
	parts := strings.Split(s, ":")
	if len(parts) < 2 || len(parts) > 3 {
		return 0, fmt.Errorf("%s is not a time like 00:01:02.345", quote(s))
	}
	sec, fraction, _ := strings.Cut(strings.Replace(parts[len(parts)-1], ",", ".", 1), ".")
	var total time.Duration
	for i, p := range append(parts[:len(parts)-1:len(parts)-1], sec) {
		n, err := strconv.ParseUint(p, 10, 18) // 262,143 hours, within maxTime
		if err != nil || i > 0 && n > 59 {
			return 0, fmt.Errorf("%s is not a time like 00:01:02.345", quote(s))
		}
		total = 60*total + time.Duration(n)*time.Second
	}
	if fraction == "" {
		return total, nil
	}
	n, err := strconv.ParseUint((fraction + "00000000")[:9], 10, 64)
	if err != nil || len(fraction) > 9 {
		return 0, fmt.Errorf("%s is not a time like 00:01:02.345", quote(s))
	}
	return total + time.Duration(n), nil
}

// quote returns s in quotes for an error message, cut if it is long.
func quote(s string) string {
	if len(s) > 40 {
		s = strings.ToValidUTF8(s[:40], "") + "…"
	}
	return strconv.Quote(s)
}
