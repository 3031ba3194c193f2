package overview

import (
	"time"

	"github.com/asr-backend/asr-backend/jobs"
	"github.com/asr-backend/asr-backend/service/problems"
)

// Task is the state of a task's prediction, and what is known of its recording. Of a task with
// several recordings it is the last one. Figures that are not known are zero or nil.
type Task struct {
	ID      int64     `json:"id"`
	Version string    `json:"model_version,omitempty"`
	State   State     `json:"state"`
	Updated time.Time `json:"updated"`
	Reason  string    `json:"reason,omitempty"`
	Hint    string    `json:"hint,omitempty"`
	Retries int       `json:"retries,omitempty"`

	Project int64 `json:"project"`
	// Attention says that somebody should look at it; see Query.
	Attention bool `json:"attention,omitempty"`
	// File is the name of the recording's file, without a path.
	File    string  `json:"file,omitempty"`
	LengthS float64 `json:"length_s,omitempty"`
	// Percent is how much of the recording is transcribed, 0 to 100.
	Percent float64 `json:"percent"`
	// Speed is in seconds of audio a second: while the recording is transcribed that of the last
	// seconds, afterwards that of the whole.
	Speed float64 `json:"speed,omitempty"`
	// LeftS is how long the transcription is expected to take from now on, in seconds.
	LeftS float64 `json:"left_s,omitempty"`
	// Confidence is the mean of the transcript's words, 0 to 1.
	Confidence *float64 `json:"confidence,omitempty"`
	// ErrorRate is the word error rate of the prediction, once somebody has corrected it.
	ErrorRate *float64 `json:"word_error_rate,omitempty"`

	// Push and Transcription are the keys of the task's jobs; empty: there is none.
	Push          string `json:"-"`
	Transcription string `json:"-"`
}

// State is the state of a task, in words for people.
type State string

// The states.
const (
	Failed       State = "failed"             // the recording cannot be had or transcribed
	NotPushed    State = "not pushed"         // Label Studio did not take the prediction
	NotAccepted  State = problems.NotAccepted // nothing could be enqueued
	NotAnswered  State = problems.NotAnswered // a region that an annotator waited for
	Cancelled    State = "cancelled"          // by a person
	Waiting      State = "waiting"            // for its turn, or for the next attempt
	Transcribing State = "transcribing"       //
	ToBePushed   State = "to be pushed"       // the transcript is there
	Pushed       State = "pushed"             // the prediction is in Label Studio
	Transcribed  State = "transcribed"        // and where nothing is pushed, that is all
	states             = 10
)

var order = [states]State{Failed, NotPushed, NotAccepted, NotAnswered, Cancelled, Waiting, Transcribing, ToBePushed, Pushed, Transcribed}

// States returns all states, those that need attention first.
func States() []State { return order[:] }

func (s State) index() int {
	for i, other := range order {
		if s == other {
			return i
		}
	}
	return -1
}

// Known reports whether there is such a state.
func (s State) Known() bool { return s.index() >= 0 }

// Attention reports whether a task in the state needs somebody: nothing more happens by itself.
func (s State) Attention() bool {
	return s == Failed || s == NotPushed || s == NotAccepted || s == NotAnswered
}

// stateOf derives the state of a task from its push and its last transcription, nil if that is
// not kept any more.
func stateOf(push, transcription *jobs.Job) Task {
	if transcription == nil {
		transcription = &jobs.Job{}
	}
	t := Task{Updated: push.Updated, Reason: push.Reason, Hint: push.Hint, Retries: push.Retries}
	failed := func(s State) {
		t.State, t.Reason, t.Hint, t.Updated = s, transcription.Reason, transcription.Hint, transcription.Updated
	}
	switch {
	case push.Cancelled:
		t.State, t.Reason, t.Hint = Cancelled, "", ""
	case push.State == jobs.Done && transcription.State == jobs.Discarded && !transcription.Cancelled:
		failed(Failed)
	case push.State == jobs.Done:
		t.State, t.Reason = Pushed, ""
	case push.State == jobs.Discarded:
		t.State = NotPushed
	case transcription.State == jobs.Done:
		t.State = ToBePushed
	case transcription.State == jobs.Running:
		t.State = Transcribing
	case transcription.State == jobs.Discarded:
		failed(Failed)
	default:
		t.State = Waiting
		if transcription.Reason != "" {
			failed(Waiting)
			t.Retries = transcription.Retries
		}
	}
	t.Attention = t.State.Attention() || t.Reason != ""
	return t
}
