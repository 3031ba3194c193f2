package media

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"os"
	"strconv"
	"strings"
	"time"
)

// download brings one recording into a file, over as many requests as it takes.
type download struct {
	fetcher *Fetcher
	request Request
	source  source
	file    *os.File

	have, total int64 // bytes; total is negative while it is unknown
	// validator is what If-Range compares, so that parts of two versions never mix.
	validator string
	// asking for a byte behind the end, because the end is not known.
	probing  bool
	restarts int
	warnings []string
}

// maxRestarts bounds how often a download begins anew because the other side sends the
// whole or the content changes on the way.
const maxRestarts = 3

// run downloads and returns warnings. It tries the source's routes in turn, and gives the
// first one's error if none works.
func (d *download) run(ctx context.Context) ([]string, error) {
	var first error
	for _, route := range d.source.routes {
		d.total = -1
		err := d.follow(ctx, route)
		if err == nil {
			return d.warnings, nil
		}
		if first == nil {
			first = err
		}
		if !elsewhere(err) {
			break
		}
		if err := d.restart(); err != nil {
			return nil, err
		}
		d.restarts = 0
	}
	return nil, first
}

// elsewhere reports whether another route may have what this one has not.
func elsewhere(err error) bool {
	var a *answerError
	if !errors.As(err, &a) {
		return false
	}
	switch a.status {
	case http.StatusBadRequest, http.StatusNotFound, http.StatusMethodNotAllowed, http.StatusNotImplemented:
		return true
	}
	return errors.Is(a.err, errEmpty)
}

// follow asks one route until all bytes are there.
func (d *download) follow(ctx context.Context, route string) error {
	for tries := 0; ; {
		before := d.have
		done, err := d.attempt(ctx, route)
		switch {
		case done:
			return nil
		case ctx.Err() != nil:
			return context.Cause(ctx)
		case err != nil && (!again(err) || onDisk(err) || d.restarts > maxRestarts):
			return err
		case d.have > before:
			tries = 0
			continue
		}
		if tries++; tries >= d.fetcher.options.Tries {
			return err
		}
		wait, ok := d.wait(err, tries)
		if !ok {
			return err
		}
		select {
		case <-time.After(wait):
		case <-ctx.Done():
			return context.Cause(ctx)
		}
	}
}

// onDisk reports whether an error is one of our own file, which the other side cannot help.
func onDisk(err error) bool {
	var local *os.PathError
	return errors.As(err, &local)
}

// maxWait is how long a download waits before its next try; asked to wait longer, it
// leaves that to whoever has a queue.
const maxWait = time.Minute

// wait returns how long to wait before the next try.
func (d *download) wait(err error, tries int) (time.Duration, bool) {
	var a *answerError
	if errors.As(err, &a) && a.retryAfter > 0 {
		return a.retryAfter, a.retryAfter <= maxWait
	}
	return min(d.fetcher.options.Backoff<<(tries-1), maxWait), true
}

// attempt makes one request and takes in what comes. It reports whether all bytes are
// there; without an error, the next attempt goes on from where this one ended.
func (d *download) attempt(ctx context.Context, route string) (done bool, err error) {
	ctx, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	w, at, err := d.ask(ctx, route)
	if err != nil {
		return false, cause(ctx, err)
	}
	defer w.Body.Close()
	fail := func(err error) error {
		return &answerError{url: at, status: w.StatusCode, err: err}
	}
	done, err = d.accept(w, at)
	if done || err != nil {
		return done, err
	}
	n, err := d.take(ctx, cancel, w.Body)
	switch {
	case d.total >= 0 && d.have > d.total:
		return false, fail(fmt.Errorf("%w: more than %d bytes", errLength, d.total))
	case d.have > d.fetcher.options.MaxBytes:
		return false, fail(errTooLarge)
	case d.have == d.total:
		return true, nil
	case onDisk(err):
		return false, err
	case err != nil:
		return false, fail(fmt.Errorf("%w after %s: %w", errCut, d.progress(), cause(ctx, err)))
	case d.have == 0:
		return false, fail(errEmpty)
	case d.total < 0:
		d.probing = true
		return false, nil
	case n == 0:
		return false, fail(fmt.Errorf("%w after %s", errCut, d.progress()))
	}
	return false, nil
}

func (d *download) progress() string {
	if d.total < 0 {
		return fmt.Sprintf("%d bytes", d.have)
	}
	return fmt.Sprintf("%d of %d bytes", d.have, d.total)
}

// take appends a body to the file. A body that brings nothing for the stall time is given
// up.
func (d *download) take(ctx context.Context, cancel context.CancelCauseFunc, body io.Reader) (n int64, err error) {
	stall := d.fetcher.options.StallTime
	timer := time.AfterFunc(stall, func() { cancel(errStalled) })
	defer timer.Stop()
	buf := make([]byte, 256<<10)
	for {
		k, readErr := body.Read(buf)
		timer.Reset(stall)
		if k > 0 {
			if _, err := d.file.WriteAt(buf[:k], d.have); err != nil {
				return n, err
			}
			n += int64(k)
			d.have += int64(k)
		}
		switch {
		case d.have > d.fetcher.options.MaxBytes || d.total >= 0 && d.have > d.total:
			return n, nil
		case errors.Is(readErr, io.EOF):
			return n, nil
		case readErr != nil:
			return n, readErr
		}
	}
}

// restart begins anew with an empty file.
func (d *download) restart() error {
	d.have, d.total, d.validator, d.probing = 0, -1, "", false
	return d.file.Truncate(0)
}

// accept judges an answer: whether it is the bytes that were asked for, all that there
// are, or an error.
func (d *download) accept(w *http.Response, at string) (done bool, err error) {
	fail := func(err error) (bool, error) {
		return false, &answerError{url: at, status: w.StatusCode, err: err}
	}
	switch w.StatusCode {
	case http.StatusOK:
		if d.probing {
			return d.unsure(), nil
		}
		if d.have > 0 {
			if d.restarts++; d.restarts > maxRestarts {
				return fail(fmt.Errorf("%w after %s, and it always starts over", errCut, d.progress()))
			}
			if err := d.restart(); err != nil {
				return false, err
			}
		}
		d.total = w.ContentLength
	case http.StatusPartialContent:
		start, total, ok := contentRange(w.Header.Get("Content-Range"))
		switch {
		case !ok || start != d.have:
			return fail(fmt.Errorf("%w: asked from byte %d, got %q", errLength, d.have, w.Header.Get("Content-Range")))
		case d.have > 0 && (d.total >= 0 && total >= 0 && total != d.total || changed(d.validator, validator(w.Header))):
			return d.anew(at)
		case total >= 0:
			d.total = total
		}
		d.probing = false
	case http.StatusRequestedRangeNotSatisfiable:
		_, total, ok := contentRange(w.Header.Get("Content-Range"))
		switch {
		case d.have == 0:
			return fail(errEmpty)
		case d.total > d.have || total > d.have:
			return fail(fmt.Errorf("%w: %d bytes were promised, only %d can be had", errLength, max(d.total, total), d.have))
		case total == d.have || !ok:
			return true, nil
		}
		return d.anew(at)
	default:
		if d.probing && w.StatusCode < 500 && w.StatusCode != http.StatusTooManyRequests {
			return d.unsure(), nil
		}
		why := said(w)
		if missingUpload(d.source.kind, w.StatusCode, why) {
			return false, &answerError{url: at, status: http.StatusNotFound}
		}
		return false, &answerError{url: at, status: w.StatusCode, err: why, retryAfter: retryAfter(w.Header)}
	}
	switch {
	case strings.HasPrefix(w.Header.Get("Content-Type"), "text/html"):
		return fail(errPage)
	case d.total == 0:
		// Without nginx before it, Label Studio answers for nginx: no bytes, and a header
		// that says where they would be.
		return fail(errEmpty)
	case d.total > d.fetcher.options.MaxBytes:
		return fail(fmt.Errorf("%w: %d bytes", errTooLarge, d.total))
	}
	d.validator = validator(w.Header)
	return false, nil
}

// unsure ends a download whose length cannot be made sure of.
func (d *download) unsure() bool {
	d.warnings = append(d.warnings, "The server did not give the recording's length, so it may be cut off.")
	return true
}

// anew begins anew because the content is another now.
func (d *download) anew(at string) (bool, error) {
	if d.restarts++; d.restarts > maxRestarts {
		return false, &answerError{url: at, status: http.StatusPartialContent, err: fmt.Errorf("%w: it changes while it is read", errLength)}
	}
	return false, errors.Join(d.restart(), errChanged)
}

// errChanged makes another attempt.
var errChanged = errors.New("the recording changed while it was read")

// validator returns what distinguishes one version of the content from another: a strong ETag,
// else the time of its last change.
func validator(h http.Header) string {
	if tag := h.Get("Etag"); tag != "" && !strings.HasPrefix(tag, "W/") {
		return tag
	}
	return h.Get("Last-Modified")
}

func changed(before, now string) bool { return before != "" && now != "" && before != now }

// contentRange reads "bytes 0-99/1000", "bytes 0-99/*" and "bytes */1000"; what is not
// given is negative.
func contentRange(s string) (start, total int64, ok bool) {
	unit, rest, _ := strings.Cut(strings.TrimSpace(s), " ")
	span, of, found := strings.Cut(rest, "/")
	if !found || !strings.EqualFold(unit, "bytes") {
		return -1, -1, false
	}
	start, total = -1, -1
	var err error
	if of = strings.TrimSpace(of); of != "*" {
		if total, err = strconv.ParseInt(of, 10, 64); err != nil || total < 0 {
			return -1, -1, false
		}
	}
	if span = strings.TrimSpace(span); span != "*" {
		from, to, _ := strings.Cut(span, "-")
		end, errEnd := strconv.ParseInt(to, 10, 64)
		if start, err = strconv.ParseInt(from, 10, 64); err != nil || errEnd != nil || start < 0 || end < start || total >= 0 && end >= total {
			return -1, -1, false
		}
	}
	return start, total, true
}
