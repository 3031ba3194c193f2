package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"math"

	"github.com/asr-backend/asr-backend/audio"
	"github.com/asr-backend/asr-backend/labelstudio"
	"github.com/asr-backend/asr-backend/labelstudio/labelconfig"
	"github.com/asr-backend/asr-backend/labelstudio/media"
	"github.com/asr-backend/asr-backend/labelstudio/results"
	"github.com/asr-backend/asr-backend/transcript"
)

// version is stored with every prediction. When it changes, Label Studio requests new
// predictions for all tasks, so change it when, and only when, transcribe would return
// something else.
const version = "loud-1"

// transcribe is the model. It is called for one task after the other, inside a request
// that Label Studio waits at most 100 seconds for. A Segment becomes a region with a text,
// or a region alone if the project has no control for text; its confidence, in 0..1,
// determines the order of uncertainty sampling.
func transcribe(ctx context.Context, path string) (*transcript.Transcript, error) {
	stream, err := audio.Open(ctx, path, audio.Options{})
	if err != nil {
		return nil, err
	}
	defer stream.Close()
	result := &transcript.Transcript{Confidence: 1}
	for {
		block, err := stream.Next() // a second of 16 kHz samples
		if errors.Is(err, io.EOF) {
			return result, nil
		}
		if err != nil {
			return nil, err
		}
		start, end := block.Start.Duration(), block.End().Duration()
		result.Duration = end
		level := decibels(block.Channels[0])
		if level < -40 {
			continue
		}
		if n := len(result.Segments); n > 0 && result.Segments[n-1].End == start {
			result.Segments[n-1].End = end
			continue
		}
		result.Segments = append(result.Segments, transcript.Segment{
			Start: start, End: end, Text: fmt.Sprintf("loud, %.0f dB at first", level), Confidence: 1, Channel: transcript.Mixed,
		})
	}
}

// decibels is the power of samples, where 0 is that of a square wave as loud as can be.
func decibels(samples []float32) float64 {
	var sum float64
	for _, x := range samples {
		sum += float64(x) * float64(x)
	}
	return 10 * math.Log10(sum/float64(max(1, len(samples)))+1e-10)
}

// model implements labelstudio.Model.
type model struct {
	recordings *media.Fetcher
	log        *slog.Logger
}

// Setup is called before every batch. It answers from what it knows and never waits.
func (m *model) Setup(_ context.Context, p *labelstudio.Project) (labelstudio.Setup, error) {
	if _, why := p.Config.Plans(labelconfig.Options{}); why != "" {
		return labelstudio.Setup{}, labelstudio.Errorf(400, "%s", why) // shown to who connects
	}
	return labelstudio.Setup{ModelVersion: version}, nil
}

// Predict answers by position. A task that fails gets no answer, which means "not now":
// the others get theirs, and Label Studio asks for this one again.
func (m *model) Predict(ctx context.Context, p *labelstudio.Project, tasks []labelstudio.Task, _ *labelstudio.Context) ([]labelstudio.Predictions, error) {
	plans, why := p.Config.Plans(labelconfig.Options{})
	if why != "" {
		return nil, labelstudio.Errorf(400, "%s", why)
	}
	answers := make([]labelstudio.Predictions, len(tasks))
	for i := range tasks {
		prediction, err := m.predict(ctx, p, plans[0], &tasks[i])
		if err != nil {
			m.log.Error("no prediction", "task", tasks[i].ID, "error", err)
			continue
		}
		answers[i] = labelstudio.Predictions{prediction}
	}
	return answers, nil
}

func (m *model) predict(ctx context.Context, p *labelstudio.Project, plan *labelconfig.Plan, task *labelstudio.Task) (labelstudio.Prediction, error) {
	value, _ := plan.Recording(task.Data)
	file, err := m.recordings.Fetch(ctx, media.Request{Value: value, Task: task.ID, Project: p.ID, Login: p.Login, Password: p.Password})
	if err != nil {
		return labelstudio.Prediction{}, err
	}
	defer file.Close()
	result, err := transcribe(ctx, file.Path)
	if err != nil {
		return labelstudio.Prediction{}, err
	}
	out, err := results.Build(result, plan, task.Data, results.Options{})
	return out.Prediction(version), err
}

// Fit receives annotation events, with corrections in e.Annotations. p.Set stores a string
// for the project, and p.Get reads it.
func (m *model) Fit(_ context.Context, p *labelstudio.Project, e *labelstudio.Event) error {
	m.log.Info("event", "project", p.ID, "action", e.Action)
	return nil
}
