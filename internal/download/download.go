// Package download brings a file over HTTP, over as many requests as it takes.
//
// Connections break, proxies stop after a while, and servers answer with less than was asked
// for. So a download knows the size of the whole from the first answer (Content-Length or
// Content-Range) and asks for what is missing until all of it is there: "Range: bytes=N-"
// with "If-Range: VALIDATOR" (RFC 9110, sections 13.1.5 and 14). The server answers that with
// 206 and the rest, or with 200 and the whole if the content has changed since. A server that
// ignores If-Range is found out by the validator and the size in its answer. Where no answer
// states the size, the end is confirmed by asking for a byte behind it.
//
// Failures that may pass (5xx, 429, cut and silent connections) are tried again after 1, 2,
// 4, ... seconds, or when the server's Retry-After says; an attempt that brings bytes starts
// the count anew. A server that makes a download start over again and again is given up.
//
// What belongs to the caller: addresses, credentials and redirects (Get), what the content
// has to be (Judge), and what is kept on the disk between two processes (File, Save).
package download

import (
	"context"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"net/http"
	"os"
	"time"

	"github.com/asr-backend/asr-backend/internal/httpfield"
	"github.com/asr-backend/asr-backend/internal/pause"
)

// State is what is known of the content that the bytes in a file are the beginning of.
type State struct {
	ETag, LastModified string
	Size               int64 // of the whole, in bytes; 0 if unknown
	// Unmixed means that the caller notices, or accepts, if the bytes of two versions are
	// joined. Otherwise only a strong validator lets a download go on.
	Unmixed bool
}

// validator returns what If-Range compares, or "".
func (s State) validator() string { return httpfield.Validator(s.ETag, s.LastModified) }

// Options are what a download is made of. Get is required, and File for Run.
type Options struct {
	// Get asks for the file with a header and follows redirects. Range and If-Range are in
	// it; without them the whole is wanted. Errors without an answer are tried again unless
	// Retry says otherwise; the error of an answer is an *Error.
	Get func(context.Context, http.Header) (*http.Response, error)
	// Judge, if set, sees every answer that has bytes before they are taken. It may complete
	// what the answer's header says, or refuse the answer.
	Judge func(*http.Response, *State) error

	// File receives the bytes. What it holds already is taken for the beginning of the
	// content in Start.
	File  *os.File
	Start State
	// Save, if set, keeps the state of the bytes that follow, for Start of a later process.
	Save func(State) error
	// Progress, if set, is called with the bytes that are there and their final number, 0 if
	// unknown.
	Progress func(have, total int64)

	MaxBytes int64         // of the whole; 0: no limit
	Stall    time.Duration // how long nothing may arrive; 0: a minute
	Tries    int           // failures in a row without a byte that end the download; 0: 5
	Backoff  time.Duration // the pause after the first failure; it doubles; 0: a second
	Patience time.Duration // the longest Retry-After that is waited for; 0: a minute
	// Retry reports whether an error may pass; nil: Temporary.
	Retry func(error) bool
	// Pause waits between attempts; nil: by the clock.
	Pause func(context.Context, time.Duration) error
}

// complete sets the defaults.
func (o *Options) complete() {
	if o.Stall <= 0 {
		o.Stall = time.Minute
	}
	if o.Tries <= 0 {
		o.Tries = 5
	}
	if o.Backoff <= 0 {
		o.Backoff = time.Second
	}
	if o.Patience <= 0 {
		o.Patience = time.Minute
	}
	if o.Retry == nil {
		o.Retry = Temporary
	}
	if o.Pause == nil {
		o.Pause = pause.For
	}
	if o.Judge == nil {
		o.Judge = func(*http.Response, *State) error { return nil }
	}
}

const (
	// maxRestarts bounds how often a download starts over because the server sends the whole
	// again or the content changes on the way.
	maxRestarts = 3
	// maxBackoff bounds the pauses that no server asks for.
	maxBackoff = 30 * time.Second
)

// download is one under way.
type download struct {
	Options
	state State
	have  int64 // bytes in the file
	// probing for the end: asking for a byte behind what is there, because no answer states
	// the size.
	probing  bool
	unsure   bool // the end could not be confirmed
	restarts int
}

// Run downloads until all bytes are in the file, and reports whether that is certain: some
// servers neither state a size nor let a client ask for a byte behind the end. The bytes of a
// download that fails stay in the file, unless they cannot be part of the content. Run does
// not sync the file. Its errors are *Error, *FileError, those of Get, and the cause of ctx.
func Run(ctx context.Context, o Options) (sure bool, err error) {
	o.complete()
	d := download{Options: o, state: o.Start}
	if d.have, err = o.File.Seek(0, io.SeekEnd); err != nil {
		return false, &FileError{err}
	}
	for failures := 0; ; {
		before, began := d.have, time.Now()
		done, err := d.attempt(ctx)
		if done {
			return !d.unsure, nil
		}
		if cause := context.Cause(ctx); cause != nil {
			return false, cause
		}
		if err == nil {
			continue
		}
		if _, own := errors.AsType[*FileError](err); own || d.restarts > maxRestarts || !d.Retry(err) {
			return false, err
		}
		if failures++; d.have > before {
			failures = 0
		}
		wait, ok := d.delay(err, failures, began)
		if !ok || failures >= d.Tries {
			return false, err
		}
		if err := d.Pause(ctx, wait); err != nil {
			return false, err
		}
	}
}

// delay returns how long to wait after so many failures in a row, the last of which began at
// a time, and false if the server asks for too long a time.
func (d *download) delay(err error, failures int, began time.Time) (time.Duration, bool) {
	if a, ok := errors.AsType[*Error](err); ok && a.RetryAfter > 0 {
		return a.RetryAfter, a.RetryAfter <= d.Patience
	}
	if failures == 0 { // an attempt that took long was pause enough
		return max(d.Backoff-time.Since(began), 0), true
	}
	wait := min(d.Backoff<<(failures-1), maxBackoff)
	return wait + rand.N(wait/4+1), true
}

// Head returns the first n bytes of the content, or all if it is shorter, and the size of the
// whole, negative if unknown. It makes one attempt, which ends after o.Stall; o.File is not
// used.
func Head(ctx context.Context, o Options, n int) (head []byte, size int64, err error) {
	o.complete()
	d := download{Options: o, state: o.Start}
	ctx, cancel := context.WithTimeoutCause(ctx, d.Stall, ErrStalled)
	defer cancel()
	answer, _, err := d.ask(ctx)
	if answer != nil {
		defer answer.Body.Close()
	}
	if err != nil {
		return nil, 0, cause(ctx, err)
	}
	head = make([]byte, n)
	got, err := io.ReadFull(answer.Body, head)
	switch {
	case errors.Is(err, io.EOF):
		return nil, 0, Refuse(answer, ErrEmpty)
	case err != nil && !errors.Is(err, io.ErrUnexpectedEOF):
		return nil, 0, Refuse(answer, fmt.Errorf("%w: %w", ErrCut, cause(ctx, err)))
	}
	if size = d.state.Size; size == 0 {
		size = -1
	}
	return head[:got], size, nil
}
