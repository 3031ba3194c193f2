// Package httpfield reads header fields of HTTP answers. They come from foreign servers, so
// whatever stands in them, the values returned are within their bounds.
package httpfield

import (
	"net/http"
	"strconv"
	"strings"
	"time"
)

// MaxRetryAfter bounds how long another program may make a client wait.
const MaxRetryAfter = time.Hour

// RetryAfter reads how long a server asks to wait, in seconds or as a date (RFC 9110,
// section 10.2.3). It returns 0 if the field is missing or malformed.
func RetryAfter(h http.Header, now time.Time) time.Duration {
	value := strings.TrimSpace(h.Get("Retry-After"))
	if s, err := strconv.Atoi(value); err == nil {
		return time.Duration(min(max(s, 0), int(MaxRetryAfter/time.Second))) * time.Second
	}
	if at, err := http.ParseTime(value); err == nil {
		return min(max(at.Sub(now), 0), MaxRetryAfter)
	}
	return 0
}

// ContentRange reads which bytes an answer holds: "bytes 0-99/1000", "bytes 0-99/*" or
// "bytes */1000" (RFC 9110, section 14.4). It returns the position of the first byte and the
// size of the whole; what is not stated is negative.
func ContentRange(h http.Header) (first, size int64, ok bool) {
	unit, value, _ := strings.Cut(strings.TrimSpace(h.Get("Content-Range")), " ")
	span, whole, found := strings.Cut(value, "/")
	if !found || !strings.EqualFold(unit, "bytes") {
		return -1, -1, false
	}
	first, size = -1, -1
	if whole = strings.TrimSpace(whole); whole != "*" {
		if size, ok = number(whole); !ok {
			return -1, -1, false
		}
	}
	if span = strings.TrimSpace(span); span != "*" {
		from, to, _ := strings.Cut(span, "-")
		last, okLast := number(to)
		if first, ok = number(from); !ok || !okLast || last < first || size >= 0 && last >= size {
			return -1, -1, false
		}
	}
	return first, size, true
}

// number reads a number of bytes.
func number(s string) (int64, bool) {
	n, err := strconv.ParseInt(s, 10, 64)
	return n, err == nil && n >= 0
}

// Validator returns what identifies a version of the content in If-Range: a strong entity
// tag, else the date of the last change, else "". A weak tag (W/"...") may stand for
// versions of different bytes.
func Validator(etag, lastModified string) string {
	if etag != "" && !strings.HasPrefix(etag, "W/") {
		return etag
	}
	return lastModified
}
