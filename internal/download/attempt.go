package download

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"path/filepath"
	"time"

	"github.com/asr-backend/asr-backend/internal/diskspace"
	"github.com/asr-backend/asr-backend/internal/httpfield"
)

// verdict is what to do with an answer.
type verdict int

const (
	take  verdict = iota // its body is the bytes that were asked for
	again                // ask again, from the beginning
	end                  // there are no more bytes
)

// attempt makes one request and takes what comes. It reports whether all bytes are there;
// without an error, the next attempt goes on from where this one ended.
func (d *download) attempt(ctx context.Context) (done bool, err error) {
	tooLong := d.state.Size > 0 && d.have > d.state.Size
	resumable := d.state.Unmixed || d.state.validator() != ""
	switch {
	case d.have == 0:
	case d.have == d.state.Size:
		return true, nil
	case d.probing && !resumable:
		d.unsure = true
		return true, nil
	case tooLong || !resumable:
		if err := d.startOver(fmt.Errorf("%w after %s, and cannot be resumed", ErrCut, d.progress())); err != nil {
			return false, err
		}
	}
	ctx, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	stall := time.AfterFunc(d.Stall, func() { cancel(ErrStalled) })
	defer stall.Stop()
	answer, next, err := d.ask(ctx)
	if answer != nil {
		defer answer.Body.Close()
	}
	if err != nil || next != take {
		return err == nil && next == end, cause(ctx, err)
	}
	stall.Reset(d.Stall)
	before := d.have
	err = d.receive(answer.Body, func() { stall.Reset(d.Stall) })
	_, own := errors.AsType[*FileError](err)
	switch {
	case own:
		return false, err
	case d.state.Size > 0 && d.have > d.state.Size:
		return false, d.discard(Refuse(answer, &LengthError{d.have, d.state.Size}))
	case d.MaxBytes > 0 && d.have > d.MaxBytes:
		return false, Refuse(answer, ErrTooLarge)
	case d.have > 0 && d.have == d.state.Size:
		return true, nil
	case err != nil:
		return false, Refuse(answer, fmt.Errorf("%w after %s: %w", ErrCut, d.progress(), cause(ctx, err)))
	case d.have == 0:
		return false, Refuse(answer, ErrEmpty)
	case d.state.Size == 0:
		d.probing = true
	case d.have == before:
		return false, Refuse(answer, fmt.Errorf("%w after %s", ErrCut, d.progress()))
	}
	return false, nil
}

// cause prefers the reason for which a request was given up.
func cause(ctx context.Context, err error) error {
	if c := context.Cause(ctx); err != nil && c != nil && !errors.Is(err, c) {
		return c
	}
	return err
}

func (d *download) progress() string {
	if d.state.Size == 0 {
		return fmt.Sprintf("%d bytes", d.have)
	}
	return fmt.Sprintf("%d of %d bytes", d.have, d.state.Size)
}

// ask requests the bytes that are missing. The caller closes the body of the answer.
func (d *download) ask(ctx context.Context) (answer *http.Response, next verdict, err error) {
	h := http.Header{}
	if d.have > 0 {
		h.Set("Range", fmt.Sprintf("bytes=%d-", d.have))
		if v := d.state.validator(); v != "" {
			h.Set("If-Range", v)
		}
	}
	if answer, err = d.Get(ctx, h); err == nil {
		next, err = d.accept(answer)
	}
	refused, ok := errors.AsType[*Error](err)
	if d.probing && ok && refused.Status >= 300 && refused.Status != http.StatusRequestedRangeNotSatisfiable && !d.Retry(err) {
		d.unsure = true
		return answer, end, nil
	}
	return answer, next, err
}

// accept judges an answer: whether it is the bytes that were asked for, or says that there
// are none.
func (d *download) accept(w *http.Response) (verdict, error) {
	s := State{ETag: w.Header.Get("ETag"), LastModified: w.Header.Get("Last-Modified"), Unmixed: d.Start.Unmixed}
	first, size, ok := httpfield.ContentRange(w.Header)
	switch w.StatusCode {
	case http.StatusOK:
		if d.probing {
			d.unsure = true
			return end, nil
		}
		if d.have > 0 {
			if err := d.startOver(Refuse(w, fmt.Errorf("%w after %s, and it always starts over", ErrCut, d.progress()))); err != nil {
				return again, err
			}
		}
		s.Size = max(w.ContentLength, 0)
	case http.StatusPartialContent:
		s.Size = cmp.Or(max(size, 0), d.state.Size)
		switch {
		case !ok || first != d.have:
			return again, d.startOver(Refuse(w, fmt.Errorf("%w: asked from byte %d, got %q", ErrRange, d.have, w.Header.Get("Content-Range"))))
		case d.have > 0 && d.changed(s):
			return again, d.startOver(Refuse(w, ErrChanged))
		case d.have > 0 && s.validator() == "":
			s.ETag, s.LastModified = d.state.ETag, d.state.LastModified
		}
		d.probing = false
	case http.StatusRequestedRangeNotSatisfiable:
		switch {
		case d.have == 0:
			return again, Refuse(w, ErrEmpty)
		case d.state.Size == 0 && (!ok || size == d.have):
			return end, nil
		case ok && size >= d.have:
			return again, d.discard(Refuse(w, &LengthError{d.have, max(size, d.state.Size)}))
		}
		return again, d.startOver(Refuse(w, ErrChanged))
	default:
		return again, Refuse(w, nil)
	}
	if err := d.Judge(w, &s); err != nil {
		return again, d.discard(Refuse(w, err))
	}
	switch {
	case w.ContentLength == 0:
		return again, Refuse(w, ErrEmpty)
	case d.MaxBytes > 0 && s.Size > d.MaxBytes:
		return again, Refuse(w, fmt.Errorf("%w: %d bytes", ErrTooLarge, s.Size))
	}
	d.state = s
	return take, nil
}

// changed reports whether an answer with the rest is of another version than the bytes that
// are there.
func (d *download) changed(now State) bool {
	a, b := d.state.validator(), now.validator()
	return d.state.Size > 0 && now.Size != d.state.Size || a != b && (!d.state.Unmixed || a != "" && b != "")
}

// receive appends a body to the file, until it ends or is too long.
func (d *download) receive(body io.Reader, alive func()) error {
	if d.Save != nil {
		if err := d.Save(d.state); err != nil {
			return &FileError{err}
		}
	}
	if err := diskspace.Require(filepath.Dir(d.File.Name()), d.state.Size-d.have); err != nil {
		return &FileError{err}
	}
	report := func() {
		if d.Progress != nil {
			d.Progress(d.have, d.state.Size)
		}
	}
	report()
	buf := make([]byte, 256<<10)
	for {
		n, err := body.Read(buf)
		if n > 0 {
			alive()
			if _, err := d.File.WriteAt(buf[:n], d.have); err != nil {
				return &FileError{err}
			}
			d.have += int64(n)
			report()
		}
		switch {
		case d.MaxBytes > 0 && d.have > d.MaxBytes, d.state.Size > 0 && d.have > d.state.Size, errors.Is(err, io.EOF):
			return nil
		case err != nil:
			return err
		}
	}
}

// startOver makes the file empty. Where that happens too often, or nothing is there to begin
// with, it returns why it would be necessary.
func (d *download) startOver(why error) error {
	if d.restarts++; d.have == 0 || d.restarts > maxRestarts {
		return why
	}
	return d.discard(nil)
}

// discard empties the file of bytes that cannot be part of the content, and adds to err if
// that fails.
func (d *download) discard(err error) error {
	if d.have == 0 {
		return err
	}
	d.have, d.state, d.probing = 0, State{Unmixed: d.Start.Unmixed}, false
	if failed := d.File.Truncate(0); failed != nil {
		return errors.Join(err, &FileError{failed})
	}
	return err
}
