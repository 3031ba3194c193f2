// Package cli is what the commands of asr-backend share beyond their flags: which
// recordings an argument means, where results go, what is said while work goes on, and
// what the program's exit status says.
package cli

import (
	"context"
	"errors"

	"github.com/asr-backend/asr-backend/asr"
	"github.com/asr-backend/asr-backend/asr/ort"
	"github.com/asr-backend/asr-backend/internal/finding"
	"github.com/asr-backend/asr-backend/internal/output"
)

// Exit codes of the program.
const (
	ExitOK          = 0
	ExitSome        = 1   // some recordings failed; the others are written
	ExitUsage       = 2   // the command line makes no sense
	ExitEnvironment = 3   // no library, model or device to work with
	ExitInterrupted = 130 // stopped by Ctrl-C or SIGTERM
)

// UsageError is a mistake in the command line.
type UsageError struct{ Err error }

func (e *UsageError) Error() string { return e.Err.Error() }

// Unwrap returns the cause.
func (e *UsageError) Unwrap() error { return e.Err }

// ErrSome means that each failure has been reported already.
var ErrSome = errors.New("some recordings failed")

// ExitCode returns the program's exit status for what a command returned.
func ExitCode(err error) int {
	var usage *UsageError
	var refused *output.RefusedError
	var model *asr.ModelError
	switch {
	case err == nil:
		return ExitOK
	case errors.Is(err, context.Canceled):
		return ExitInterrupted
	case errors.As(err, &usage), errors.As(err, &refused):
		return ExitUsage
	case errors.Is(err, finding.ErrFailure), errors.Is(err, ort.ErrLibrary), errors.Is(err, ort.ErrCUDA), errors.As(err, &model):
		return ExitEnvironment
	}
	return ExitSome
}
