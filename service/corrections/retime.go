package corrections

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/asr-backend/asr-backend/jobs"
	"github.com/asr-backend/asr-backend/labelstudio"
	"github.com/asr-backend/asr-backend/priority"
	"github.com/asr-backend/asr-backend/service/projects"
	"github.com/asr-backend/asr-backend/service/queue"
	"github.com/asr-backend/asr-backend/service/recordings"
	"github.com/asr-backend/asr-backend/timeline"
)

// Kind is the kind of job that finds out when the words of a person's texts are said.
const Kind = "retime"

// retime is the arguments of such a job.
type retime struct {
	recordings.Recording
	Annotation int64 `json:"annotation"`
	Plan       int   `json:"plan"`
	// Digest is that of the correction when the job was made: another text has a job of its
	// own.
	Digest string `json:"content"`
	// Passages are indices of the correction's texts.
	Passages []int `json:"stretches"`
}

// Kind implements jobs.Args.
func (retime) Kind() string { return Kind }

// Key implements jobs.Args.
func (r retime) Key() string {
	return fmt.Sprintf("%s/%d/%d/%d/%s", Kind, r.ProjectID, r.Annotation, r.Plan, r.Digest)
}

// enqueueRetime enqueues a job for each recording of which a person wrote something.
func (c *Corrections) enqueueRetime(ctx context.Context, p *projects.Project, t *labelstudio.Task, correction *Correction) error {
	if p.Settings.Results().NoWords {
		return nil
	}
	q, err := c.Queue.Get()
	if err != nil {
		return err
	}
	for _, plan := range p.Plans {
		value, ok := plan.Recording(t.Data)
		var untimed []int
		for i, passage := range correction.Corrected {
			if passage.Plan == plan.Index && passage.untimed {
				untimed = append(untimed, i)
			}
		}
		if !ok || len(untimed) == 0 {
			continue
		}
		args := retime{Recording: recordings.Of(p, t.ID, value), Annotation: correction.Annotation, Plan: plan.Index, Digest: correction.digest(), Passages: untimed}
		_, _, err := jobs.Insert(ctx, q, args, jobs.InsertOptions{Class: priority.Batch, ReviveAfter: queue.ReviveAfter})
		if err != nil && !errors.Is(err, jobs.ErrTooLarge) {
			return fmt.Errorf("enqueue the word times of annotation %d: %w", correction.Annotation, err)
		}
	}
	return nil
}

// Worker returns the worker that times the words of corrections.
func (c *Corrections) Worker() jobs.Worker { return jobs.NewWorker(c.retime) }

func (c *Corrections) retime(ctx context.Context, a *jobs.Attempt[retime]) error {
	correction, err := c.Load(ctx, a.Args.ProjectID, a.Args.Annotation)
	if err != nil {
		return err
	}
	if correction != nil && correction.digest() == a.Args.Digest {
		if err := c.align(ctx, &a.Args, correction, a.Job().Class); err != nil && !errors.Is(err, errChanged) {
			return err
		}
	}
	if err := a.Finish(nil); err != nil {
		return err
	}
	c.Queue.Discard(ctx, a.Job().Key) // so that it is made anew if the annotation says the same again
	return nil
}

// align aligns the texts of a correction, keeps their words and shows them in Paragraphs.
func (c *Corrections) align(ctx context.Context, a *retime, correction *Correction, class priority.Class) error {
	start := time.Now()
	texts := make([]recordings.Text, len(a.Passages))
	for n, i := range a.Passages {
		p := &correction.Corrected[i]
		texts[n] = recordings.Text{Start: timeline.FromSeconds(p.Start), End: timeline.FromSeconds(p.End), Channel: p.Channel, Text: p.Text}
	}
	alignment, err := c.Recordings.Align(ctx, a.Recording, texts, class)
	if err != nil {
		return err
	}
	words := 0
	for n, i := range a.Passages {
		correction.Corrected[i].Words = timed(alignment.Words[n])
		words += len(alignment.Words[n])
	}
	if err := c.keepWords(ctx, a.ProjectID, correction, a.Digest, a.Passages); err != nil {
		return err
	}
	c.log.Info("words of a correction timed", "project", a.ProjectID, "task", a.TaskID, "annotation", a.Annotation,
		"texts", len(texts), "words", words, "took_s", time.Since(start).Seconds())
	return c.showParagraphs(ctx, a.ProjectID, a.Plan, correction, alignment.Whole)
}
