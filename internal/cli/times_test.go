package cli_test

import (
	"testing"
	"time"

	"github.com/asr-backend/asr-backend/internal/cli"

	"pgregory.net/rapid"
)

func TestTimesAreReadAsPeopleTypeThem(t *testing.T) {
	for text, want := range map[string]time.Duration{
		"0": 0, "3": 3 * time.Second, "3.5": 3500 * time.Millisecond, "3,5": 3500 * time.Millisecond, " 3s ": 3 * time.Second,
		"0:03": 3 * time.Second, "90:00": 90 * time.Minute, "1:02:03.25": time.Hour + 2*time.Minute + 3250*time.Millisecond,
		"00:00:03,500": 3500 * time.Millisecond, "00:00:00.0000625": 62500 * time.Nanosecond, "1h2m": time.Hour + 2*time.Minute,
		"800ms": 800 * time.Millisecond, "8784h": 366 * 24 * time.Hour,
	} {
		if got, err := cli.ParseTime(text); err != nil || got != want {
			t.Errorf("%q: got %v (%v), want %v", text, got, err, want)
		}
	}
	for _, text := range []string{"", "-3", "-3s", "+3", "1:60", "1:2:3:4", "0:", ":30", "3.", ".", "1e3", "0x10", "1_0", "NaN", "Inf", "3x", "1:-2", "9000h", "99999999999", "1.5:30", "1h:30"} {
		if got, err := cli.ParseTime(text); err == nil {
			t.Errorf("%q: got %v, want an error", text, got)
		}
	}
}

func TestSecondsAreReadBack(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		want := time.Duration(rapid.Int64Range(0, int64(366*24*time.Hour)).Draw(t, "time"))
		text := cli.Seconds(want)
		if got, err := cli.ParseTime(text); err != nil || got != want {
			t.Errorf("%v: %q is read as %v (%v)", want, text, got, err)
		}
	})
}

func FuzzParseTime(f *testing.F) {
	f.Add("00:00:03,500")
	f.Add("1h2m3.5s")
	f.Fuzz(func(t *testing.T, text string) {
		if d, err := cli.ParseTime(text); err == nil && (d < 0 || d > 366*24*time.Hour) {
			t.Errorf("%q is %v", text, d)
		}
	})
}
