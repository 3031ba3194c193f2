package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"math"

	"asr-backend/audio"
	"asr-backend/labelstudio"
	"asr-backend/labelstudio/labelconfig"
	"asr-backend/labelstudio/media"
	"asr-backend/labelstudio/results"
	"asr-backend/transcript"
)

// version is stored with every prediction. Label Studio asks again for all tasks when it
// changes, so change it when, and only when, hear would answer differently.
const version = "loud-1"

// hear is the model. It is called for one task after the other, inside a request that
// Label Studio waits at most 100 seconds for. A Segment becomes a region with a text, or
// a region alone where the project has nowhere to write; its confidence, in 0..1, decides
// whom uncertainty sampling shows first.
func hear(ctx context.Context, path string) (*transcript.Transcript, error) {
	stream, err := audio.Open(ctx, path, audio.Options{})
	if err != nil {
		return nil, err
	}
	defer stream.Close()
	said := &transcript.Transcript{Confidence: 1}
	for {
		block, err := stream.Next() // a second of 16 kHz samples
		if errors.Is(err, io.EOF) {
			return said, nil
		}
		if err != nil {
			return nil, err
		}
		start, end := block.Start.Duration(), block.End().Duration()
		said.Duration = end
		level := decibels(block.Channels[0])
		if level < -40 {
			continue
		}
		if n := len(said.Segments); n > 0 && said.Segments[n-1].End == start {
			said.Segments[n-1].End = end
			continue
		}
		said.Segments = append(said.Segments, transcript.Segment{
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
	said, err := hear(ctx, file.Path)
	if err != nil {
		return labelstudio.Prediction{}, err
	}
	out, err := results.Build(said, plan, task.Data, results.Options{})
	return out.Prediction(version), err
}

// Fit is told what people did: corrections are in e.Annotations. p.Set keeps a string for
// the project, and p.Get reads it.
func (m *model) Fit(_ context.Context, p *labelstudio.Project, e *labelstudio.Event) error {
	m.log.Info("told", "project", p.ID, "what", e.Action)
	return nil
}
