package jobs

import (
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/asr-backend/asr-backend/priority"
)

// State is the state of a job.
type State uint8

// The states. Queued jobs are started by Take. Running jobs are ended by their worker or,
// when its heartbeats stop, by housekeeping. Done and Discarded are final, but Requeue revives a
// dead job, Restart both, and Redo one whose result is damaged; retention removes both, unless
// the job was cancelled.
const (
	Queued    State = iota // ready, scheduled for later, or waiting for another job
	Running                // a worker holds the lease
	Done                   // the result is stored
	Discarded              // discarded for Reason
	states    = iota
)

var stateNames = [states]string{"queued", "running", "done", "dead"}

func (s State) String() string {
	if s < states {
		return stateNames[s]
	}
	return fmt.Sprintf("state %d", uint8(s))
}

// Ended reports whether s is Done or Discarded.
func (s State) Ended() bool { return s == Done || s == Discarded }

// MarshalText writes the name of the state.
func (s State) MarshalText() ([]byte, error) {
	if s >= states {
		return nil, fmt.Errorf("there is no %v", s)
	}
	return []byte(stateNames[s]), nil
}

// UnmarshalText reads the name of a state.
func (s *State) UnmarshalText(text []byte) error {
	i := slices.Index(stateNames[:], string(text))
	if i < 0 {
		return fmt.Errorf("there is no state %q", text)
	}
	*s = State(i)
	return nil
}

// Spec describes a job to be enqueued.
type Spec struct {
	// Key names the job among all jobs: enqueueing it again finds the job that is there.
	Key string
	// Project takes turns with the other projects of its class.
	Project string
	// Kind chooses the workers: Take takes jobs of one kind.
	Kind string
	// Class is how urgent the job is. Workers get the jobs of the highest class first; within
	// a class the projects take turns.
	Class priority.Class
	// Payload is for the worker, at most MaxPayload bytes; it is not interpreted.
	Payload []byte
	// Title is what people call what the job works on, such as the name of a file; see Note.
	Title string
	// After is the key of a job that must end, as done or dead, before this one starts. It
	// must exist when this job is enqueued. Once removed, it no longer holds this job back.
	After string
	// NotBefore is the earliest time at which the job starts.
	NotBefore time.Time
}

func (s Spec) check() error {
	err := errors.Join(checkName("key", s.Key), checkName("project", s.Project), checkKind(s.Kind))
	switch {
	case err != nil:
	case s.Class >= priority.Classes:
		err = fmt.Errorf("there is no %v", s.Class)
	case len(s.Payload) > MaxPayload:
		err = fmt.Errorf("%w: the payload has %d bytes, at most %d fit", ErrTooLarge, len(s.Payload), MaxPayload)
	case s.After == s.Key:
		err = errors.New("the job waits for itself")
	case len(s.After) > MaxName:
		err = checkName("key of the job to wait for", s.After)
	}
	return err
}

// Job is a job as of Revision. Jobs, List, Peek and Pairs leave the payload out.
type Job struct {
	Key     string         `json:"key"`
	Project string         `json:"project"`
	Kind    string         `json:"kind"`
	Class   priority.Class `json:"class"`
	State   State          `json:"state"`
	Payload []byte         `json:"payload,omitempty"`
	After   string         `json:"after,omitempty"`

	Created   time.Time `json:"created"`
	Updated   time.Time `json:"updated"`
	NotBefore time.Time `json:"notBefore,omitzero"` // queued: the earliest next attempt
	Held      time.Time `json:"held,omitzero"`      // queued: until when somebody holds it; see Queue.Hold
	Attempted time.Time `json:"taken,omitzero"`     // start of the latest attempt
	Ended     time.Time `json:"ended,omitzero"`
	Failing   time.Time `json:"failing,omitzero"` // since when each attempt has failed; see Lease.Retry

	// Content names what the job works on, as far as a worker has found out: jobs of equal
	// content have equal results. See Attempt.Identify.
	Content string `json:"content,omitempty"`

	// Attempts counts the attempts.
	Attempts int `json:"deliveries,omitempty"`
	// Retries counts the attempts that ended in Retry.
	Retries int `json:"retries,omitempty"`
	// Crashes counts the latest attempts in a row that crashed without a new window result;
	// Options.MaxCrashes of them make the job dead.
	Crashes int `json:"losses,omitempty"`

	// Cancelled says that a dead job was cancelled: it stays so until it is queued again or
	// removed on purpose. See Queue.Cancel.
	Cancelled bool `json:"cancelled,omitempty"`
	// Title and Summary are for lists and pages; see Note.
	Title   string `json:"title,omitempty"`
	Summary []byte `json:"summary,omitempty"`

	// Reason is the latest failure, Hint what a person can do about it.
	Reason string `json:"reason,omitempty"`
	Hint   string `json:"hint,omitempty"`

	// Revision grows with every change of any job.
	Revision uint64 `json:"-"`
}
