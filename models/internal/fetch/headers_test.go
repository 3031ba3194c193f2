package fetch

import (
	"net/http"
	"testing"
	"time"
)

func TestContentRange(t *testing.T) {
	for header, want := range map[string]struct {
		first, size int64
		ok          bool
	}{
		"bytes 0-99/100":                {0, 100, true},
		"bytes 50-99/100":               {50, 100, true},
		"bytes 50-99/*":                 {50, 0, true},
		"bytes 50-98/100":               {}, // not to the end, which was asked for
		"bytes 99-50/100":               {},
		"bytes */100":                   {},
		"bytes -1-99/100":               {},
		"bytes 0-99":                    {},
		"bytes 0-99/many":               {},
		"bytes 0-99/-100":               {},
		"items 0-99/100":                {},
		"":                              {},
		"bytes 0-99/1e2":                {},
		"bytes 9999999999999999999-1/2": {},
	} {
		first, size, ok := contentRange(header)
		if ok != want.ok || ok && (first != want.first || size != want.size) {
			t.Errorf("%q: got %d, %d, %v; want %+v", header, first, size, ok, want)
		}
	}
}

func TestRetryAfterAsADate(t *testing.T) {
	h := http.Header{"Retry-After": {time.Now().Add(90 * time.Second).UTC().Format(http.TimeFormat)}}
	if got := retryAfter(h); got < 80*time.Second || got > 90*time.Second {
		t.Errorf("got %v, want about 90 s", got)
	}
	h.Set("Retry-After", time.Now().Add(-time.Hour).UTC().Format(http.TimeFormat))
	if got := retryAfter(h); got != 0 {
		t.Errorf("got %v for a time that has passed", got)
	}
}

// Whatever a server writes there, a range that is believed lies inside of the file.
func FuzzContentRange(f *testing.F) {
	f.Add("bytes 50-99/100")
	f.Add("bytes */100")
	f.Add("bytes 0-0/1")
	f.Fuzz(func(t *testing.T, header string) {
		if first, size, ok := contentRange(header); ok && (first < 0 || size < 0 || size > 0 && first >= size) {
			t.Fatalf("%q: %d of %d", header, first, size)
		}
	})
}
