package download

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/http"
	"time"

	"github.com/asr-backend/asr-backend/internal/httpfield"
	"github.com/asr-backend/asr-backend/internal/without"
)

// Causes of errors.
var (
	ErrStalled  = errors.New("nothing has arrived for too long")
	ErrCut      = errors.New("the connection was cut before the end")
	ErrRange    = errors.New("the answer is not the range that was asked for")
	ErrChanged  = errors.New("it changes while it is read")
	ErrEmpty    = errors.New("it is empty")
	ErrTooLarge = errors.New("it is too large")
)

// Error is an answer other than the content, or one that broke off.
type Error struct {
	URL    string // without query and credentials
	Status int
	// RetryAfter is how long the server asks to wait, or 0.
	RetryAfter time.Duration
	Err        error // nil if the status says it
}

func (e *Error) Error() string {
	if e.Err != nil {
		return e.Err.Error()
	}
	return fmt.Sprintf("the server answered %d %s", e.Status, http.StatusText(e.Status))
}

// Unwrap returns the cause.
func (e *Error) Unwrap() error { return e.Err }

// Refuse makes an error of an answer. The cause may be nil.
func Refuse(w *http.Response, err error) *Error {
	return &Error{URL: without.Secrets(w.Request.URL), Status: w.StatusCode, RetryAfter: httpfield.RetryAfter(w.Header, time.Now()), Err: err}
}

// LengthError means that the content is not as long as it was declared.
type LengthError struct{ Got, Want int64 }

func (e *LengthError) Error() string {
	if e.Got < e.Want {
		return fmt.Sprintf("%d bytes were promised, only %d can be had", e.Want, e.Got)
	}
	return fmt.Sprintf("it is longer than the %d bytes that were promised", e.Want)
}

// FileError is a failure on this side: of the file, of its disk or of Save.
type FileError struct{ Err error }

func (e *FileError) Error() string { return e.Err.Error() }

// Unwrap returns the cause.
func (e *FileError) Unwrap() error { return e.Err }

// Temporary reports whether the same request may succeed later: after a cut connection, and
// after a status that says so. A name that does not exist stays unknown.
func Temporary(err error) bool {
	if a, ok := errors.AsType[*Error](err); ok {
		switch a.Status {
		case http.StatusOK, http.StatusPartialContent, http.StatusRequestedRangeNotSatisfiable:
			return errors.Is(a.Err, ErrCut)
		case http.StatusRequestTimeout, http.StatusFailedDependency, http.StatusTooEarly, http.StatusTooManyRequests:
			return true
		}
		return a.Status >= 500 && a.Status != http.StatusNotImplemented
	}
	if dns, ok := errors.AsType[*net.DNSError](err); ok {
		return !dns.IsNotFound
	}
	return !errors.Is(err, context.Canceled)
}
