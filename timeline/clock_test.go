package timeline_test

import (
	"math"
	"testing"
	"time"

	"github.com/asr-backend/asr-backend/timeline"
)

func TestClocksOfPlayers(t *testing.T) {
	for d, want := range map[time.Duration][2]string{
		0:                          {"0:00", "0:00.0"},
		49 * time.Millisecond:      {"0:00", "0:00.0"},
		59960 * time.Millisecond:   {"1:00", "1:00.0"},
		187500 * time.Millisecond:  {"3:08", "3:07.5"},
		time.Hour - time.Second/20: {"1:00:00", "1:00:00.0"},
		3723 * time.Second:         {"1:02:03", "1:02:03.0"},
		100 * time.Hour:            {"100:00:00", "100:00:00.0"},
	} {
		if got := timeline.Clock(d); got != want[0] {
			t.Errorf("%v: got %s, want %s", d, got, want[0])
		}
		if got := timeline.ClockTenths(d); got != want[1] {
			t.Errorf("%v: got %s, want %s", d, got, want[1])
		}
	}
}

func TestSecondsBecomeDurations(t *testing.T) {
	for s, want := range map[float64]time.Duration{
		0: 0, 1.5: 1500 * time.Millisecond, 0.0000625: 62500, -2: -2 * time.Second, 36000.0000625: 10*time.Hour + 62500,
		math.Inf(1): 0, math.MaxFloat64: 0, 1e10: 0,
	} {
		if got := timeline.FromSeconds(s); got != want {
			t.Errorf("%v: got %v, want %v", s, got, want)
		}
	}
	if got := timeline.FromSeconds(math.NaN()); got != 0 {
		t.Errorf("NaN: got %v", got)
	}
}
