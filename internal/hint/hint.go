// Package hint finds what a person can do about an error.
//
// An error says what went wrong; a hint says what to do about it, such as how to convert a
// damaged recording. Packages carry their hints in different ways. This package knows them
// all: the command line, the service and doctor ask here.
package hint

import (
	"errors"

	"github.com/asr-backend/asr-backend/asr/ort"
	"github.com/asr-backend/asr-backend/audio"
	"github.com/asr-backend/asr-backend/labelstudio/api"
	"github.com/asr-backend/asr-backend/labelstudio/media"
)

// Of returns what a person can do about an error, or an empty string if nothing is known
// or the text of the error says it.
func Of(err error) string {
	if recording, ok := errors.AsType[*audio.Error](err); ok {
		return recording.Hint
	}
	if gpu, ok := errors.AsType[*ort.CUDAError](err); ok && gpu.Hint != "" {
		return gpu.Hint
	}
	if errors.Is(err, ort.ErrLibrary) || errors.Is(err, ort.ErrCUDA) {
		return "run `asr-backend doctor` on the same machine"
	}
	if _, _, ok := inText(err); ok {
		return ""
	}
	if other, ok := errors.AsType[hinting](err); ok {
		return other.Hint()
	}
	return ""
}

// Split returns the text of an error and the hint apart, also where the text has both.
func Split(err error) (text, hint string) {
	if text, hint, ok := inText(err); ok {
		return text, hint
	}
	return err.Error(), Of(err)
}

// inText returns both parts of an error whose text has the hint in it.
func inText(err error) (text, hint string, ok bool) {
	if asked, ok := errors.AsType[*api.Error](err); ok {
		plain := *asked
		plain.Hint = ""
		return plain.Error(), asked.Hint, true
	}
	if fetched, ok := errors.AsType[*media.Error](err); ok {
		plain := *fetched
		plain.Hint = ""
		return plain.Error(), fetched.Hint, true
	}
	return "", "", false
}

// With returns an error whose method Hint returns Of(err), for package jobs to store.
func With(err error) error { return &hinted{err, Of(err)} }

type hinting interface {
	error
	Hint() string
}

type hinted struct {
	error
	hint string
}

func (e *hinted) Hint() string  { return e.hint }
func (e *hinted) Unwrap() error { return e.error }
