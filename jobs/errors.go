package jobs

import (
	"context"
	"errors"
	"fmt"
	"strconv"
	"strings"
	"syscall"

	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"
)

// What callers branch on, with errors.Is. Every error of this package is an *Error that
// wraps one of these or a context's error.
var (
	// ErrNotFound says that there is no such job, result or value.
	ErrNotFound = errors.New("not found")
	// ErrLeaseLost says that the job is no longer this worker's: the lease ran out, the
	// job was removed, or it has already ended. The work must stop; its result is refused.
	ErrLeaseLost = errors.New("the lease is lost")
	// ErrState says that the job's state does not allow the step.
	ErrState = errors.New("the job's state does not allow this")
	// ErrFull says that a limit of Options is reached.
	ErrFull = errors.New("a limit is reached")
	// ErrTooLarge says that a name, payload, window or result is larger than may be stored.
	ErrTooLarge = errors.New("too large")
	// ErrClosed says that the queue is closed or closing.
	ErrClosed = errors.New("the queue is closed")

	// ErrNoSpace says that the data directory, or the storage of a cluster, is full.
	ErrNoSpace = errors.New("no space left for jobs")
	// ErrReadOnly says that the data directory cannot be written.
	ErrReadOnly = errors.New("the data directory cannot be written")
	// ErrUnavailable says that the store does not answer; trying again later may help.
	ErrUnavailable = errors.New("the job store does not answer")
	// ErrDamaged says that stored data was lost or cannot be read.
	ErrDamaged = errors.New("the stored jobs are damaged")
	// ErrLocked says that another process uses the data directory.
	ErrLocked = errors.New("the data directory is in use")
	// ErrSource says that the jobs belong to another server than Options.Source.
	ErrSource = errors.New("the stored jobs belong to another server")
	// ErrFormat says that the data was written by a newer version of this program.
	ErrFormat = errors.New("the stored jobs have a newer format")
)

// Error is an error of this package: what was attempted, on what, why it failed, and what
// a person can do about it.
type Error struct {
	Op     string // such as "open" or "enqueue"
	About  string // the job's key or the directory; may be empty
	Err    error
	Advice string // what to do; may be empty
}

func (e *Error) Error() string {
	s := "jobs: " + e.Op
	if e.About != "" {
		s += " " + strconv.Quote(e.About)
	}
	return s + ": " + e.Err.Error()
}

// Unwrap returns the cause.
func (e *Error) Unwrap() error { return e.Err }

// Hint says what a person can do about the error; it may be empty.
func (e *Error) Hint() string { return e.Advice }

// fail wraps err for the caller. An error that already is an *Error keeps its advice.
func fail(op, about string, err error) error {
	if err == nil {
		return nil
	}
	var inner *Error
	if errors.As(err, &inner) {
		return &Error{Op: op, About: about, Err: inner.Err, Advice: inner.Advice}
	}
	return &Error{Op: op, About: about, Err: err}
}

// passing tells whether waiting may cure err, so that a worker holding a finished result
// waits instead of throwing it away.
func passing(err error) bool {
	return errors.Is(err, ErrUnavailable) || errors.Is(err, ErrNoSpace) || errors.Is(err, ErrReadOnly)
}

// API error codes of nats-server/server/errors.json for which nats.go has no name.
const (
	codeAccountResources jetstream.ErrorCode = 10002 // the account's limit
	codeNoPeers          jetstream.ErrorCode = 10005 // no server has room, or too few servers
	codeInsufficient     jetstream.ErrorCode = 10023 // the server's limit
	codeStorageResources jetstream.ErrorCode = 10047
	codeStoreFailed      jetstream.ErrorCode = 10077 // the stream's limit, or the disk
)

// translate maps an error of the NATS client onto the sentinels above. ctx is the caller's:
// an attempt that only ran into its own time limit means that the store does not answer.
func translate(ctx context.Context, err error) error {
	var api *jetstream.APIError
	switch {
	case err == nil:
		return nil
	case ctx.Err() != nil:
		return context.Cause(ctx)
	case errors.Is(err, ErrUnavailable):
		return err
	case errors.Is(err, jetstream.ErrKeyNotFound), errors.Is(err, jetstream.ErrMsgNotFound), errors.Is(err, jetstream.ErrObjectNotFound):
		return fmt.Errorf("%w: %w", ErrNotFound, err)
	case errors.Is(err, nats.ErrMaxPayload):
		return fmt.Errorf("%w: %w", ErrTooLarge, err)
	case errors.As(err, &api):
		switch api.ErrorCode {
		case codeAccountResources, codeInsufficient, codeStorageResources:
			return fmt.Errorf("%w: %w", ErrNoSpace, err)
		case codeStoreFailed:
			if strings.Contains(api.Description, "maximum bytes") {
				return fmt.Errorf("%w: %w", ErrFull, err)
			}
			return fmt.Errorf("%w: %w", ErrNoSpace, err)
		case jetstream.JSErrCodeStreamMessageExceedsMaximum:
			return fmt.Errorf("%w: %w", ErrTooLarge, err)
		}
	}
	return fmt.Errorf("%w: %w", ErrUnavailable, err)
}

// diskError maps what the operating system says about the data directory.
func diskError(err error) error {
	switch {
	case err == nil:
		return nil
	case errors.Is(err, syscall.ENOSPC), errors.Is(err, syscall.EDQUOT), errors.Is(err, syscall.EFBIG):
		return fmt.Errorf("%w: %w", ErrNoSpace, err)
	case errors.Is(err, syscall.EROFS), errors.Is(err, syscall.EACCES), errors.Is(err, syscall.EPERM):
		return fmt.Errorf("%w: %w", ErrReadOnly, err)
	}
	return fmt.Errorf("%w: %w", ErrUnavailable, err)
}
