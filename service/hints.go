package service

import (
	"errors"

	"asr-backend/asr/ort"
	"asr-backend/audio"
	"asr-backend/labelstudio/api"
)

// hintOf says what a person can do about an error, or nothing.
func hintOf(err error) string {
	var sound *audio.Error
	var store interface{ Hint() string }
	switch {
	case errors.As(err, &sound):
		return sound.Hint
	case errors.Is(err, ort.ErrLibrary), errors.Is(err, ort.ErrCUDA):
		return "run `asr-backend doctor` where the service runs"
	case isMedia(err), api.Status(err) != 0:
		return "" // the text of these errors says what to do
	case errors.As(err, &store):
		return store.Hint()
	}
	return ""
}

// hinted gives the hint of an error along with it, as jobs keeps both.
func hinted(err error) error { return &hintedError{err, hintOf(err)} }

type hintedError struct {
	error
	hint string
}

func (e *hintedError) Hint() string  { return e.hint }
func (e *hintedError) Unwrap() error { return e.error }
