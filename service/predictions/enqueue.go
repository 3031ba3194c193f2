package predictions

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/asr-backend/asr-backend/jobs"
	"github.com/asr-backend/asr-backend/labelstudio"
	"github.com/asr-backend/asr-backend/labelstudio/labelconfig"
	"github.com/asr-backend/asr-backend/priority"
	"github.com/asr-backend/asr-backend/service/projects"
	"github.com/asr-backend/asr-backend/service/queue"
	"github.com/asr-backend/asr-backend/service/recordings"
)

// request is how a task is asked for.
type request struct {
	class priority.Class
	// until is when the request is answered at the latest; zero if nobody waits.
	until time.Time
	// missing says that Label Studio has no prediction of the version, as far as is known.
	missing bool
	// asked says that a person asks for the task: if it was cancelled, that is over.
	asked bool
	// again says that what failed is tried again with fresh attempts, and force that what is done
	// is done again as well.
	again, force bool
}

// accepted is what was enqueued for a task.
type accepted struct {
	task  *labelstudio.Task
	plans []*labelconfig.Plan
	keys  []string // of the transcriptions, one a plan
	// missing is how many of the transcriptions are still to come.
	missing int
	// pushed says that the task came without the prediction although that had been pushed a
	// moment ago.
	pushed bool
	// ended is when the push ended; zero if it has not.
	ended time.Time
	// refused is why nothing was enqueued; nil if it was.
	refused error
}

// errNoRecording says that there is nothing to transcribe.
var errNoRecording = errors.New("the task has no recording")

// patches reports whether plans change the task's data.
func patches(plans []*labelconfig.Plan) bool {
	return slices.ContainsFunc(plans, func(p *labelconfig.Plan) bool { return p.Paragraphs != nil || len(p.TextKeys) > 0 })
}

// enqueue makes sure that a task's recordings are, or will be, transcribed and its
// prediction pushed.
func (s *Predictions) enqueue(ctx context.Context, p *projects.Project, t *labelstudio.Task, r request) (*accepted, error) {
	out := &accepted{task: t}
	if s.Cancelled(p, t.ID) {
		if !r.asked {
			return out, nil
		}
		r.again = true
	}
	dead := false // one of the transcriptions is
	for _, plan := range p.Plans {
		value, ok := plan.Recording(t.Data)
		if !ok {
			continue
		}
		job, err := s.Recordings.Enqueue(ctx, recordings.Of(p, t.ID, value), r.class)
		if err != nil {
			return nil, fmt.Errorf("enqueue task %d: %w", t.ID, err)
		}
		if r.again {
			if job, err = s.Recordings.Restart(ctx, job, jobs.RestartOptions{Class: r.class, Done: r.force}); err != nil {
				return nil, fmt.Errorf("transcribe task %d again: %w", t.ID, err)
			}
		}
		dead = dead || job.State == jobs.Discarded
		if job.State != jobs.Done {
			out.missing++
		}
		out.plans = append(out.plans, plan)
		out.keys = append(out.keys, job.Key)
	}
	if len(out.keys) == 0 {
		return nil, errNoRecording
	}
	// Requests made by hand may name no task to push to.
	if t.ID == 0 || p.ID == 0 {
		return out, nil
	}
	if s.Client == nil {
		s.asked.add(p.ID, t.ID, p.Version, out.keys)
		return out, nil
	}
	if err := s.enqueuePush(ctx, p, out, r, dead); err != nil {
		return out, fmt.Errorf("enqueue the push to task %d: %w", t.ID, err)
	}
	return out, nil
}

// answering is how long after the end of its wait a request may take to answer.
const answering = 5 * time.Second

// enqueuePush enqueues the push. One that has ended is made anew if it stored nothing, or if
// what it stored is not there any more: it keeps one prediction whatever it finds. One that was
// cancelled stays so, unless it is made again.
func (s *Predictions) enqueuePush(ctx context.Context, p *projects.Project, a *accepted, r request, dead bool) error {
	q, err := s.Queue.Get()
	if err != nil {
		return err
	}
	args := push{TaskID: a.task.ID, ProjectID: p.ID, Version: p.Version, Transcriptions: a.keys}
	for _, plan := range a.plans {
		args.Plans = append(args.Plans, plan.Index)
	}
	o := jobs.InsertOptions{Class: r.class, After: a.keys[len(a.keys)-1], ReviveAfter: queue.ReviveAfter}
	if !r.until.IsZero() {
		o.NotBefore = r.until.Add(answering)
	}
	job, _, err := jobs.Insert(ctx, q, args, o)
	switch {
	case err != nil:
		return err
	case job.Cancelled && !r.again:
		return s.withdraw(ctx, q, p.ID, a.keys) // it was cancelled a moment ago
	case job.State == jobs.Queued && r.again && job.Attempts > 0:
		_, err = q.Restart(ctx, job.Key, jobs.RestartOptions{Class: r.class})
		if errors.Is(err, jobs.ErrState) {
			return nil // it runs, or a request answers for it
		}
		return err
	case job.State == jobs.Discarded && r.again:
		return s.replacePush(ctx, q, args, o)
	case job.State != jobs.Done:
		return nil
	}
	a.ended = job.Ended
	outcome, err := q.Result(ctx, job.Key)
	if err != nil && !jobs.Overtaken(err) {
		return err
	}
	switch done := string(outcome) == pushed || string(outcome) == delivered; {
	case r.force:
	case done && !r.missing, !done && dead:
		return nil
	case done:
		a.pushed = time.Since(job.Ended) < remembered
	}
	return s.replacePush(ctx, q, args, o)
}

// replacePush makes a push that has ended anew.
func (s *Predictions) replacePush(ctx context.Context, q *jobs.Queue, args push, o jobs.InsertOptions) error {
	// Another request may have made it anew by now, and hold it.
	if err := q.RemoveEnded(ctx, args.Key()); err != nil && !jobs.Overtaken(err) {
		return err
	}
	_, _, err := jobs.Insert(ctx, q, args, o)
	return err
}
