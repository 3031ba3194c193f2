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

// States of tasks that are transcribed. Where nothing is pushed, that is all there is to say.
const (
	toBePushed    = "to be pushed"
	isTranscribed = "transcribed"
)

// Tasks returns the tasks of a project that have a push, and lists at most so many of them.
func Tasks(q *jobs.Queue, project int64, most int) *TaskList {
	out := NewTaskList(most)
	seen := map[int64]bool{}
	for push, transcription := range q.Pairs(jobs.Filter{Project: projects.Name(project), Kind: Kind}) {
		_, task, version, ok := parseKey(push.Key)
		if !ok || seen[task] {
			continue // an older version's
		}
		seen[task] = true
		if transcription == nil {
			transcription = &jobs.Job{} // no longer kept
		}
		one := taskState(push, transcription)
		one.ID, one.Version = task, version
		out.Add(one)
	}
	return out
}

// taskState derives the state of a task from its push and its last transcription.
func taskState(push, transcription *jobs.Job) TaskStatus {
	t := TaskStatus{Updated: push.Updated, Reason: push.Reason, Hint: push.Hint, Retries: push.Retries}
	switch {
	case push.State == jobs.Done && transcription.State == jobs.Discarded:
		t.State, t.Reason, t.Hint, t.Updated = "failed", transcription.Reason, transcription.Hint, transcription.Updated
	case push.State == jobs.Done:
		t.State, t.Reason = "pushed", ""
	case push.State == jobs.Discarded:
		t.State = "not pushed"
	case transcription.State == jobs.Done:
		t.State = toBePushed
	case transcription.State == jobs.Running:
		t.State = "transcribing"
	case transcription.State == jobs.Discarded:
		t.State, t.Reason, t.Hint, t.Updated = "failed", transcription.Reason, transcription.Hint, transcription.Updated
	default:
		t.State = "waiting"
		if transcription.Reason != "" {
			t.Reason, t.Hint, t.Retries, t.Updated = transcription.Reason, transcription.Hint, transcription.Retries, transcription.Updated
		}
	}
	return t
}
