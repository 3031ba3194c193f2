package jobs

import (
	"errors"
	"fmt"
	"slices"
	"time"
)

// Class is the priority of a job. Workers get the jobs of the highest class first; within a
// class the projects take turns.
type Class uint8

// The classes, lowest first. The zero value is Batch.
const (
	Batch       Class = iota // imported; nobody has opened the task yet
	Opened                   // somebody has opened the task
	Interactive              // somebody is waiting in front of the screen
	classes     = iota
)

var classNames = [classes]string{"batch", "opened", "interactive"}

func (c Class) String() string {
	if c < classes {
		return classNames[c]
	}
	return fmt.Sprintf("class %d", uint8(c))
}

// MarshalText writes the name of the class.
func (c Class) MarshalText() ([]byte, error) { return name(classNames[:], int(c), "class") }

// UnmarshalText reads the name of a class.
func (c *Class) UnmarshalText(text []byte) error {
	i, err := number(classNames[:], text, "class")
	*c = Class(i)
	return err
}

// State is the state of a job.
type State uint8

// The states. Queued jobs are started by Take. Running jobs are ended by their worker or,
// when its heartbeats stop, by housekeeping. Done and Discarded are final, but Requeue revives a
// dead job; retention removes both.
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
func (s State) MarshalText() ([]byte, error) { return name(stateNames[:], int(s), "state") }

// UnmarshalText reads the name of a state.
func (s *State) UnmarshalText(text []byte) error {
	i, err := number(stateNames[:], text, "state")
	*s = State(i)
	return err
}

func name(names []string, i int, what string) ([]byte, error) {
	if i >= len(names) {
		return nil, fmt.Errorf("there is no %s %d", what, i)
	}
	return []byte(names[i]), nil
}

func number(names []string, text []byte, what string) (int, error) {
	if i := slices.Index(names, string(text)); i >= 0 {
		return i, nil
	}
	return 0, fmt.Errorf("there is no %s %q", what, text)
}

// Spec describes a job to be enqueued.
type Spec struct {
	// Key names the job among all jobs: enqueueing it again finds the job that is there.
	Key string
	// Project takes turns with the other projects of its class.
	Project string
	// Kind chooses the workers: Take takes jobs of one kind.
	Kind  string
	Class Class
	// Payload is for the worker, at most MaxPayload bytes; it is not interpreted.
	Payload []byte
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
	case s.Class >= classes:
		err = fmt.Errorf("there is no class %d", s.Class)
	case len(s.Payload) > MaxPayload:
		err = fmt.Errorf("%w: the payload has %d bytes, at most %d fit", ErrTooLarge, len(s.Payload), MaxPayload)
	case s.After == s.Key:
		err = errors.New("the job waits for itself")
	case len(s.After) > MaxName:
		err = checkName("key of the job to wait for", s.After)
	}
	return err
}

// Job is a job as of Revision. Jobs, List and Peek leave the payload out.
type Job struct {
	Key     string `json:"key"`
	Project string `json:"project"`
	Kind    string `json:"kind"`
	Class   Class  `json:"class"`
	State   State  `json:"state"`
	Payload []byte `json:"payload,omitempty"`
	After   string `json:"after,omitempty"`

	Created   time.Time `json:"created"`
	Updated   time.Time `json:"updated"`
	NotBefore time.Time `json:"notBefore,omitzero"` // queued: the earliest next attempt
	Attempted time.Time `json:"taken,omitzero"`     // start of the latest attempt
	Ended     time.Time `json:"ended,omitzero"`

	// Attempts counts the attempts.
	Attempts int `json:"deliveries,omitempty"`
	// Retries counts the attempts that ended in Retry.
	Retries int `json:"retries,omitempty"`
	// Crashes counts the latest attempts in a row that crashed without a new window result;
	// Options.MaxCrashes of them make the job dead.
	Crashes int `json:"losses,omitempty"`

	// Reason is the latest failure, Hint what a person can do about it.
	Reason string `json:"reason,omitempty"`
	Hint   string `json:"hint,omitempty"`

	// Revision grows with every change of any job.
	Revision uint64 `json:"-"`
}
