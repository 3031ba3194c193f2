package media

import (
	"context"
	"errors"
	"net/http"
	"os"
	"strings"

	"github.com/asr-backend/asr-backend/internal/download"
)

// transfer brings one recording over the network.
type transfer struct {
	fetcher *Fetcher
	request Request
	source  source
}

// try tries the source's routes in turn. If none works, it gives the error of the first that
// may work later, else that of the first.
func (t *transfer) try(get func(download.Options) error) error {
	o := t.fetcher.options
	var first error
	for _, route := range t.source.routes {
		err := get(download.Options{
			Get: func(ctx context.Context, h http.Header) (*http.Response, error) { return t.ask(ctx, route, h) },
			Judge: func(w *http.Response, _ *download.State) error {
				if strings.HasPrefix(w.Header.Get("Content-Type"), "text/html") {
					return errPage
				}
				return nil
			},
			// A recording without a validator is continued: what was cut is worse.
			Start:    download.State{Unmixed: true},
			Progress: t.request.Progress,
			MaxBytes: o.MaxBytes, Stall: o.StallTime, Tries: o.Tries, Backoff: o.Backoff, Retry: again,
		})
		if err == nil {
			return nil
		}
		if first == nil || t.source.kind != Upload && !elsewhere(err) || again(err) {
			first = err
		}
		if !elsewhere(err) {
			break
		}
	}
	return first
}

// elsewhere reports whether another route may have what this one has not.
func elsewhere(err error) bool {
	a, ok := errors.AsType[*download.Error](err)
	if !ok {
		return false
	}
	switch a.Status {
	case http.StatusBadRequest, http.StatusNotFound, http.StatusMethodNotAllowed, http.StatusNotImplemented:
		return true
	}
	// Without nginx before it, Label Studio answers for nginx: no bytes, and a header that
	// says where they would be.
	return errors.Is(err, download.ErrEmpty)
}

// file downloads into a file and returns warnings.
func (t *transfer) file(ctx context.Context, f *os.File) (warnings []string, err error) {
	err = t.try(func(o download.Options) error {
		if err := f.Truncate(0); err != nil { // of what another route brought
			return err
		}
		o.File = f
		sure, err := download.Run(ctx, o)
		if err == nil && !sure {
			warnings = append(warnings, "The server did not give the recording's length, so it may be cut off.")
		}
		return err
	})
	return warnings, err
}
