package fetch

import (
	"crypto/tls"
	"errors"
	"fmt"
	"net"
	"net/http"
	"strconv"
	"syscall"
	"time"
)

// StatusError is an answer other than the file.
type StatusError struct {
	Code int
	// RetryAfter is what the server asks to wait, 0 if it does not say.
	RetryAfter time.Duration
}

func (e *StatusError) Error() string {
	text := fmt.Sprintf("the server answered %d %s", e.Code, http.StatusText(e.Code))
	switch e.Code {
	case http.StatusUnauthorized, http.StatusForbidden:
		text += "; it gives this file to nobody without an account, or a proxy stands between"
	case http.StatusNotFound, http.StatusGone:
		text += "; the file has been moved or removed, or a mirror does not have it"
	case http.StatusTooManyRequests:
		text += "; it is asked too often, try again later"
	}
	if e.RetryAfter > longestPause {
		text += fmt.Sprintf("; it asks to come back in %v", e.RetryAfter)
	}
	return text
}

// temporary reports whether the answer may be another one soon.
func (e *StatusError) temporary() bool {
	switch e.Code {
	case http.StatusRequestTimeout, http.StatusTooEarly, http.StatusTooManyRequests:
		return true
	}
	return e.Code >= 500
}

// LengthError means that a file is not as long as it is declared.
type LengthError struct {
	URL       string
	Got, Want int64
}

func (e *LengthError) Error() string {
	return fmt.Sprintf("it is %d bytes long, not %d as published: it has been changed, or a mirror or proxy sends something else", e.Got, e.Want)
}

// DigestError means that a file is not the one that was published.
type DigestError struct {
	URL, Got, Want string
	Origin         Origin
}

func (e *DigestError) Error() string {
	return fmt.Sprintf("its SHA-256 is %s, not %s as published: it has been changed, or damaged on its way, and was thrown away", e.Got, e.Want)
}

// SpaceError means that a file does not fit on the disk.
type SpaceError struct {
	Folder     string
	Need, Free int64
}

func (e *SpaceError) Error() string {
	return fmt.Sprintf("%s has %d MB free and %d MB are needed; free some, or choose another folder", e.Folder, e.Free>>20, (e.Need+1<<20-1)>>20)
}

var (
	errStalled = errors.New("nothing has arrived for too long")
	errCut     = errors.New("the connection ended before the file did")
	errInsane  = errors.New("the server's answer does not fit the question")
)

// temporary reports whether trying again may help.
func temporary(err error) bool {
	var status *StatusError
	if errors.As(err, &status) {
		return status.temporary()
	}
	var (
		length      *LengthError
		sum         *DigestError
		space       *SpaceError
		certificate *tls.CertificateVerificationError
		name        *net.DNSError
		policy      *redirectError
	)
	switch {
	case errors.As(err, &length), errors.As(err, &sum), errors.As(err, &space), errors.As(err, &certificate), errors.As(err, &policy):
		return false
	case errors.As(err, &name) && name.IsNotFound:
		return false
	case errors.Is(err, errStalled), errors.Is(err, errCut), errors.Is(err, errInsane):
		return true
	}
	var disk *diskError
	return !errors.As(err, &disk) // what is left is the network
}

// hint says what a person can do about a connection that could not be made.
func hint(err error) string {
	var (
		name        *net.DNSError
		dial        *net.OpError
		certificate *tls.CertificateVerificationError
	)
	switch {
	case errors.As(err, &certificate):
		return "; a proxy or mirror may stand between whose certificate this machine does not know"
	case errors.As(err, &name), errors.As(err, &dial) && dial.Op == "dial":
		return "; if this machine has no direct way out, set HTTPS_PROXY, or name a mirror"
	}
	return ""
}

// diskError is a failure on this side.
type diskError struct{ err error }

func (e *diskError) Error() string {
	if errors.Is(e.err, syscall.ENOSPC) {
		return e.err.Error() + "; free some space and run the same command again: what has arrived is kept"
	}
	return e.err.Error()
}

func (e *diskError) Unwrap() error { return e.err }

// redirectError is a redirect that is not followed.
type redirectError struct{ text string }

func (e *redirectError) Error() string { return e.text }

// retryAfter reads the header of that name: seconds or a date.
func retryAfter(h http.Header) time.Duration {
	value := h.Get("Retry-After")
	if s, err := strconv.ParseInt(value, 10, 32); err == nil && s >= 0 {
		return time.Duration(s) * time.Second
	}
	if at, err := http.ParseTime(value); err == nil {
		return max(time.Until(at), 0)
	}
	return 0
}
