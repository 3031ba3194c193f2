package service

import (
	"cmp"
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"slices"

	"asr-backend/labelstudio"
	"asr-backend/labelstudio/api"
	"asr-backend/labelstudio/labelconfig"
	"asr-backend/labelstudio/results"
	"asr-backend/transcript"
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

// returnTimes brings the text of an annotation into its task's Paragraphs. Whole is its
// transcript if it is a text of the whole recording.
func (s *Service) returnTimes(ctx context.Context, a *retiming, pair *Pair, whole *transcript.Transcript) error {
	p, err := s.projects.Load(ctx, a.Project)
	if err != nil {
		return err
	}
	r, err := s.projects.Resolve(ctx, p)
	if err != nil || s.client == nil || a.Plan >= len(r.Plans) {
		return err
	}
	plan := r.Plans[a.Plan]
	if plan.Paragraphs == nil || counted(p.Config, plan.Paragraphs) {
		return nil
	}
	task, err := s.client.Task(ctx, a.Project, a.Task)
	if api.Status(err) == http.StatusNotFound {
		return nil
	}
	if err != nil {
		return err
	}
	key := plan.Paragraphs.Key
	if !alone(&task, a, pair, plan, p.Config) || !replaceable(task.Data[key], a.Annotation) {
		return nil
	}
	rows, err := paragraphs(pair, whole, plan, r.Settings.Results(), a.Annotation)
	if err != nil || rows == nil {
		return err
	}
	if err := s.client.SetTaskData(ctx, a.Task, task.Data.With(labelstudio.Data{key: rows})); err != nil {
		return err
	}
	s.log.Info("paragraphs show the text of a person", "project", a.Project, "task", a.Task, "annotation", a.Annotation)
	return nil
}

// counted reports whether what people do on the paragraphs counts their characters or rows.
func counted(c *labelconfig.Config, p *labelconfig.Paragraphs) bool {
	return slices.ContainsFunc(c.Controls, func(t *labelconfig.Control) bool {
		return t.On(p.Object.Name) && (t.PerRegion || !t.Is("TextArea", "Choices", "Rating", "Number"))
	})
}

// alone reports whether a task has one annotation, and that says what the pair does.
func alone(task *labelstudio.Task, a *retiming, pair *Pair, plan *labelconfig.Plan, c *labelconfig.Config) bool {
	all, err := task.StoredAnnotations()
	all = slices.DeleteFunc(all, func(a labelstudio.Annotation) bool { return a.WasCancelled })
	if err != nil || len(all) != 1 || all[0].ID != a.Annotation {
		return false
	}
	predicted := text(ofPlan(pair.Predicted, plan))
	return slices.EqualFunc(stretches(all[0].Result, plan, showing(c, plan), predicted), ofPlan(pair.Corrected, plan), func(now, then Stretch) bool {
		return now.Start == then.Start && now.End == then.End && now.Text == then.Text
	})
}

func ofPlan(all []Stretch, plan *labelconfig.Plan) []Stretch {
	return slices.DeleteFunc(slices.Clone(all), func(c Stretch) bool { return c.Plan != plan.Index })
}

// replaceable reports whether rows are a prediction of ours or an annotation's.
func replaceable(raw json.RawMessage, annotation int64) bool {
	var rows []struct {
		Version    *string `json:"model_version"`
		Annotation int64   `json:"annotation"`
	}
	if json.Unmarshal(raw, &rows) != nil || len(rows) == 0 {
		return false
	}
	return rows[0].Version != nil || rows[0].Annotation == annotation
}

// paragraphs returns the rows of a corrected text; nil for none.
func paragraphs(pair *Pair, whole *transcript.Transcript, plan *labelconfig.Plan, o results.Options, annotation int64) (json.RawMessage, error) {
	t := transcript.Transcript{}
	if whole != nil {
		t.Segments, t.Duration = whole.Segments, whole.Duration
	}
	for _, c := range ofPlan(pair.Corrected, plan) {
		if c.End > 0 {
			t.Segments = append(t.Segments, transcript.Segment{Start: duration(c.Start), End: duration(c.End), Text: c.Text, Channel: c.Channel})
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
	rows[0][annotationKey] = json.RawMessage(fmt.Sprint(annotation))
	return json.Marshal(rows)
}
