package cli

import (
	"errors"
	"fmt"
	"strconv"
	"strings"
	"time"
)

// maxTime is the longest time that can be typed: a year.
const maxTime = 366 * 24 * time.Hour

// ParseTime reads a time as people type it and as this program prints it: seconds (3,
// 3.5), a clock (0:03, 1:02:03.5, 00:00:03,500) or units (800ms, 90s, 1h2m).
func ParseTime(s string) (time.Duration, error) {
	text := strings.Replace(strings.TrimSpace(s), ",", ".", 1)
	d, err := parseClock(text)
	if err != nil && strings.ContainsAny(text, "hmsuµn") {
		d, err = time.ParseDuration(text)
	}
	switch {
	case err != nil:
		return 0, fmt.Errorf("%q is not a time; write seconds (3.5), a clock (1:02:03.5) or units (1h2m3s)", s)
	case d < 0:
		return 0, fmt.Errorf("%q is a time before zero", s)
	case d > maxTime:
		return 0, fmt.Errorf("%q is longer than a year", s)
	}
	return d, nil
}

var errClock = errors.New("no clock")

// parseClock reads "[[hours:]minutes:]seconds[.fraction]". The first field may be of any
// size, those after it go to 59.
func parseClock(s string) (time.Duration, error) {
	fields := strings.Split(s, ":")
	if len(fields) > 3 {
		return 0, errClock
	}
	whole, fraction, dotted := strings.Cut(fields[len(fields)-1], ".")
	fields[len(fields)-1] = whole
	var seconds int64
	for i, f := range fields {
		n, err := strconv.ParseUint(f, 10, 32)
		if err != nil || f[0] == '+' || i > 0 && n > 59 {
			return 0, errClock
		}
		seconds = seconds*60 + int64(n)
	}
	if seconds > int64(2*maxTime/time.Second) {
		seconds = int64(2 * maxTime / time.Second)
	}
	d := time.Duration(seconds) * time.Second
	if !dotted {
		return d, nil
	}
	if fraction == "" || strings.Trim(fraction, "0123456789") != "" {
		return 0, errClock
	}
	nanos, err := strconv.ParseUint((fraction + "000000000")[:9], 10, 64)
	return d + time.Duration(nanos), err
}

// Seconds writes a time exactly and as ParseTime reads it: 3.5s or 1:02:03.5.
func Seconds(d time.Duration) string {
	s := int64(d / time.Second)
	fraction := strings.TrimRight(fmt.Sprintf(".%09d", d%time.Second), ".0")
	if s < 60 {
		return fmt.Sprintf("%d%ss", s, fraction)
	}
	if s < 3600 {
		return fmt.Sprintf("%d:%02d%s", s/60, s%60, fraction)
	}
	return fmt.Sprintf("%d:%02d:%02d%s", s/3600, s/60%60, s%60, fraction)
}
