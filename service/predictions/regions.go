package predictions

import (
	"context"
	"errors"
	"time"

	"github.com/asr-backend/asr-backend/labelstudio"
	"github.com/asr-backend/asr-backend/labelstudio/results"
	"github.com/asr-backend/asr-backend/service/problems"
	"github.com/asr-backend/asr-backend/service/projects"
	"github.com/asr-backend/asr-backend/service/recordings"
	"github.com/asr-backend/asr-backend/transcript"
)

// answerRegions answers an annotator who has drawn or moved regions of a task.
func (s *Predictions) answerRegions(ctx context.Context, p *projects.Project, t *labelstudio.Task, c *labelstudio.Context) labelstudio.Predictions {
	s.keepLogin(ctx, p)
	prediction, err := s.regions(ctx, p, t, c)
	s.Problems.SetTask(p.ID, t.ID, problems.NotAnswered, err)
	switch {
	case err != nil:
		s.log.Warn("region not transcribed", "project", p.ID, "task", t.ID, "error", err)
		return labelstudio.NotNow(err.Error())
	case len(prediction) == 0:
		const reason = "no region lacks text, or no words were recognized in those that do"
		s.log.Info("region without text", "project", p.ID, "task", t.ID, "reason", reason)
		return labelstudio.NotNow(reason)
	}
	return prediction
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
