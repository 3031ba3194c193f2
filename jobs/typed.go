package jobs

import (
	"context"
	"encoding"
	"encoding/json"
	"errors"
	"fmt"
	"time"

	"github.com/asr-backend/asr-backend/priority"
)

// Args are what one kind of job needs to know: its payload as a Go type. One type is one
// kind. The job's key and project follow from its arguments, so that kind, key, payload and
// worker cannot drift apart:
//
//	type Resize struct {
//		Image int64 `json:"image"`
//		Owner int64 `json:"owner"`
//	}
//
//	func (Resize) Kind() string      { return "resize" }
//	func (r Resize) Key() string     { return fmt.Sprint("resize/", r.Image) }
//	func (r Resize) Project() string { return fmt.Sprint(r.Owner) }
//
// Arguments are stored as JSON, or as they write themselves if they are an
// encoding.BinaryMarshaler whose pointer is an encoding.BinaryUnmarshaler. Stored jobs
// outlive a program: a field that is renamed keeps its old JSON key.
type Args interface {
	// Kind names the kind of job. It is the same for every value of the type.
	Kind() string
	// Key names the job; see Spec.Key.
	Key() string
	// Project is in whose turn the job is taken; see Spec.Project.
	Project() string
}

// InsertOptions configure Insert. The zero value is right for a job that may run at once and
// that nobody waits for.
type InsertOptions struct {
	Class     priority.Class
	Title     string    // see Spec.Title
	After     string    // see Spec.After
	NotBefore time.Time // see Spec.NotBefore
	// ReviveAfter makes a job that is found dead start afresh if it died at least so long
	// ago; 0 leaves it dead. A cancelled job stays so.
	ReviveAfter time.Duration
}

// Insert is Queue.Enqueue for arguments.
func Insert(ctx context.Context, q *Queue, a Args, o InsertOptions) (j Job, created bool, err error) {
	payload, err := encodeArgs(a)
	if err != nil {
		return Job{}, false, fail("enqueue", a.Key(), err)
	}
	j, created, err = q.Enqueue(ctx, Spec{Key: a.Key(), Project: a.Project(), Kind: a.Kind(), Class: o.Class, Title: o.Title,
		Payload: payload, After: o.After, NotBefore: o.NotBefore})
	if err != nil || j.State != Discarded || j.Cancelled || o.ReviveAfter <= 0 || time.Since(j.Ended) < o.ReviveAfter {
		return j, created, err
	}
	revived, err := q.Requeue(ctx, j.Key)
	if errors.Is(err, ErrState) {
		return j, false, nil // somebody else was faster
	}
	return revived, false, err
}

func encodeArgs(a Args) ([]byte, error) {
	if b, ok := a.(encoding.BinaryMarshaler); ok {
		return b.MarshalBinary()
	}
	return json.Marshal(a)
}

func decodeArgs[T Args](payload []byte) (T, error) {
	var args T
	if b, ok := any(&args).(encoding.BinaryUnmarshaler); ok {
		return args, b.UnmarshalBinary(payload)
	}
	return args, json.Unmarshal(payload, &args)
}

// Worker works on the jobs of one kind. The zero value is not a Worker; see NewWorker.
type Worker struct {
	kind string
	work func(ctx, store context.Context, l *Lease) error
}

// NewWorker returns a Worker for the jobs whose arguments are of type T. The function ends
// its attempt with Finish or Snooze, or returns an error; what becomes of the job then is
// for the caller of Work to decide.
func NewWorker[T Args](work func(ctx context.Context, a *Attempt[T]) error) Worker {
	var zero T
	return Worker{kind: zero.Kind(), work: func(ctx, store context.Context, l *Lease) error {
		args, err := decodeArgs[T](l.job.Payload)
		if err != nil {
			return fmt.Errorf("the job cannot be read: %w", err)
		}
		return work(ctx, &Attempt[T]{Args: args, lease: l, store: store})
	}}
}

// Kind is the kind of job to take for the worker.
func (w Worker) Kind() string { return w.kind }

// Work works on a job of the worker's kind. ctx ends the work, and store what is written of
// it: a program that stops ends ctx first, so that work which is done can still be stored.
func (w Worker) Work(ctx, store context.Context, l *Lease) error { return w.work(ctx, store, l) }

// Attempt is one attempt at a job, in the hands of its worker.
type Attempt[T Args] struct {
	Args  T
	lease *Lease
	store context.Context // for Finish and Snooze
}

// Job returns the job as it was taken.
func (a *Attempt[T]) Job() Job { return a.lease.Job() }

// Finish stores the result and ends the job; see Lease.Finish.
func (a *Attempt[T]) Finish(result []byte) error { return a.lease.Finish(a.store, result) }

// Snooze puts the job back until delay has passed, which counts as no failure; see
// Lease.Snooze.
func (a *Attempt[T]) Snooze(delay time.Duration) error { return a.lease.Snooze(a.store, delay) }

// Raised and Class follow the job when it is raised meanwhile; see Lease.Raised.
func (a *Attempt[T]) Raised() <-chan struct{} { return a.lease.Raised() }

// Class returns the present class of the job; see Lease.Class.
func (a *Attempt[T]) Class() priority.Class { return a.lease.Class() }

// Identify states what the job works on, for Queue.Alike; see Lease.Identify.
func (a *Attempt[T]) Identify(ctx context.Context, content string) error {
	return a.lease.Identify(ctx, content)
}

// Windows returns what PutWindow stored in this attempt and earlier ones; see Lease.Windows.
func (a *Attempt[T]) Windows(ctx context.Context) (map[int][]byte, error) {
	return a.lease.Windows(ctx)
}

// PutWindow stores a part of the work; see Lease.PutWindow.
func (a *Attempt[T]) PutWindow(ctx context.Context, index int, data []byte) error {
	return a.lease.PutWindow(ctx, index, data)
}
