package corrections

import (
	"context"
	"errors"
	"maps"
	"slices"
	"time"

	"github.com/asr-backend/asr-backend/jobs"
	"github.com/asr-backend/asr-backend/labelstudio"
	"github.com/asr-backend/asr-backend/labelstudio/labelconfig"
	"github.com/asr-backend/asr-backend/service/predictions"
	"github.com/asr-backend/asr-backend/service/projects"
	"github.com/asr-backend/asr-backend/service/recordings"
)

// Record keeps what the annotations of tasks say. Each annotation names its task.
func (c *Corrections) Record(ctx context.Context, lp *labelstudio.Project, tasks []labelstudio.Task, annotations []labelstudio.Annotation) error {
	p, err := c.Projects.Resolve(ctx, lp)
	if err != nil || len(p.Plans) == 0 {
		return nil // there is no prediction to compare with
	}
	byID := map[int64]*labelstudio.Task{}
	for i := range tasks {
		byID[tasks[i].ID] = &tasks[i]
	}
	for i := range annotations {
		a := &annotations[i]
		t := byID[a.Task]
		if a.WasCancelled || a.ID == 0 || t == nil {
			continue
		}
		if err := c.record(ctx, p, t, a); err != nil {
			return err
		}
	}
	return nil
}

// record keeps an annotation and has its texts aligned.
func (c *Corrections) record(ctx context.Context, p *projects.Project, t *labelstudio.Task, a *labelstudio.Annotation) error {
	correction, err := c.compare(ctx, p, t, a)
	if errors.Is(err, recordings.ErrNotTranscribed) {
		return nil
	}
	if err != nil {
		return err
	}
	if len(correction.Corrected) == 0 && correction.NotCompared == "" {
		return c.Forget(ctx, p.ID, []labelstudio.Annotation{*a}) // what it said before is gone
	}
	if correction.NotCompared != "" {
		c.log.Warn("a correction is not compared", "project", p.ID, "task", t.ID, "annotation", a.ID, "reason", correction.NotCompared)
		return c.keep(ctx, p.ID, correction)
	}
	before, err := c.Load(ctx, p.ID, a.ID)
	if err != nil {
		return err
	}
	if before != nil {
		correction.reuseTimes(before)
		// An annotation is read again for many reasons. It is news if what it says has changed, or if
		// somebody has opened it since.
		if correction.says(before) && correction.Outcome == before.Outcome && !before.At.IsZero() {
			correction.At = before.At
		}
	}
	if err := c.keep(ctx, p.ID, correction); err != nil {
		return err
	}
	return c.enqueueRetime(ctx, p, t, correction)
}

// compare makes the correction of an annotation and what is predicted for its task.
func (c *Corrections) compare(ctx context.Context, p *projects.Project, t *labelstudio.Task, a *labelstudio.Annotation) (*Correction, error) {
	var plans []*labelconfig.Plan
	var keys []string
	for _, plan := range p.Plans {
		if value, ok := plan.Recording(t.Data); ok {
			plans, keys = append(plans, plan), append(keys, c.Recordings.Key(recordings.Of(p, t.ID, value)))
		}
	}
	version := p.Version
	built, err := c.Recordings.Build(ctx, p, plans, keys, t.Data, nil)
	if errors.Is(err, recordings.ErrNotTranscribed) {
		// The version has changed since the task was opened, and may not be made for it any more.
		var ok bool
		if keys, version, ok = c.earlier(p, t.ID, keys); ok {
			built, err = c.Recordings.Build(ctx, p, plans, keys, t.Data, nil)
		}
	}
	if err != nil {
		return nil, err
	}
	out := &Correction{Task: t.ID, Annotation: a.ID, Version: version, At: time.Now().UTC()}
	out.Transcripts = map[int]string{}
	for i, plan := range plans {
		out.Transcripts[plan.Index] = keys[i]
		predicted := passages(built.Items, plan, nil, "")
		shown := showing(p.Config, plan)
		if len(predicted) == 0 && len(shown) > 0 {
			transcript, err := c.Recordings.Transcript(ctx, p.ID, keys[i])
			if err != nil {
				return nil, err
			}
			predicted = []Passage{{Text: transcript.Text(), Plan: plan.Index}}
		}
		out.Predicted = append(out.Predicted, predicted...)
		out.Corrected = append(out.Corrected, passages(a.Result, plan, shown, text(predicted))...)
	}
	if err := out.measure(ctx); err != nil {
		return nil, err
	}
	out.markUnchanged()
	out.Outcome = out.outcome(a)
	return out, nil
}

// earlier returns the transcriptions of a task in the last version that was made, and the version of
// the predictions that were built from them; ok is false if there is none. Transcriptions that are
// there in the present version are among them.
func (c *Corrections) earlier(p *projects.Project, task int64, keys []string) (_ []string, version string, ok bool) {
	q, err := c.Queue.Get()
	if err != nil {
		return nil, "", false
	}
	out := slices.Clone(keys)
	for i, key := range keys {
		if job, there := q.Peek(key); there && job.State == jobs.Done {
			continue
		}
		if out[i], ok = c.Recordings.Earlier(p.ID, key); !ok {
			return nil, "", false
		}
	}
	version = p.Version // if nothing was pushed
	for push := range q.Jobs(jobs.Filter{Project: projects.Name(p.ID), Kind: predictions.Kind}) {
		if _, of, v, ok := predictions.ParseKey(push.Key); ok && of == task && slices.Contains(out, push.After) {
			version = v
		}
	}
	return out, version, true
}

// RecordAll records all annotations of a project, or with zero of all projects, and forgets
// those that are gone: a webhook without payload says only that there is something new.
func (c *Corrections) RecordAll(ctx context.Context, project int64) error {
	if c.Client == nil {
		return nil
	}
	for _, id := range c.Projects.Concerned(ctx, project) {
		p, err := c.Projects.Load(ctx, id)
		if err == nil {
			err = c.recordProject(ctx, p)
		}
		if err != nil {
			return err
		}
	}
	return nil
}

func (c *Corrections) recordProject(ctx context.Context, p *labelstudio.Project) error {
	there := map[int64]bool{}
	for task, err := range c.Client.Tasks(ctx, p.ID, true) {
		if projects.Inaccessible(ctx, c.Client, err) {
			return nil
		}
		if err != nil {
			return err
		}
		annotations, err := task.StoredAnnotations()
		if err != nil || len(annotations) == 0 {
			continue // those that cannot be read correct nothing
		}
		for i := range annotations {
			annotations[i].Task = task.ID
			there[annotations[i].ID] = true
		}
		if err := c.Record(ctx, p, []labelstudio.Task{task}, annotations); err != nil {
			return err
		}
	}
	known, err := c.loadRates(ctx, p.ID)
	if err != nil {
		return err
	}
	return c.Forget(ctx, p.ID, known.missing(there))
}

// ForgetDeleted drops the corrections of those of the given annotations that Label Studio does
// not have any more.
func (c *Corrections) ForgetDeleted(ctx context.Context, project int64, annotations []int64) error {
	gone, tasks := map[int64]bool{}, map[int64]bool{}
	for _, id := range annotations {
		known, err := c.Load(ctx, project, id)
		if err != nil {
			return err
		}
		if known != nil {
			gone[id], tasks[known.Task] = true, true
		}
	}
	for task, err := range c.Client.TasksByID(ctx, project, slices.Sorted(maps.Keys(tasks)), true) {
		if err != nil {
			return err
		}
		there, err := task.StoredAnnotations()
		if err != nil {
			return err
		}
		for i := range there {
			delete(gone, there[i].ID)
		}
	}
	var deleted []labelstudio.Annotation
	for _, id := range slices.Sorted(maps.Keys(gone)) {
		deleted = append(deleted, labelstudio.Annotation{ID: id})
	}
	return c.Forget(ctx, project, deleted)
}

// ErrorRates returns the errors of a project's predictions by version, as far as people have
// corrected them.
func (c *Corrections) ErrorRates(ctx context.Context, project int64) (map[string]Rates, error) {
	known, err := c.loadRates(ctx, project)
	if err != nil {
		return nil, err
	}
	return known.sums(), nil
}

// TaskRates returns what knows the word error rates of a project's tasks, as far as people have
// corrected them; nil if they cannot be read. ok is false for a task that nobody has corrected.
// Of several annotations all count. Corrections of programs that did not note their task do not.
func (c *Corrections) TaskRates(ctx context.Context, project int64) func(task int64) (rate float64, ok bool) {
	known, err := c.loadRates(ctx, project)
	if err != nil {
		return nil
	}
	return known.of
}
