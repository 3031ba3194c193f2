package corrections

import (
	"cmp"
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"slices"

	"github.com/asr-backend/asr-backend/labelstudio"
	"github.com/asr-backend/asr-backend/labelstudio/api"
	"github.com/asr-backend/asr-backend/labelstudio/labelconfig"
	"github.com/asr-backend/asr-backend/labelstudio/results"
	"github.com/asr-backend/asr-backend/service/projects"
	"github.com/asr-backend/asr-backend/timeline"
	"github.com/asr-backend/asr-backend/transcript"
)

// Paragraphs are the one place in which Label Studio shows times: rows of the task's data,
// with start, end and text. Where they show what was predicted, they show what a person
// made of it as soon as that has its times. They are left as they are
//
//   - if somebody else filled them;
//   - if labels may be put on them, which count characters of their text;
//   - if the task has several annotations, as it is not for us to say which is right;
//   - if the annotation has changed since.
//
// Rows that hold a person's text carry the annotation's number in place of a version, so
// that no prediction replaces them, and the next change of that annotation does.

const (
	// annotationKey marks rows that hold the text of an annotation.
	annotationKey = "annotation"
	// annotator names who speaks in them, unless the project's settings do.
	annotator = "Annotator"
)

// showParagraphs writes the text of a correction to its task's Paragraphs. Whole is its
// transcript if it is a text of the whole recording.
func (c *Corrections) showParagraphs(ctx context.Context, project int64, index int, correction *Correction, whole *transcript.Transcript) error {
	p, err := c.Projects.Present(ctx, project)
	if err != nil || c.Client == nil || index >= len(p.Plans) {
		return err
	}
	plan := p.Plans[index]
	if plan.Paragraphs == nil || counted(p.Config, plan.Paragraphs) {
		return nil
	}
	task, err := c.Client.Task(ctx, project, correction.Task)
	if api.Status(err) == http.StatusNotFound {
		return nil
	}
	if err != nil {
		return err
	}
	key := plan.Paragraphs.Key
	if !alone(&task, correction, plan, p.Config) {
		return nil
	}
	written, err := c.Projects.Written(ctx, project)
	if err != nil || !replaceable(labelconfig.Lookup(task.Data, key), written, correction.Annotation) {
		return err
	}
	rows, err := paragraphs(correction, whole, plan, p.Settings.Results())
	if err != nil || rows == nil {
		return err
	}
	if err := c.Client.SetTaskData(ctx, correction.Task, task.Data.With(labelstudio.Data{key: rows})); err != nil {
		return err
	}
	c.log.Info("paragraphs show a correction", "project", project, "task", correction.Task, "annotation", correction.Annotation)
	return nil
}

// counted reports whether what people do on the paragraphs counts their characters or rows.
func counted(c *labelconfig.Config, p *labelconfig.Paragraphs) bool {
	return slices.ContainsFunc(c.Controls, func(t *labelconfig.Control) bool {
		return t.On(p.Object.Name) && (t.PerRegion || !t.Is("TextArea", "Choices", "Rating", "Number"))
	})
}

// alone reports whether a task has one annotation, and that says what the correction does.
func alone(task *labelstudio.Task, correction *Correction, plan *labelconfig.Plan, c *labelconfig.Config) bool {
	all, err := task.StoredAnnotations()
	all = slices.DeleteFunc(all, func(a labelstudio.Annotation) bool { return a.WasCancelled })
	if err != nil || len(all) != 1 || all[0].ID != correction.Annotation {
		return false
	}
	predicted := text(ofPlan(correction.Predicted, plan))
	return slices.EqualFunc(passages(all[0].Result, plan, showing(c, plan), predicted), ofPlan(correction.Corrected, plan), func(now, then Passage) bool {
		return now.Start == then.Start && now.End == then.End && now.Text == then.Text
	})
}

func ofPlan(all []Passage, plan *labelconfig.Plan) []Passage {
	return slices.DeleteFunc(slices.Clone(all), func(c Passage) bool { return c.Plan != plan.Index })
}

// replaceable reports whether rows are a prediction of ours or an annotation's.
func replaceable(raw json.RawMessage, ours projects.Written, annotation int64) bool {
	var rows []struct {
		Version    *string `json:"model_version"`
		Annotation int64   `json:"annotation"`
	}
	if json.Unmarshal(raw, &rows) != nil || len(rows) == 0 {
		return false
	}
	return rows[0].Version != nil && ours[*rows[0].Version] || rows[0].Annotation == annotation
}

// paragraphs returns the rows of a corrected text; nil for none.
func paragraphs(correction *Correction, whole *transcript.Transcript, plan *labelconfig.Plan, o results.Options) (json.RawMessage, error) {
	t := transcript.Transcript{}
	if whole != nil {
		t.Segments, t.Duration = whole.Segments, whole.Duration
	}
	for _, c := range ofPlan(correction.Corrected, plan) {
		if c.End > 0 {
			t.Segments = append(t.Segments, transcript.Segment{Start: timeline.FromSeconds(c.Start), End: timeline.FromSeconds(c.End), Text: c.Text, Channel: c.Channel})
		}
	}
	slices.SortStableFunc(t.Segments, func(a, b transcript.Segment) int { return cmp.Compare(a.Start, b.Start) })
	o.Author = cmp.Or(o.Author, annotator)
	out, err := results.Build(&t, plan, nil, o)
	if err != nil {
		return nil, fmt.Errorf("write paragraphs: %w", err)
	}
	var rows []map[string]json.RawMessage
	if raw := out.Patch[plan.Paragraphs.Key]; raw != nil {
		if err := json.Unmarshal(raw, &rows); err != nil {
			return nil, fmt.Errorf("write paragraphs: %w", err)
		}
	}
	if len(rows) == 0 {
		return nil, nil
	}
	rows[0][annotationKey] = json.RawMessage(fmt.Sprint(correction.Annotation))
	return json.Marshal(rows)
}
