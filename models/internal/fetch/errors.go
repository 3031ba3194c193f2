package fetch

import (
	"crypto/tls"
	"errors"
	"fmt"
	"net"
	"net/http"
	"syscall"

	"github.com/asr-backend/asr-backend/internal/diskspace"
	"github.com/asr-backend/asr-backend/internal/download"
)

// DigestError means that a file is not the one that was published.
type DigestError struct {
	URL, Got, Want string
	Origin         Origin
}

func (e *DigestError) Error() string {
	return fmt.Sprintf("its SHA-256 is %s, not %s as published: it has been changed, or damaged on its way, and was thrown away", e.Got, e.Want)
}

// lengthError means that a file is not as long as it was published.
type lengthError struct{ *download.LengthError }

func (e lengthError) Error() string {
	return fmt.Sprintf("it is %d bytes long, not %d as published: it has been changed, or a mirror or proxy sends something else", e.Got, e.Want)
}

func (e lengthError) Unwrap() error { return e.LengthError }

// redirectError is a redirect that is not followed.
type redirectError struct{ text string }

func (e *redirectError) Error() string { return e.text }

// temporary reports whether trying again may help.
func temporary(err error) bool {
	_, policy := errors.AsType[*redirectError](err)
	_, certificate := errors.AsType[*tls.CertificateVerificationError](err)
	return !policy && !certificate && download.Temporary(err)
}

// hint says what a person can do about a download that failed.
func hint(err error) string {
	var (
		answer      *download.Error
		shortage    *diskspace.ShortageError
		name        *net.DNSError
		dial        *net.OpError
		certificate *tls.CertificateVerificationError
	)
	switch {
	case errors.As(err, &answer):
		return statusHint(answer)
	case errors.As(err, &shortage):
		return "" // its text says it
	case errors.Is(err, syscall.ENOSPC):
		return "; free some space and run the same command again: what has arrived is kept"
	case errors.As(err, &certificate):
		return "; a proxy or mirror may stand between whose certificate this machine does not know"
	case errors.As(err, &name), errors.As(err, &dial) && dial.Op == "dial":
		return "; if this machine has no direct way out, set HTTPS_PROXY, or name a mirror"
	}
	return ""
}

func statusHint(e *download.Error) (text string) {
	switch e.Status {
	case http.StatusUnauthorized, http.StatusForbidden:
		text = "; it gives this file to nobody without an account, or a proxy stands between"
	case http.StatusNotFound, http.StatusGone:
		text = "; the file has been moved or removed, or a mirror does not have it"
	case http.StatusTooManyRequests:
		text = "; it is asked too often, try again later"
	}
	if e.RetryAfter > longestPause {
		text += fmt.Sprintf("; it asks to come back in %v", e.RetryAfter)
	}
	return text
}
