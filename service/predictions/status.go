package predictions

import (
	"time"

	"github.com/asr-backend/asr-backend/jobs"
	"github.com/asr-backend/asr-backend/service/projects"
)

// TaskStatus is the state of a task's prediction.
type TaskStatus struct {
	ID      int64     `json:"id"`
	Version string    `json:"model_version,omitempty"`
	State   string    `json:"state"`
	Updated time.Time `json:"updated"`
	Reason  string    `json:"reason,omitempty"`
	Hint    string    `json:"hint,omitempty"`
	Retries int       `json:"retries,omitempty"`
}

// States of tasks. Where nothing is pushed, they are transcribed in the end, and else pushed.
const (
	waiting       = "waiting"
	transcribing  = "transcribing"
	toBePushed    = "to be pushed"
	isTranscribed = "transcribed"
	isPushed      = "pushed"
	failed        = "failed"     // the transcription was given up
	notPushed     = "not pushed" // the push was given up
	cancelled     = "cancelled"
)

// States returns the states that a task can be in, besides problems.NotAccepted.
func States() []string {
	return []string{waiting, transcribing, toBePushed, isTranscribed, isPushed, failed, notPushed, cancelled}
}

// Tasks returns the tasks of a project that have a push, and lists at most so many of them.
func Tasks(q *jobs.Queue, project int64, most int) *TaskList {
	out := NewTaskList(most)
	seen := map[int64]bool{}
	for push, transcription := range q.Pairs(jobs.Filter{Project: projects.Name(project), Kind: Kind}) {
		_, task, version, ok := ParseKey(push.Key)
		if !ok || seen[task] {
			continue // an older version's
		}
		seen[task] = true
		out.Add(status(push, transcription, task, version))
	}
	return out
}

// Status returns the task of a push and the state of its prediction, given the push and the
// transcription that it waits for, nil if that is not kept any more. ok is false for other jobs.
func Status(push, transcription *jobs.Job) (t TaskStatus, project int64, ok bool) {
	project, task, version, ok := ParseKey(push.Key)
	return status(push, transcription, task, version), project, ok
}

func status(push, transcription *jobs.Job, task int64, version string) TaskStatus {
	if transcription == nil {
		transcription = &jobs.Job{}
	}
	t := taskState(push, transcription)
	t.ID, t.Version = task, version
	return t
}

// taskState derives the state of a task from its push and its last transcription.
func taskState(push, transcription *jobs.Job) TaskStatus {
	t := TaskStatus{Updated: push.Updated, Reason: push.Reason, Hint: push.Hint, Retries: push.Retries}
	switch {
	case push.State == jobs.Done && transcription.State == jobs.Discarded:
		t.State, t.Reason, t.Hint, t.Updated = failed, transcription.Reason, transcription.Hint, transcription.Updated
	case push.State == jobs.Done:
		t.State, t.Reason = isPushed, ""
	case push.Cancelled:
		t.State, t.Reason = cancelled, ""
	case push.State == jobs.Discarded:
		t.State = notPushed
	case transcription.State == jobs.Done:
		t.State = toBePushed
	case transcription.State == jobs.Running:
		t.State = transcribing
	case transcription.State == jobs.Discarded:
		t.State, t.Reason, t.Hint, t.Updated = failed, transcription.Reason, transcription.Hint, transcription.Updated
	default:
		t.State = waiting
		if transcription.Reason != "" {
			t.Reason, t.Hint, t.Retries, t.Updated = transcription.Reason, transcription.Hint, transcription.Retries, transcription.Updated
		}
	}
	return t
}
