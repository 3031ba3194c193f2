package service

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"sync"
	"time"

	"asr-backend/jobs"
	"asr-backend/labelstudio"
	"asr-backend/labelstudio/labelconfig"
	"asr-backend/labelstudio/results"
	"asr-backend/service/projects"
	"asr-backend/wer"
)

// Pair is a prediction and what a person made of it, kept for learning.
type Pair struct {
	Task       int64     `json:"task"`
	Annotation int64     `json:"annotation"`
	Version    string    `json:"version"`
	At         time.Time `json:"at"`
	Predicted  []Stretch `json:"predicted"`
	Corrected  []Stretch `json:"corrected"`
	// Errors are those of the prediction, the correction being right.
	Errors wer.Errors `json:"errors"`
}

// Stretch is a region's text, or the whole recording's with an end of zero.
type Stretch struct {
	Start   float64 `json:"start"` // seconds
	End     float64 `json:"end"`
	Text    string  `json:"text"`
	Plan    int     `json:"plan,omitempty"` // the recording's, of a page with several
	Channel int     `json:"channel,omitempty"`
	// Words are there where a person wrote the text: see retime.go. Other texts have
	// their words in the annotation or the transcript.
	Words []WordTime `json:"words,omitempty"`
	// Timed says that words were looked for; a text may have none.
	Timed bool `json:"timed,omitempty"`

	written bool // by a person: its words are not known yet
}

const (
	keyPair = "pair/" // + annotation: a Pair
	keyRate = "rate/" // + annotation: a rate, the small part of its pair
)

type rate struct {
	Version string     `json:"version"`
	Errors  wer.Errors `json:"errors"`
}

// lessons are the error rates of all pairs, by project and annotation. They are read from
// the store when a project is first looked at.
type lessons struct {
	mu       sync.Mutex // guards projects
	projects map[int64]map[int64]rate
}

func newLessons() *lessons { return &lessons{projects: map[int64]map[int64]rate{}} }

// learn keeps the pairs of an event's annotations.
func (s *Service) learn(ctx context.Context, p *labelstudio.Project, e *labelstudio.Event) error {
	r, err := s.projects.Resolve(ctx, p)
	if err != nil || len(r.Plans) == 0 {
		return nil // nothing of ours to compare with
	}
	tasks := map[int64]*labelstudio.Task{}
	for i := range e.Tasks {
		tasks[e.Tasks[i].ID] = &e.Tasks[i]
	}
	for i := range e.Annotations {
		a := &e.Annotations[i]
		if a.WasCancelled || a.ID == 0 {
			continue
		}
		if err := s.pair(ctx, p, r, a, tasks[a.Task]); err != nil {
			return err
		}
	}
	return nil
}

// pair compares an annotation with what was predicted for its task in the project's
// present version, if that has been heard.
func (s *Service) pair(ctx context.Context, p *labelstudio.Project, r *projects.Project, a *labelstudio.Annotation, t *labelstudio.Task) error {
	if t == nil {
		return nil
	}
	var plans []*labelconfig.Plan
	var keys []string
	for _, plan := range r.Plans {
		if value, ok := plan.Recording(t.Data); ok {
			plans, keys = append(plans, plan), append(keys, hearingKey(p, value, r.TranscriptVersion))
		}
	}
	b, err := s.build(ctx, r, plans, keys, t.Data)
	if errors.Is(err, errNotHeard) {
		return nil
	}
	if err != nil {
		return err
	}
	pair := Pair{Task: t.ID, Annotation: a.ID, Version: r.Version, At: time.Now().UTC()}
	for i, plan := range plans {
		predicted := stretches(b.items, plan, nil, "")
		shown := showing(p.Config, plan)
		if len(predicted) == 0 && len(shown) > 0 {
			heard, err := s.transcript(ctx, keys[i])
			if err != nil {
				return err
			}
			predicted = []Stretch{{Text: heard.Text(), Plan: plan.Index}}
		}
		pair.Predicted = append(pair.Predicted, predicted...)
		pair.Corrected = append(pair.Corrected, stretches(a.Result, plan, shown, text(predicted))...)
	}
	if len(pair.Corrected) == 0 {
		return nil // an annotation without text says nothing about ours
	}
	pair.Errors = wer.Compare(text(pair.Corrected), text(pair.Predicted))
	pair.tell()
	if err := s.recall(ctx, p.ID, &pair); err != nil {
		return err
	}
	if err := s.keep(ctx, p.ID, &pair); err != nil {
		return err
	}
	return s.askForTimes(ctx, p, r, t, &pair)
}

// showing returns the names of the TextAreas that show a text of the task's data, where
// the plan put what was heard.
func showing(c *labelconfig.Config, plan *labelconfig.Plan) []string {
	var names []string
	for _, t := range c.Controls {
		if t.On(plan.Audio.Name) && t.Is("TextArea") && !t.PerRegion && slices.Contains(plan.TextKeys, t.Key()) {
			names = append(names, t.Name)
		}
	}
	return names
}

// stretches returns the texts of a result list: of regions, or else of the whole recording
// in the plan's own TextArea or one of those named in shown. Of several it is the last
// that differs from what was predicted.
func stretches(items []labelstudio.Item, plan *labelconfig.Plan, shown []string, predicted string) []Stretch {
	var out []Stretch
	read := results.Read(items, plan)
	for _, r := range read.Regions {
		if r.Text != "" {
			out = append(out, Stretch{Start: r.Span.Start.Seconds(), End: r.Span.End.Seconds(), Text: r.Text, Plan: plan.Index, Channel: r.Span.Channel, written: !hasWords(&r)})
		}
	}
	if len(out) == 0 && read.HasWhole {
		out = append(out, Stretch{Text: read.Whole, Plan: plan.Index, written: true})
	}
	if len(out) > 0 {
		return out
	}
	for i := range items {
		it := &items[i]
		said := strings.TrimSpace(strings.Join(it.Value.Text, " "))
		if it.ToName == plan.Audio.Name && slices.Contains(shown, it.FromName) && said != "" && (out == nil || said != predicted) {
			out = []Stretch{{Text: said, Plan: plan.Index, written: true}}
		}
	}
	return out
}

func text(stretches []Stretch) string {
	var texts []string
	for _, s := range stretches {
		texts = append(texts, s.Text)
	}
	return strings.Join(texts, " ")
}

// keep stores a pair and counts it. A pair too large to store is counted all the same.
func (s *Service) keep(ctx context.Context, project int64, pair *Pair) error {
	rates, err := s.rates(ctx, project)
	if err != nil {
		return err
	}
	q, err := s.queue.Get()
	if err != nil {
		return err
	}
	values := q.Values(projects.Name(project))
	id := strconv.FormatInt(pair.Annotation, 10)
	whole, err := json.Marshal(pair)
	if err != nil {
		return fmt.Errorf("keep a pair: %w", err)
	}
	small, err := json.Marshal(rate{pair.Version, pair.Errors})
	if err != nil {
		return fmt.Errorf("keep a pair: %w", err)
	}
	if err := values.Set(ctx, keyPair+id, string(whole)); err != nil && !errors.Is(err, jobs.ErrTooLarge) {
		return err
	}
	if err := values.Set(ctx, keyRate+id, string(small)); err != nil {
		return err
	}
	s.lessons.mu.Lock()
	defer s.lessons.mu.Unlock()
	rates[pair.Annotation] = rate{pair.Version, pair.Errors}
	return nil
}

// unlearn drops the pairs of annotations that were deleted.
func (s *Service) unlearn(ctx context.Context, p *labelstudio.Project, annotations []labelstudio.Annotation) error {
	rates, err := s.rates(ctx, p.ID)
	if err != nil {
		return err
	}
	q, err := s.queue.Get()
	if err != nil {
		return err
	}
	values := q.Values(projects.Name(p.ID))
	for i := range annotations {
		id := strconv.FormatInt(annotations[i].ID, 10)
		if err := errors.Join(values.Delete(ctx, keyPair+id), values.Delete(ctx, keyRate+id)); err != nil {
			return err
		}
		s.lessons.mu.Lock()
		delete(rates, annotations[i].ID)
		s.lessons.mu.Unlock()
	}
	return nil
}

// learnAll compares all annotations of a project, or of all projects: a webhook without
// payload says only that there is something new.
func (s *Service) learnAll(ctx context.Context, id int64) error {
	if s.client == nil {
		return nil
	}
	for _, id := range s.projects.Concerned(ctx, id) {
		p, err := s.projects.Load(ctx, id)
		if err == nil {
			err = s.learnProject(ctx, p)
		}
		if err != nil {
			return err
		}
	}
	return nil
}

func (s *Service) learnProject(ctx context.Context, p *labelstudio.Project) error {
	there := map[int64]bool{}
	for task, err := range s.client.Tasks(ctx, p.ID, true) {
		if projects.Inaccessible(err) {
			return nil
		}
		if err != nil {
			return err
		}
		annotations, err := task.StoredAnnotations()
		if err != nil || len(annotations) == 0 {
			continue // what cannot be read teaches nothing
		}
		for i := range annotations {
			annotations[i].Task = task.ID
			there[annotations[i].ID] = true
		}
		if err := s.learn(ctx, p, &labelstudio.Event{Tasks: []labelstudio.Task{task}, Annotations: annotations}); err != nil {
			return err
		}
	}
	rates, err := s.rates(ctx, p.ID)
	if err != nil {
		return err
	}
	var gone []labelstudio.Annotation
	s.lessons.mu.Lock()
	for id := range rates {
		if !there[id] {
			gone = append(gone, labelstudio.Annotation{ID: id})
		}
	}
	s.lessons.mu.Unlock()
	return s.unlearn(ctx, p, gone)
}

// rates returns the rates of a project by annotation; lessons.mu guards the map.
func (s *Service) rates(ctx context.Context, project int64) (map[int64]rate, error) {
	s.lessons.mu.Lock()
	known := s.lessons.projects[project]
	s.lessons.mu.Unlock()
	if known != nil {
		return known, nil
	}
	q, err := s.queue.Get()
	if err != nil {
		return nil, err
	}
	values := q.Values(projects.Name(project))
	keys, err := values.Keys(ctx)
	if err != nil {
		return nil, err
	}
	read := map[int64]rate{}
	for _, key := range keys {
		name, ok := strings.CutPrefix(key, keyRate)
		id, convErr := strconv.ParseInt(name, 10, 64)
		if !ok || convErr != nil {
			continue
		}
		value, _, err := values.Get(ctx, key)
		if err != nil {
			return nil, err
		}
		var one rate
		if json.Unmarshal([]byte(value), &one) == nil {
			read[id] = one
		}
	}
	s.lessons.mu.Lock()
	defer s.lessons.mu.Unlock()
	if known := s.lessons.projects[project]; known != nil {
		return known, nil // somebody else was faster
	}
	s.lessons.projects[project] = read
	return read, nil
}

// errorRates adds up a project's rates by version.
func (s *Service) errorRates(ctx context.Context, project int64) (map[string]wer.Errors, error) {
	rates, err := s.rates(ctx, project)
	if err != nil {
		return nil, err
	}
	s.lessons.mu.Lock()
	defer s.lessons.mu.Unlock()
	sums := map[string]wer.Errors{}
	for _, r := range rates {
		e := sums[r.Version]
		e.Add(r.Errors)
		sums[r.Version] = e
	}
	return sums, nil
}
