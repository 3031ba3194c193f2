package statuspage

import (
	"fmt"
	"math"
	"strconv"
	"strings"
	"time"

	"github.com/asr-backend/asr-backend/timeline"
)

// ago writes how long something is past.
func ago(t time.Time) string {
	switch d := time.Since(t); {
	case d < time.Minute:
		return fmt.Sprintf("%d s ago", max(int(d.Seconds()), 0))
	case d < time.Hour:
		return fmt.Sprintf("%d min ago", int(d.Minutes()))
	case d < 48*time.Hour:
		return fmt.Sprintf("%d h ago", int(d.Hours()))
	default:
		return fmt.Sprintf("%d days ago", int(d.Hours()/24))
	}
}

// stamp writes a time for those who point at "5 min ago".
func stamp(t time.Time) string { return t.UTC().Format("2006-01-02 15:04:05 UTC") }

func percent(x float64) string { return fmt.Sprintf("%.1f %%", 100*x) }

// share writes a figure of which nil says that it is not known.
func share(x *float64) string {
	if x == nil {
		return ""
	}
	return percent(*x)
}

// done writes how much of a recording is done, in whole percent: 100 only if it is.
func done(x float64) string {
	if x <= 0 {
		return ""
	}
	return fmt.Sprintf("%d %%", int(math.Floor(x)))
}

// seconds writes a length as people read it, empty for zero.
func seconds(s float64) string {
	if s <= 0 {
		return ""
	}
	return timeline.Clock(time.Duration(s * float64(time.Second)))
}

// left writes how long something takes from now on.
func left(s float64) string {
	switch {
	case s <= 0:
		return ""
	case s < 90:
		return fmt.Sprintf("%d s", max(int(math.Round(s)), 1))
	case s < 90*60:
		return fmt.Sprintf("%d min", int(math.Round(s/60)))
	}
	return fmt.Sprintf("%d h", int(math.Round(s/3600)))
}

// times writes a speed in times real time.
func times(x float64) string {
	switch {
	case x <= 0:
		return ""
	case x < 10:
		return fmt.Sprintf("%.1f×", x)
	}
	return grouped(int(math.Round(x))) + "×"
}

// grouped writes a number with spaces between thousands, which no language reads as a decimal
// point.
func grouped(n int) string {
	text := strconv.Itoa(n)
	var b strings.Builder
	for i, r := range text {
		if i > 0 && (len(text)-i)%3 == 0 && text[i-1] != '-' {
			b.WriteRune('\u202f') // narrow, and no place to break a line
		}
		b.WriteRune(r)
	}
	return b.String()
}

// count writes how many of a thing there are.
func count(n int, thing string) string {
	if n == 1 {
		return "1 " + thing
	}
	return grouped(n) + " " + thing + "s"
}
