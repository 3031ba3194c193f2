package control

import (
	"context"
	"errors"
	"time"

	"github.com/asr-backend/asr-backend/jobs"
	"github.com/asr-backend/asr-backend/service/overview"
	"github.com/asr-backend/asr-backend/service/predictions"
	"github.com/asr-backend/asr-backend/service/recordings"
)

// Detail is all that is known of the work for a task.
type Detail struct {
	overview.Task
	// Push is nil for a task that was not accepted.
	Push *Record `json:"push"`
	// Transcriptions are one a recording of the task, without those that are no longer kept.
	Transcriptions []Record `json:"transcriptions"`
}

// Record is a job.
type Record struct {
	Key   string `json:"key"`
	State string `json:"state"` // queued, running, done, dead or cancelled
	Class string `json:"class"`
	File  string `json:"file,omitempty"`
	// Ahead is how many jobs are taken before it, if it is ready and no more come.
	Ahead int `json:"ahead"`

	Attempts int `json:"attempts"`
	Retries  int `json:"retries"`
	Crashes  int `json:"crashes"`

	Created time.Time `json:"created"`
	Updated time.Time `json:"updated"`
	Started time.Time `json:"started,omitzero"`       // the latest attempt
	Next    time.Time `json:"next_attempt,omitzero"`  // not before
	Failing time.Time `json:"failing_since,omitzero"` // each attempt
	Ended   time.Time `json:"ended,omitzero"`

	Reason  string `json:"reason,omitempty"`
	Hint    string `json:"hint,omitempty"`
	Outcome string `json:"outcome,omitempty"` // of a push that is done

	// Turn says that a transcription under way waits for its next turn.
	Turn         bool     `json:"waits_for_turn,omitempty"`
	TranscribedS float64  `json:"transcribed_s,omitempty"`
	LengthS      float64  `json:"length_s,omitempty"`
	Speed        float64  `json:"speed,omitempty"`
	LeftS        float64  `json:"left_s,omitempty"`
	Confidence   *float64 `json:"confidence,omitempty"`
}

// Of returns all about a task; ok is false if nothing is known of it.
func (c *Control) Of(ctx context.Context, task int64) (d Detail, ok bool, err error) {
	q, err := c.queue(ctx)
	if err != nil {
		return d, false, err
	}
	if d.Task, ok = c.one(ctx, q, c.Projects.List(ctx), task); !ok {
		return d, false, nil
	}
	d.Transcriptions = []Record{}
	if d.Task.Push == "" {
		return d, true, nil
	}
	push, err := q.Get(ctx, d.Task.Push)
	if errors.Is(err, jobs.ErrNotFound) {
		return d, true, nil // it ended a moment ago
	}
	if err != nil {
		return d, true, err
	}
	one := c.record(q, push)
	if push.State == jobs.Done {
		outcome, err := q.Result(ctx, push.Key)
		if err == nil {
			one.Outcome = string(outcome)
		}
	}
	d.Push = &one
	for _, key := range predictions.TranscriptionsOf(push) {
		if job, ok := q.Peek(key); ok {
			d.Transcriptions = append(d.Transcriptions, c.record(q, job))
		}
	}
	return d, true, nil
}

func (c *Control) record(q *jobs.Queue, j jobs.Job) Record {
	out := Record{
		Key: j.Key, State: j.State.String(), Class: j.Class.String(), File: j.Title, Ahead: q.Ahead(j.Key),
		Attempts: j.Attempts, Retries: j.Retries, Crashes: j.Crashes,
		Created: j.Created, Updated: j.Updated, Started: j.Attempted, Next: j.NotBefore, Failing: j.Failing, Ended: j.Ended,
		Reason: j.Reason, Hint: j.Hint,
	}
	if j.Cancelled {
		out.State, out.Reason = "cancelled", ""
	}
	if j.Kind != recordings.Kind {
		return out
	}
	if s, ok := recordings.ParseSummary(j.Summary); ok && j.State == jobs.Done {
		out.LengthS, out.Speed, out.Confidence = s.LengthS, s.Speed, &s.Confidence
	}
	if j.State.Ended() {
		return out
	}
	if now, ok := c.Recordings.Progress(j.Key); ok {
		out.Turn, out.TranscribedS, out.LengthS, out.Speed = now.Waiting, now.DoneS, now.LengthS, now.Speed
	}
	if left, ok := c.Recordings.Left(q, &j); ok {
		out.LeftS = left.Seconds()
	}
	return out
}
