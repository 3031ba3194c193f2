package service

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"asr-backend/asr"
	"asr-backend/jobs"
	"asr-backend/labelstudio"
	"asr-backend/labelstudio/labelconfig"
	"asr-backend/service/projects"
)

// Kinds of jobs.
const (
	kindTranscribe = "transcribe"
	kindDeliver    = "deliver"
	kindEvent      = "event"
	kindRetime     = "retime"
)

// hearing is the payload of a job that transcribes a recording.
type hearing struct {
	Value    string `json:"value"` // as the task has it
	Task     int64  `json:"task"`
	Project  int64  `json:"project"`
	Login    string `json:"login,omitempty"`
	Password string `json:"password,omitempty"`
	// Settings and Split choose how it is heard, Version is what that comes to.
	Settings projects.Settings `json:"settings"`
	Split    bool              `json:"split"`
	Version  string            `json:"version"`
}

// errand is the payload of a job that delivers a task's prediction.
type errand struct {
	Task    int64    `json:"task"`
	Project int64    `json:"project"`
	Version string   `json:"version"`
	Plans   []int    `json:"plans"` // indices
	Hear    []string `json:"hear"`  // keys of the transcriptions, one a plan
}

// hearingKey names the transcription of a recording: the same for every task and project
// that shows it, unless the project opens it with credentials of its own.
func hearingKey(p *labelstudio.Project, value, version string) string {
	if p.Login != "" {
		return kindTranscribe + "/" + version + "/" + projects.Fingerprint(value, p.ID, p.Login)
	}
	return kindTranscribe + "/" + version + "/" + projects.Fingerprint(value)
}

// errandKey names the delivery of a version to a task.
func errandKey(project, task int64, version string) string {
	return fmt.Sprintf("%s/%d/%d/%s", kindDeliver, project, task, version)
}

// parseErrandKey is the inverse of errandKey.
func parseErrandKey(key string) (project, task int64, version string, ok bool) {
	parts := strings.SplitN(key, "/", 4)
	if len(parts) != 4 || parts[0] != kindDeliver {
		return 0, 0, "", false
	}
	project, err1 := strconv.ParseInt(parts[1], 10, 64)
	task, err2 := strconv.ParseInt(parts[2], 10, 64)
	return project, task, parts[3], err1 == nil && err2 == nil
}

// order is what was enqueued for a task.
type order struct {
	task  *labelstudio.Task
	plans []*labelconfig.Plan
	keys  []string // of the transcriptions, one a plan
	// delivered says that the task came without the prediction although that had been
	// delivered a moment ago.
	delivered bool
}

// asked is how a task is asked for.
type asked struct {
	class jobs.Class
	// until is when the request that asks is answered at the latest; zero if none waits.
	until time.Time
	// lacks says that Label Studio has no prediction of the version, as far as is known.
	lacks bool
}

// errNoRecording means that a task has nothing to hear.
var errNoRecording = errors.New("the task has no recording")

// deadAgain is how long a transcription that was given up stays so when it is asked for
// again: what was missing may be there now.
const deadAgain = time.Minute

// enqueue makes sure that a task's recordings are, or will be, heard, and its prediction
// delivered.
func (s *Service) enqueue(ctx context.Context, p *labelstudio.Project, r *projects.Project, t *labelstudio.Task, a asked) (*order, error) {
	q, err := s.queue.Get()
	if err != nil {
		return nil, err
	}
	o := &order{task: t}
	given := false // up, one of the recordings
	for _, plan := range r.Plans {
		value, ok := plan.Recording(t.Data)
		if !ok {
			continue
		}
		key := hearingKey(p, value, r.TranscriptVersion)
		payload, err := json.Marshal(hearing{Value: value, Task: t.ID, Project: p.ID, Login: p.Login, Password: p.Password.Reveal(),
			Settings: r.Settings, Split: r.Split(), Version: r.TranscriptVersion})
		if err != nil {
			return nil, fmt.Errorf("enqueue task %d: %w", t.ID, err)
		}
		job, _, err := q.Enqueue(ctx, jobs.Spec{Key: key, Project: projects.Name(p.ID), Kind: kindTranscribe, Class: a.class, Payload: payload})
		if err == nil {
			job, err = revive(ctx, q, job)
		}
		if err != nil {
			return nil, fmt.Errorf("enqueue task %d: %w", t.ID, err)
		}
		given = given || job.State == jobs.Dead
		o.plans = append(o.plans, plan)
		o.keys = append(o.keys, key)
	}
	if len(o.keys) == 0 {
		return nil, errNoRecording
	}
	// Requests made by hand may have no task to deliver to.
	if s.client == nil || t.ID == 0 || p.ID == 0 {
		return o, nil
	}
	if err := s.order(ctx, q, p, r, o, a, given); err != nil {
		return o, fmt.Errorf("enqueue the delivery to task %d: %w", t.ID, err)
	}
	return o, nil
}

// order enqueues the delivery. One that has ended is made anew if it did not deliver, or
// if what it delivered is not there any more: it keeps one prediction whatever it finds.
func (s *Service) order(ctx context.Context, q *jobs.Queue, p *labelstudio.Project, r *projects.Project, o *order, a asked, given bool) error {
	e := errand{Task: o.task.ID, Project: p.ID, Version: r.Version, Hear: o.keys}
	for _, plan := range o.plans {
		e.Plans = append(e.Plans, plan.Index)
	}
	payload, err := json.Marshal(e)
	if err != nil {
		return err
	}
	spec := jobs.Spec{Key: errandKey(p.ID, e.Task, r.Version), Project: projects.Name(p.ID), Kind: kindDeliver, Class: a.class, Payload: payload,
		After: o.keys[len(o.keys)-1], NotBefore: a.until}
	job, _, err := q.Enqueue(ctx, spec)
	if err != nil {
		return err
	}
	if job.State != jobs.Done {
		_, err = revive(ctx, q, job)
		return err
	}
	outcome, err := q.Result(ctx, spec.Key)
	if err != nil && !errors.Is(err, jobs.ErrNotFound) && !errors.Is(err, jobs.ErrState) {
		return err
	}
	switch done := string(outcome) == delivered; {
	case done && !a.lacks, !done && given:
		return nil
	case done:
		o.delivered = time.Since(job.Ended) < remembered
	}
	if err := q.Remove(ctx, spec.Key); err != nil && !errors.Is(err, jobs.ErrNotFound) {
		return err
	}
	_, _, err = q.Enqueue(ctx, spec)
	return err
}

// revive makes a job that was given up a while ago start afresh.
func revive(ctx context.Context, q *jobs.Queue, job jobs.Job) (jobs.Job, error) {
	if job.State != jobs.Dead || time.Since(job.Ended) < deadAgain {
		return job, nil
	}
	again, err := q.Requeue(ctx, job.Key)
	if errors.Is(err, jobs.ErrState) {
		return job, nil // somebody else was faster
	}
	return again, err
}

// together is how many writes to the queue are made at once.
const together = 16

// each calls do for 0 to n-1, some at a time.
func each(n int, do func(i int)) {
	var wg sync.WaitGroup
	var next atomic.Int64
	for range min(n, together) {
		wg.Go(func() {
			for i := next.Add(1) - 1; i < int64(n); i = next.Add(1) - 1 {
				do(int(i))
			}
		})
	}
	wg.Wait()
}

// priority is the class of a job as the recognizer orders windows.
func priority(c jobs.Class) asr.Priority {
	switch c {
	case jobs.Interactive:
		return asr.Interactive
	case jobs.Opened:
		return asr.Opened
	}
	return asr.Batch
}
