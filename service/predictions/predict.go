package predictions

import (
	"cmp"
	"context"
	"time"

	"github.com/asr-backend/asr-backend/labelstudio"
	"github.com/asr-backend/asr-backend/priority"
	"github.com/asr-backend/asr-backend/service/internal/background"
	"github.com/asr-backend/asr-backend/service/problems"
	"github.com/asr-backend/asr-backend/service/progress"
	"github.com/asr-backend/asr-backend/service/projects"
)

// Predict returns the predictions of tasks, by position. It enqueues everything that is not
// there yet, and waits for what is expected to be ready within a bounded time; a task that is
// not, or that another request or the push takes care of, gets none, but the reason.
func (s *Predictions) Predict(ctx context.Context, p *projects.Project, tasks []labelstudio.Task) ([]labelstudio.Predictions, error) {
	if len(p.Plans) == 0 {
		return s.notNow(p, tasks, cmp.Or(p.Why, "the request has no labelling configuration that a transcript fits")), nil
	}
	r := &predictRequest{Predictions: s, project: p, arrived: time.Now(), class: priority.Batch, tasks: len(tasks)}
	r.until = r.arrived.Add(max(s.Wait, 0))
	if len(tasks) == 1 {
		r.class = priority.Opened
	}
	wait, cancel := context.WithDeadline(ctx, r.until)
	defer cancel()
	opening, cancel := context.WithTimeout(wait, progress.Patience)
	s.Queue.Wait(opening) // in the first moments of the process
	cancel()
	if err := s.Projects.SetLogin(ctx, p.Project); err != nil {
		s.log.Warn("media credentials not stored", "project", p.ID, "error", err)
	}
	enqueued, ok := r.enqueue(tasks)
	if !ok {
		s.Due.At(p.ID, time.Now().Add(overloaded))
		return s.notNow(p, tasks, "too many tasks wait to be enqueued; these are enqueued when the project is looked through"), nil
	}
	writing, cancel := context.WithDeadline(ctx, r.arrived.Add(max(s.Wait, leastWriting)))
	defer cancel()
	out := make([]labelstudio.Predictions, len(tasks))
	for i := range tasks {
		var reason string
		out[i], reason = r.answer(ctx, writing, wait, enqueued, i)
		if reason != "" {
			out[i] = labelstudio.NotNow(reason)
			r.unanswered++
			r.reason = cmp.Or(r.reason, reason)
		}
	}
	switch {
	case r.unanswered > 0 && r.tasks == 1:
		s.log.Info("task not answered", "project", p.ID, "task", tasks[0].ID, "reason", r.reason)
	case r.unanswered > 0:
		s.log.Info("tasks not answered", "project", p.ID, "tasks", len(tasks), "not_answered", r.unanswered, "first_reason", r.reason)
	}
	return out, nil
}

// notNow gives all tasks of a request the same reason in place of predictions.
func (s *Predictions) notNow(p *projects.Project, tasks []labelstudio.Task, reason string) []labelstudio.Predictions {
	s.log.Warn("tasks not answered", "project", p.ID, "tasks", len(tasks), "reason", reason)
	out := make([]labelstudio.Predictions, len(tasks))
	for i := range out {
		out[i] = labelstudio.NotNow(reason)
	}
	return out
}

const (
	// leastWriting is how long a request waits at least for its tasks to be written to the
	// disk, however short its wait for transcripts is. Those that take longer are written
	// after the answer.
	leastWriting = time.Second
	// overloaded is when a project is looked through that asked for more than can be enqueued.
	overloaded = time.Minute
)

// enqueue enqueues tasks, also those that are not written when the request is answered.
func (r *predictRequest) enqueue(tasks []labelstudio.Task) (*background.Results[accepted], bool) {
	return background.Begin(r.background, len(tasks), func(ctx context.Context, i int) *accepted {
		t := &tasks[i]
		how := request{class: r.class, asked: true, missing: t.Predictions != nil && !t.HasPrediction(r.project.Version)}
		if time.Now().Before(r.until) {
			how.until = r.until
		}
		a, err := r.Predictions.enqueue(ctx, r.project, t, how)
		if err != nil {
			r.log.Warn("task not accepted", "project", r.project.ID, "task", t.ID, "error", err)
			a = &accepted{task: t, refused: err}
		}
		r.Problems.SetTask(r.project.ID, t.ID, problems.NotAccepted, err)
		return a
	})
}
