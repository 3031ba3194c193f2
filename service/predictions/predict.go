package predictions

import (
	"context"
	"errors"
	"time"

	"github.com/asr-backend/asr-backend/jobs"
	"github.com/asr-backend/asr-backend/labelstudio"
	"github.com/asr-backend/asr-backend/labelstudio/results"
	"github.com/asr-backend/asr-backend/priority"
	"github.com/asr-backend/asr-backend/service/problems"
	"github.com/asr-backend/asr-backend/service/projects"
	"github.com/asr-backend/asr-backend/service/recordings"
	"github.com/asr-backend/asr-backend/transcript"
)

// Predict returns the predictions of tasks, by position. It enqueues everything that is not
// there yet and waits for it for a bounded time; a task that is not ready, or that another
// request or the push takes care of, gets none: "not now". With c, an annotator waits for
// the text of regions of the one task.
func (s *Predictions) Predict(ctx context.Context, p *projects.Project, tasks []labelstudio.Task, c *labelstudio.Context) ([]labelstudio.Predictions, error) {
	out := make([]labelstudio.Predictions, len(tasks))
	if len(p.Plans) == 0 {
		return out, nil
	}
	if c != nil {
		s.keepLogin(ctx, p)
		prediction, err := s.regions(ctx, p, &tasks[0], c)
		if err != nil {
			s.log.Warn("region not transcribed", "project", p.ID, "task", tasks[0].ID, "error", err)
		}
		s.Problems.SetTask(p.ID, tasks[0].ID, problems.NotAnswered, err)
		out[0] = prediction
		return out, nil
	}
	r := &predictRequest{Predictions: s, project: p, arrived: time.Now(), class: priority.Batch, tasks: len(tasks)}
	r.until = r.arrived.Add(max(s.Wait, 0))
	if len(tasks) == 1 {
		r.class = priority.Opened
	}
	wait, cancel := context.WithDeadline(ctx, r.until)
	defer cancel()
	s.Queue.Wait(wait) // in the first moments of the process
	s.keepLogin(ctx, p)
	enqueued, ok := r.enqueue(tasks)
	if !ok {
		s.log.Warn("tasks are not enqueued before the next comparison of the project: too many wait already", "project", p.ID, "tasks", len(tasks))
		s.Due.At(p.ID, time.Now().Add(overloaded))
		return out, nil
	}
	writing, cancel := context.WithDeadline(ctx, r.arrived.Add(max(s.Wait, leastWriting)))
	defer cancel()
	for i := range tasks {
		a := enqueued.get(writing, i)
		if a == nil || s.Wait < 0 {
			continue
		}
		var err error
		out[i], err = r.await(ctx, wait, a)
		if err != nil && wait.Err() == nil {
			s.log.Warn("task not answered", "project", p.ID, "task", a.task.ID, "error", err)
		}
	}
	return out, nil
}

const (
	// leastWriting is how long a request waits at least for its tasks to be written to the
	// disk, however short its wait for transcripts is. Those that take longer are written
	// after the answer.
	leastWriting = time.Second
	// overloaded is when a project is looked through that asked for more than can be enqueued.
	overloaded = time.Minute
)

// keepLogin keeps the credentials that came with a request.
func (s *Predictions) keepLogin(ctx context.Context, p *projects.Project) {
	if err := s.Projects.SetLogin(ctx, p.Project); err != nil {
		s.log.Warn("media credentials not stored", "project", p.ID, "error", err)
	}
}

// predictRequest is a request for predictions.
type predictRequest struct {
	*Predictions
	project *projects.Project
	class   priority.Class
	arrived time.Time
	until   time.Time // when it is answered at the latest
	tasks   int       // how many it asks for
}

// enqueue enqueues tasks, also those that are not written when the request is answered.
func (r *predictRequest) enqueue(tasks []labelstudio.Task) (*acceptances, bool) {
	return r.background.accept(len(tasks), func(ctx context.Context, i int) *accepted {
		t := &tasks[i]
		how := request{class: r.class, missing: !t.HasPrediction(r.project.Version)}
		if time.Now().Before(r.until) {
			how.until = r.until
		}
		a, err := r.Predictions.enqueue(ctx, r.project, t, how)
		if err != nil {
			r.log.Warn("task not accepted", "project", r.project.ID, "task", t.ID, "error", err)
		}
		r.Problems.SetTask(r.project.ID, t.ID, problems.NotAccepted, err)
		return a
	})
}

// await waits until a task's recordings have been transcribed and returns its prediction, or
// nothing if somebody else gives it. ctx is the request's and outlives wait by what it takes
// to answer.
func (r *predictRequest) await(ctx, wait context.Context, a *accepted) (labelstudio.Predictions, error) {
	q, err := r.Queue.Get()
	if err != nil {
		return nil, err
	}
	for _, key := range a.keys {
		job, _ := q.Peek(key)
		if !job.State.Ended() && wait.Err() == nil {
			job, err = q.Wait(wait, key)
		}
		if wait.Err() != nil {
			// What was done while another task of the request was waited for is answered. The
			// store is not asked: there may be thousands.
			job, _ = q.Peek(key)
			err = nil
		}
		if err != nil || job.State != jobs.Done {
			return nil, err // why a job was given up is in the log and at /status
		}
	}
	if r.Client != nil && patches(a.plans) {
		return nil, nil // the text goes into the task's data, through the API
	}
	if a.task.ID != 0 && (a.task.HasPrediction(r.project.Version) || a.pushed && r.stored(ctx, a.task.ID, r.project.Version)) {
		return nil, nil
	}
	built, err := r.Recordings.Build(ctx, r.project, a.plans, a.keys, a.task.Data, nil)
	if err != nil || !built.Predict {
		return nil, err
	}
	if r.Client != nil {
		// Label Studio stores the answer, and the next version is to replace it.
		if err := r.Projects.Write(ctx, r.project); err != nil {
			return nil, err
		}
	}
	if a.task.ID != 0 {
		if ok, err := r.mine(ctx, q, a.task.ID); !ok {
			return nil, err
		}
	}
	return labelstudio.Predictions{built.Prediction(r.project.Version)}, nil
}

// mine reports whether this request is the one that answers for a task. The push of the task is
// the lock: holding it keeps it, and all other requests at any process, from giving the
// prediction until Label Studio has had time to store the answer.
func (r *predictRequest) mine(ctx context.Context, q *jobs.Queue, task int64) (bool, error) {
	args := push{TaskID: task, ProjectID: r.project.ID, Version: r.project.Version}
	if r.Client == nil || r.project.ID == 0 {
		return r.answered.first(args.Key()), nil // nothing is pushed
	}
	sent := r.until // when the answer to all tasks goes out, at the latest
	if r.tasks == 1 {
		sent = time.Now()
	}
	_, err := q.Hold(ctx, args.Key(), sent.Add(storing))
	switch {
	case err == nil:
		return true, nil
	case errors.Is(err, jobs.ErrState), errors.Is(err, jobs.ErrNotFound):
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

// regionsWithin bounds how long an annotator waits for the text of regions.
const regionsWithin = 25 * time.Second

// regions answers an annotator who has drawn or moved regions with their text.
func (s *Predictions) regions(ctx context.Context, p *projects.Project, t *labelstudio.Task, c *labelstudio.Context) (labelstudio.Predictions, error) {
	ctx, cancel := context.WithTimeout(ctx, regionsWithin)
	defer cancel()
	var items []labelstudio.Item
	var errs []error
	for _, plan := range p.Plans {
		value, ok := plan.Recording(t.Data)
		if !ok {
			continue
		}
		for _, wanted := range results.Wants(c, t, plan) {
			answer := func(t *transcript.Transcript) []labelstudio.Item { return wanted.Answer(t, plan, p.Settings.Results()) }
			said, err := s.Recordings.Region(ctx, p, recordings.Of(p, t.ID, value), wanted.Span, func(t *transcript.Transcript) bool { return len(answer(t)) > 0 })
			if err != nil {
				errs = append(errs, err)
				continue
			}
			items = append(items, answer(said)...)
		}
	}
	if len(items) == 0 {
		return nil, errors.Join(errs...)
	}
	return labelstudio.Predictions{{ModelVersion: p.Version, Score: meanScore(items), Result: items}}, nil
}

func meanScore(items []labelstudio.Item) float64 {
	sum, n := 0.0, 0
	for _, it := range items {
		if it.Score != nil {
			sum += *it.Score
			n++
		}
	}
	return sum / float64(max(n, 1))
}
