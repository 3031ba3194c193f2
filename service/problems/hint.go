package problems

import (
	"errors"

	"github.com/asr-backend/asr-backend/asr/ort"
	"github.com/asr-backend/asr-backend/audio"
	"github.com/asr-backend/asr-backend/labelstudio/api"
	"github.com/asr-backend/asr-backend/labelstudio/media"
)

// Hint says what a person can do about an error, or nothing.
func Hint(err error) string {
	var damaged *audio.Error
	var other interface{ Hint() string }
	switch {
	case errors.As(err, &damaged):
		return damaged.Hint
	case errors.Is(err, ort.ErrLibrary), errors.Is(err, ort.ErrCUDA):
		return "run `asr-backend doctor` where the service runs"
	case IsMedia(err), api.Status(err) != 0:
		return "" // the text of these errors says what to do
	case errors.As(err, &other):
		return other.Hint()
	}
	return ""
}

// IsMedia reports whether a recording could not be fetched.
func IsMedia(err error) bool {
	var e *media.Error
	return errors.As(err, &e)
}

// WithHint returns an error with the method Hint, which package jobs stores beside the text.
func WithHint(err error) error { return &hinted{err, Hint(err)} }

type hinted struct {
	error
	hint string
}

func (e *hinted) Hint() string  { return e.hint }
func (e *hinted) Unwrap() error { return e.error }
