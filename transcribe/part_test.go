package transcribe_test

import (
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/asr-backend/asr-backend/internal/oracle"
	"github.com/asr-backend/asr-backend/transcribe"
)

// The recording is 4.49 seconds long.
func TestPartsBeyondTheEndAreReported(t *testing.T) {
	path := oracle.Data(t, "models", "tiny-random", "fixtures", "normal.wav")
	for name, c := range map[string]struct {
		start, end time.Duration
		duration   time.Duration // 0 is that of the recording
		warning    string
	}{
		"inside":                {time.Second, 2 * time.Second, 2 * time.Second, ""},
		"to the end":            {time.Second, 0, 0, ""},
		"the end is beyond":     {time.Second, time.Minute, 0, "The part asked for ends at 1:00.0, after the end of the recording at 4.49 s."},
		"all of it is beyond":   {time.Hour, 0, 0, "The part asked for begins at 1:00:00.0, after the end of the recording at 4.49 s."},
		"just beyond":           {5 * time.Second, 6 * time.Second, 0, "The part asked for begins at 5 s, after the end of the recording at 4.49 s."},
		"only context, no part": {1500 * time.Millisecond, 4400 * time.Millisecond, 4400 * time.Millisecond, ""},
	} {
		got, err := transcriber(t, transcribe.Options{}).Transcribe(t.Context(), transcribe.Source{Path: path}, transcribe.Request{Start: c.start, End: c.end})
		if err != nil {
			t.Fatalf("%s: %v", name, err)
		}
		var about []string
		for _, w := range got.Diagnostics.Warnings {
			if strings.Contains(w, "part asked for") || strings.Contains(w, "no sound") {
				about = append(about, w)
			}
		}
		if want := slices.DeleteFunc([]string{c.warning}, func(s string) bool { return s == "" }); !slices.Equal(about, want) {
			t.Errorf("%s: got %q, want %q", name, about, want)
		}
		if want := c.duration; want != 0 && got.Duration != want || want == 0 && (got.Duration < 4400*time.Millisecond || got.Duration > 4600*time.Millisecond) {
			t.Errorf("%s: the transcript is %v long", name, got.Duration)
		}
	}
}
