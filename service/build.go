package service

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"time"

	"asr-backend/jobs"
	"asr-backend/labelstudio"
	"asr-backend/labelstudio/labelconfig"
	"asr-backend/labelstudio/results"
	"asr-backend/service/projects"
	"asr-backend/transcript"
)

// patches reports whether plans change the task's data.
func patches(plans []*labelconfig.Plan) bool {
	for _, p := range plans {
		if p.Paragraphs != nil || len(p.TextKeys) > 0 {
			return true
		}
	}
	return false
}

// built is what the plans of a task come to.
type built struct {
	predict bool
	items   []labelstudio.Item
	score   float64
	patch   labelstudio.Data
	notes   []string
	audio   time.Duration
}

func (b *built) prediction(version string) labelstudio.Prediction {
	return labelstudio.Prediction{ModelVersion: version, Score: b.score, Result: b.items}
}

// build makes results of the transcripts that the jobs of keys hold, one a plan. The
// score is the mean over recordings, by length.
func (s *Service) build(ctx context.Context, r *projects.Project, plans []*labelconfig.Plan, keys []string, data labelstudio.Data) (*built, error) {
	b := &built{}
	score := 0.0
	for i, plan := range plans {
		t, err := s.transcript(ctx, keys[i])
		if err != nil {
			return nil, err
		}
		out, err := results.Build(t, plan, data, r.Settings.Results())
		if err != nil {
			return nil, fmt.Errorf("results for %s: %w", plan.Audio.Name, err)
		}
		b.predict = b.predict || out.Predict
		b.items = append(b.items, out.Items...)
		b.notes = append(b.notes, out.Notes...)
		if len(out.Patch) > 0 {
			b.patch = b.patch.With(out.Patch)
			data = data.With(out.Patch)
		}
		b.audio += t.Duration
		score += out.Score * t.Duration.Seconds()
	}
	if b.audio > 0 {
		b.score = score / b.audio.Seconds()
	}
	return b, nil
}

// errNotHeard means that a recording's transcript is not there.
var errNotHeard = errors.New("the recording has not been heard")

// transcript returns what a transcription has heard.
func (s *Service) transcript(ctx context.Context, key string) (*transcript.Transcript, error) {
	q, err := s.queue.Get()
	if err != nil {
		return nil, err
	}
	raw, err := q.Result(ctx, key)
	if errors.Is(err, jobs.ErrState) || errors.Is(err, jobs.ErrNotFound) {
		return nil, fmt.Errorf("%w: %w", errNotHeard, err)
	}
	if err != nil {
		return nil, err
	}
	return transcript.Read(bytes.NewReader(raw), transcript.JSON)
}
