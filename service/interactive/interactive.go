// Package interactive answers annotators who draw or move regions with the text of these regions,
// while they wait in front of the page. Nothing is enqueued: a region is transcribed at once, ahead
// of everything else, unless the transcript of its recording has its words already. Label Studio
// does not store the answer as a prediction, but as a part of the annotation.
package interactive

import (
	"context"
	"errors"
	"log/slog"
	"time"

	"github.com/asr-backend/asr-backend/labelstudio"
	"github.com/asr-backend/asr-backend/labelstudio/results"
	"github.com/asr-backend/asr-backend/service/problems"
	"github.com/asr-backend/asr-backend/service/projects"
	"github.com/asr-backend/asr-backend/service/recordings"
	"github.com/asr-backend/asr-backend/transcript"
)

// Regions answers requests with the text of regions. All fields are required. It is safe for
// concurrent use.
type Regions struct {
	Projects   *projects.Registry
	Recordings *recordings.Recordings
	Problems   *problems.Log
	Logger     *slog.Logger
}

// Answer answers an annotator who has drawn or moved regions of a task. Regions of a context with
// hotwords are transcribed anew: what is stored was made without them.
func (s *Regions) Answer(ctx context.Context, p *projects.Project, t *labelstudio.Task, c *labelstudio.Context) labelstudio.Predictions {
	if err := s.Projects.SetLogin(ctx, p.Project); err != nil {
		s.Logger.Warn("media credentials not stored", "project", p.ID, "error", err)
	}
	prediction, err := s.regions(ctx, p, t, c)
	s.Problems.SetTask(p.ID, t.ID, problems.NotAnswered, err)
	switch {
	case err != nil:
		s.Logger.Warn("region not transcribed", "project", p.ID, "task", t.ID, "error", err)
		return labelstudio.NotNow(err.Error())
	case len(prediction) == 0:
		const reason = "no region lacks text, or no words were recognized in those that do"
		s.Logger.Info("region without text", "project", p.ID, "task", t.ID, "reason", reason)
		return labelstudio.NotNow(reason)
	}
	return prediction
}

// regionsWithin bounds how long an annotator waits for the text of regions.
const regionsWithin = 25 * time.Second

// regions answers an annotator who has drawn or moved regions with their text.
func (s *Regions) regions(ctx context.Context, p *projects.Project, t *labelstudio.Task, c *labelstudio.Context) (labelstudio.Predictions, error) {
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
			answers := func(t *transcript.Transcript) bool { return len(c.Hotwords) == 0 && len(answer(t)) > 0 }
			said, err := s.Recordings.Region(ctx, p, recordings.Of(p, t.ID, value), wanted.Span, answers)
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
