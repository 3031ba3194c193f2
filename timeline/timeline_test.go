package timeline_test

import (
	"math"
	"testing"
	"time"

	"github.com/asr-backend/asr-backend/timeline"
)

// Counts as NVIDIA NeMo 3.0.0 gives them (get_seq_len of the preprocessor, calc_length
// of the subsampling) for the lengths at which an off-by-one would show.
func TestFrameAndRowCountsFollowNeMo(t *testing.T) {
	for _, c := range []struct {
		samples timeline.Sample
		frames  timeline.Frame
		rows    timeline.Row
	}{
		{0, 0, 0}, {1, 0, 0}, {159, 0, 0}, {160, 1, 1}, {161, 1, 1},
		{1279, 7, 1}, {1280, 8, 1}, {1439, 8, 1}, {1440, 9, 2},
		{71840, 449, 57}, {16000 * 36000, 3600000, 450000},
	} {
		f := timeline.FramesIn(c.samples)
		if f != c.frames || timeline.RowsIn(f) != c.rows {
			t.Errorf("%d samples: got %d frames, %d rows; want %d, %d", c.samples, f, timeline.RowsIn(f), c.frames, c.rows)
		}
	}
}

func TestDurationsAreExactAtHourTen(t *testing.T) {
	s := timeline.Sample(10*3600*timeline.SampleRate + 1)
	if got, want := s.Duration(), 10*time.Hour+62500*time.Nanosecond; got != want {
		t.Errorf("Duration: got %v, want %v", got, want)
	}
	if got := timeline.SampleAt(s.Duration()); got != s {
		t.Errorf("SampleAt(Duration): got %d, want %d", got, s)
	}
	if got, want := timeline.Row(450000).Duration(), 10*time.Hour; got != want {
		t.Errorf("row 450000: got %v, want %v", got, want)
	}
}

func TestSampleAtRoundsToTheNearestSampleOnBothSidesOfZero(t *testing.T) {
	for d, want := range map[time.Duration]timeline.Sample{
		31249: 0, 31250: 1, 62500: 1, -31249: 0, -31250: -1,
	} {
		if got := timeline.SampleAt(d); got != want {
			t.Errorf("SampleAt(%d ns): got %d, want %d", d, got, want)
		}
	}
}

func TestClockIsReadableAtEveryLength(t *testing.T) {
	const second = timeline.SampleRate
	for s, want := range map[timeline.Sample]string{
		0: "0 s", 1: "0 s", 7: "0 s", 8: "0.001 s", 96: "0.006 s", 960: "0.06 s", second / 2: "0.5 s",
		second/10 - 9: "0.099 s", second/10 - 8: "0.1 s",
		2 * second: "2 s", 7*second + second/4: "7.25 s", 11*second - 150: "10.99 s",
		42*second + second/2: "42.5 s", 60*second - 81: "59.99 s", 60*second - 80: "1:00.0",
		187*second + second/2: "3:07.5", 3600*second - 800: "1:00:00.0",
		3723*second + second/2: "1:02:03.5", 8760*3600*second + 30400: "365 days",
		99 * 3600 * second: "99:00:00.0", 300 * 3600 * second: "12.5 days", 262800 * 3600 * second: "30 years",
		-1: "0 s", -second: "-1 s",
		math.MaxInt64: "18279450 years", math.MinInt64: "-18279450 years",
	} {
		if got := s.Clock(); got != want {
			t.Errorf("%d samples: got %q, want %q", s, got, want)
		}
	}
}
