package predictions

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/asr-backend/asr-backend/jobs"
	"github.com/asr-backend/asr-backend/labelstudio"
	"github.com/asr-backend/asr-backend/priority"
	"github.com/asr-backend/asr-backend/service/internal/background"
	"github.com/asr-backend/asr-backend/service/progress"
	"github.com/asr-backend/asr-backend/service/projects"
)

// predictRequest is a request for predictions.
type predictRequest struct {
	*Predictions
	project *projects.Project
	class   priority.Class
	arrived time.Time
	until   time.Time // when it is answered at the latest
	tasks   int       // how many it asks for

	unanswered int    // tasks so far
	reason     string // of the first of them
	late       string // why tasks that are behind others in the queue are not ready in time
	unsure     bool   // that a task was waited for in vain of which nothing was known
}

// answer returns the predictions of a task of the request by position, or why there are none.
// ctx is the request's and outlives wait by what it takes to answer; writing bounds the wait for
// the task to be enqueued.
func (r *predictRequest) answer(ctx, writing, wait context.Context, all *background.Results[accepted], i int) (p labelstudio.Predictions, reason string) {
	a := all.Get(writing, i)
	if a == nil {
		return nil, "the task is being enqueued"
	}
	if a.refused != nil {
		return nil, a.refused.Error()
	}
	shows := r.shows(a)
	if r.Wait < 0 && !shows {
		return nil, "the service is set to answer at once (--predict-wait 0s)" + r.later(a)
	}
	for _, key := range a.keys {
		reason, err := r.transcribed(wait, a, key)
		switch {
		case err != nil:
			return nil, r.failed(wait, a, err)
		case reason != "":
			return nil, reason
		}
	}
	p, reason, err := r.build(ctx, a, shows)
	if err != nil {
		return nil, r.failed(wait, a, err)
	}
	return p, reason
}

// failed logs why a task could not be answered, and returns the reason.
func (r *predictRequest) failed(wait context.Context, a *accepted, err error) string {
	if wait.Err() == nil {
		r.log.Warn("task not answered", "project", r.project.ID, "task", a.task.ID, "error", err)
	}
	return err.Error()
}

// later is what becomes of a task that is not answered, as the end of a reason.
func (r *predictRequest) later(a *accepted) string {
	if r.Client == nil || r.project.ID == 0 || a.task.ID == 0 {
		return "; ask again later"
	}
	return "; the prediction is stored in Label Studio when it is ready"
}

// fresh is how long Label Studio may have a prediction before a request with that prediction is
// known to be no visit of the task, which asks only for what is missing: the prediction may have
// been stored while the request was made.
const fresh = 10 * time.Second

// shows reports whether the answer is looked at and not stored: that to a request by hand, which
// does not say what predictions the task has, and that to Send Test Request, which is sent for a
// task that has its prediction as well.
func (r *predictRequest) shows(a *accepted) bool {
	if a.task.Predictions == nil {
		return true
	}
	at, has := a.task.PredictedAt(r.project.Version)
	return has && r.tasks == 1 && time.Since(at) > fresh && time.Since(a.ended) > fresh
}

// transcribed waits for a transcription as long as that makes sense, and returns why there is no
// transcript.
func (r *predictRequest) transcribed(wait context.Context, a *accepted, key string) (reason string, err error) {
	q, err := r.Queue.Get()
	if err != nil {
		return "", err
	}
	job, _ := q.Peek(key)
	if !job.State.Ended() && wait.Err() == nil {
		if job.State == jobs.Queued && r.late != "" {
			return r.late + r.later(a), nil
		}
		// A request in which nobody knows for how long waits once.
		unsure := time.Now().Add(progress.Patience)
		if r.unsure {
			unsure = time.Time{}
		}
		job, err = r.Recordings.Wait(wait, key, unsure)
		if late, ok := errors.AsType[*progress.LateError](err); ok && wait.Err() == nil {
			if late.Queued {
				r.late = late.What
			}
			r.unsure = r.unsure || late.Unsure
			return late.What + r.later(a), nil
		}
	}
	if wait.Err() != nil {
		// What was done while another task of the request was waited for is answered. The
		// store is not asked: there may be thousands.
		job, _ = q.Peek(key)
		err = nil
	}
	switch {
	case err != nil:
		return "", err
	case job.State == jobs.Done:
		return "", nil
	case job.State == jobs.Discarded && job.Hint != "":
		return fmt.Sprintf("the recording was given up: %s (%s)", job.Reason, job.Hint), nil
	case job.State == jobs.Discarded:
		return "the recording was given up: " + job.Reason, nil
	}
	return fmt.Sprintf("the recording was not transcribed within %v", max(r.Wait, 0)) + r.later(a), nil
}

// build builds the prediction of a task whose recordings have been transcribed, if this request
// is the one to answer with it.
func (r *predictRequest) build(ctx context.Context, a *accepted, shows bool) (p labelstudio.Predictions, reason string, err error) {
	if r.Client != nil && patches(a.plans) {
		return nil, "the text is put into the task's data, and not into a prediction", nil
	}
	if !shows && a.task.ID != 0 && (a.task.HasPrediction(r.project.Version) || a.pushed && r.stored(ctx, a.task.ID, r.project.Version)) {
		return nil, "Label Studio has the prediction already", nil
	}
	partial := labelstudio.PartialVersion(r.project.Version)
	if !shows && r.Client != nil && (a.task.HasPrediction(partial) || r.project.Settings.Partial > 0 && a.task.ID != 0 && r.stored(ctx, a.task.ID, partial)) {
		return nil, "the prediction replaces the partial one in Label Studio in a moment", nil
	}
	built, err := r.Recordings.Build(ctx, r.project, a.plans, a.keys, a.task.Data, nil)
	if err != nil {
		return nil, "", err
	}
	if !built.Predict {
		return nil, "nothing in the labelling configuration shows a prediction", nil
	}
	p = labelstudio.Predictions{built.Prediction(r.project.Version)}
	if shows {
		return p, "", nil
	}
	if r.Client != nil {
		// Label Studio stores the answer, and the next version is to replace it.
		if err := r.Projects.Write(ctx, r.project); err != nil {
			return nil, "", err
		}
	}
	if a.task.ID != 0 {
		if ok, err := r.mine(ctx, a.task.ID); !ok {
			return nil, "another request was answered with the prediction a moment ago, or it is being stored", err
		}
	}
	return p, "", nil
}

// mine reports whether this request is the one that answers for a task. The push of the task is
// the lock: holding it keeps it, and all other requests at any process, from giving the
// prediction until Label Studio has had time to store the answer.
func (r *predictRequest) mine(ctx context.Context, task int64) (bool, error) {
	q, err := r.Queue.Get()
	if err != nil {
		return false, err
	}
	args := push{TaskID: task, ProjectID: r.project.ID, Version: r.project.Version}
	if r.Client == nil || r.project.ID == 0 {
		return r.answered.first(args.Key()), nil // nothing is pushed
	}
	sent := r.until // when the answer to all tasks goes out, at the latest
	if r.tasks == 1 {
		sent = time.Now()
	}
	_, err = q.Hold(ctx, args.Key(), sent.Add(storing))
	switch {
	case err == nil:
		return true, nil
	case jobs.Overtaken(err):
		return false, nil // it is being pushed, was pushed, or another request has answered
	}
	return false, err
}

// stored asks Label Studio whether it has a prediction that was pushed a moment ago and that
// a task came without: Label Studio may have read the task before the push, or somebody has
// deleted the prediction since. If that cannot be found out, it is there.
func (s *Predictions) stored(ctx context.Context, task int64, version string) bool {
	ctx, cancel := context.WithTimeout(ctx, 3*time.Second)
	defer cancel()
	rows, err := s.Client.Predictions(ctx, task)
	for _, row := range rows {
		if row.ModelVersion == version {
			return true
		}
	}
	return err != nil
}
