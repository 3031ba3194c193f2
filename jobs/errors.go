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

// Sentinel errors, for errors.Is. Every error of this package is an *Error that wraps one of
// these or the error of a context.
var (
	// ErrNotFound: there is no such job, result or value.
	ErrNotFound = errors.New("not found")
	// ErrLeaseLost: the lease expired, the job was removed, or it has already ended. The
	// worker must stop; its result is refused.
	ErrLeaseLost = errors.New("the lease is lost")
	// ErrState: the state of the job does not allow the call.
	ErrState = errors.New("the job's state does not allow this")
	// ErrFull: a limit of Options is reached.
	ErrFull = errors.New("a limit is reached")
	// ErrTooLarge: a name, payload, window or result is larger than may be stored.
	ErrTooLarge = errors.New("too large")
	// ErrClosed: the queue is closed or closing.
	ErrClosed = errors.New("the queue is closed")

	// ErrNoSpace: the data directory, or the storage of the cluster, is full.
	ErrNoSpace = errors.New("no space left for jobs")
	// ErrReadOnly: the data directory cannot be written.
	ErrReadOnly = errors.New("the data directory cannot be written")
	// ErrUnavailable: the store does not answer. Usually temporary.
	ErrUnavailable = errors.New("the job store does not answer")
	// ErrDamaged: stored data is missing or cannot be read.
	ErrDamaged = errors.New("the stored jobs are damaged")
	// ErrLocked: another process uses the data directory.
	ErrLocked = errors.New("the data directory is in use")
	// ErrSource: the jobs belong to another server than Options.Source.
	ErrSource = errors.New("the stored jobs belong to another server")
	// ErrFormat: the data was written by a newer version of this program.
	ErrFormat = errors.New("the stored jobs have a newer format")
)

// Overtaken reports whether a call failed because the job is gone, or in a state that does not allow
// the call any more: somebody else was faster.
func Overtaken(err error) bool { return errors.Is(err, ErrState) || errors.Is(err, ErrNotFound) }

// Error is an error of this package.
type Error struct {
	Op     string // such as "open" or "enqueue"
	About  string // the job's key or the directory; may be empty
	Err    error
	Advice string // what a person can do about it; may be empty
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

// Hint returns Advice.
func (e *Error) Hint() string { return e.Advice }

// fail wraps err for the caller. An error that already is an *Error keeps its advice.
func fail(op, about string, err error) error {
	if err == nil {
		return nil
	}
	if inner, ok := errors.AsType[*Error](err); ok {
		return &Error{Op: op, About: about, Err: inner.Err, Advice: inner.Advice}
	}
	return &Error{Op: op, About: about, Err: err}
}

// transient reports whether err may go away, so that a worker with a finished result should
// wait.
func transient(err error) bool {
	return errors.Is(err, ErrUnavailable) || errors.Is(err, ErrNoSpace) || errors.Is(err, ErrReadOnly)
}

// API error codes from nats-server/server/errors.json that nats.go does not name.
const (
	codeAccountResources jetstream.ErrorCode = 10002 // the account's limit
	codeNoPeers          jetstream.ErrorCode = 10005 // no server has room, or too few servers
	codeNoReplicas       jetstream.ErrorCode = 10074 // several replicas on a single server
	codeInsufficient     jetstream.ErrorCode = 10023 // the server's limit
	codeStorageResources jetstream.ErrorCode = 10047
	codeStoreFailed      jetstream.ErrorCode = 10077 // the stream's limit, or the disk
)

// translate maps an error of the NATS client to the sentinels above. ctx is the caller's: if
// only the time limit of the request has passed, the store does not answer.
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

// diskError maps an error of the operating system to the sentinels above.
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
