package httpfield

import (
	"net/http"
	"testing"
	"time"
)

func contentRange(value string) (first, size int64, ok bool) {
	return ContentRange(http.Header{"Content-Range": {value}})
}

func TestContentRange(t *testing.T) {
	type want struct {
		first, size int64
		ok          bool
	}
	bad := want{-1, -1, false}
	for header, want := range map[string]want{
		"bytes 0-99/100":                {0, 100, true},
		"bytes 50-99/100":               {50, 100, true},
		"bytes 50-98/100":               {50, 100, true}, // shorter than the rest, as servers may
		"bytes 50-99/*":                 {50, -1, true},
		"bytes */100":                   {-1, 100, true},
		"bytes */0":                     {-1, 0, true},
		" Bytes 0-99/100 ":              {0, 100, true},
		"bytes 99-50/100":               bad,
		"bytes -1-99/100":               bad,
		"bytes 0-99":                    bad,
		"bytes 0-99/many":               bad,
		"bytes 0-99/-100":               bad,
		"bytes 0-100/100":               bad,
		"bytes -5/100":                  bad,
		"items 0-99/100":                bad,
		"":                              bad,
		"bytes 0-99/1e2":                bad,
		"bytes 9999999999999999999-1/2": bad,
	} {
		first, size, ok := contentRange(header)
		if ok != want.ok || first != want.first || size != want.size {
			t.Errorf("%q: got %d, %d, %v; want %+v", header, first, size, ok, want)
		}
	}
}

func TestRetryAfter(t *testing.T) {
	now := time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC)
	for value, want := range map[string]time.Duration{
		"7":                             7 * time.Second,
		" 7 ":                           7 * time.Second,
		"3600":                          time.Hour,
		"99999999":                      MaxRetryAfter,
		"-5":                            0,
		"soon":                          0,
		"":                              0,
		"Sun, 01 Mar 2026 12:01:30 GMT": 90 * time.Second,
		"Sun, 01 Mar 2026 11:00:00 GMT": 0, // has passed
		"Wed, 21 Oct 2099 07:28:00 GMT": MaxRetryAfter,
	} {
		if got := RetryAfter(http.Header{"Retry-After": {value}}, now); got != want {
			t.Errorf("%q: got %v, want %v", value, got, want)
		}
	}
}

func TestOnlyStrongTagsValidateBytes(t *testing.T) {
	for _, c := range []struct{ etag, modified, want string }{
		{`"1"`, "Sun, 01 Mar 2026 12:00:00 GMT", `"1"`},
		{`W/"1"`, "Sun, 01 Mar 2026 12:00:00 GMT", "Sun, 01 Mar 2026 12:00:00 GMT"},
		{`W/"1"`, "", ""},
		{"", "", ""},
	} {
		if got := Validator(c.etag, c.modified); got != c.want {
			t.Errorf("%q, %q: got %q, want %q", c.etag, c.modified, got, c.want)
		}
	}
}

// Whatever a server writes there, a range that is accepted lies inside the file.
func FuzzContentRange(f *testing.F) {
	for _, v := range []string{"bytes 0-99/1000", "bytes 0-99/*", "bytes */1000", "bytes 5-4/9", "bytes -1-2/3", "items 0-1/2", "bytes 0-9/5", "bytes 0-0/1"} {
		f.Add(v)
	}
	f.Fuzz(func(t *testing.T, value string) {
		first, size, ok := contentRange(value)
		if !ok && (first != -1 || size != -1) || ok && (first < -1 || size < -1 || size >= 0 && first >= size) {
			t.Errorf("%q: %d of %d, %v", value, first, size, ok)
		}
	})
}

func FuzzRetryAfter(f *testing.F) {
	for _, v := range []string{"7", "-5", "99999999999999999999", "Wed, 21 Oct 2099 07:28:00 GMT", "Wed, 21 Oct 1999 07:28:00 GMT", "soon"} {
		f.Add(v)
	}
	f.Fuzz(func(t *testing.T, value string) {
		if wait := RetryAfter(http.Header{"Retry-After": {value}}, time.Now()); wait < 0 || wait > MaxRetryAfter {
			t.Fatalf("%q waits %v", value, wait)
		}
	})
}
