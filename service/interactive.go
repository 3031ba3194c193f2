package service

import (
	"context"
	"errors"
	"time"

	"asr-backend/asr"
	"asr-backend/labelstudio"
	"asr-backend/labelstudio/labelconfig"
	"asr-backend/labelstudio/media"
	"asr-backend/labelstudio/results"
	"asr-backend/transcribe"
	"asr-backend/transcript"
)

// interactive bounds how long an annotator waits for the text of a region.
const interactive = 25 * time.Second

// interact answers an annotator who has drawn or moved regions: with their text, heard
// at once and ahead of everything else.
func (s *Service) interact(ctx context.Context, p *labelstudio.Project, r *resolved, t *labelstudio.Task, c *labelstudio.Context) (labelstudio.Predictions, error) {
	ctx, cancel := context.WithTimeout(ctx, interactive)
	defer cancel()
	var items []labelstudio.Item
	var errs []error
	for _, plan := range r.plans {
		value, ok := plan.Recording(t.Data)
		if !ok {
			continue
		}
		for _, wanted := range results.Wants(c, t, plan) {
			heard, err := s.region(ctx, p, r, t, plan, value, wanted.Span)
			if err != nil {
				errs = append(errs, err)
				continue
			}
			items = append(items, wanted.Answer(heard, plan, r.settings.results())...)
		}
	}
	if len(items) == 0 {
		return nil, errors.Join(errs...)
	}
	return labelstudio.Predictions{{ModelVersion: r.version, Score: meanScore(items), Result: items}}, nil
}

// region returns what was said in a stretch: from the recording's transcript if that
// has words there, else heard now.
func (s *Service) region(ctx context.Context, p *labelstudio.Project, r *resolved, t *labelstudio.Task, plan *labelconfig.Plan, value string, span labelstudio.Span) (*transcript.Transcript, error) {
	known, err := s.transcript(ctx, hearingKey(p, value, r.hearing))
	if err == nil && len(between(known, span).Segments) > 0 {
		return known, nil
	}
	start := time.Now()
	file, err := s.fetcher.Fetch(ctx, media.Request{Value: value, Task: t.ID, Project: p.ID, Login: p.Login, Password: p.Password})
	if err != nil {
		return nil, err
	}
	defer file.Close()
	recognizer, release, err := s.engines.use(ctx, r.settings.Model)
	if err != nil {
		return nil, err
	}
	defer release()
	heard, err := transcribe.New(recognizer, r.options).Transcribe(ctx, transcribe.Source{Path: file.Path}, transcribe.Request{Request: asr.Request{Priority: asr.Interactive}, Start: span.Start, End: span.End})
	if err != nil {
		return nil, err
	}
	s.metrics.interacted(time.Since(start))
	s.log.Info("region heard", "project", p.ID, "task", t.ID, "audio", plan.Audio.Name, "start_s", span.Start.Seconds(), "end_s", span.End.Seconds(), "took_s", time.Since(start).Seconds())
	return heard, nil
}

// between returns the segments that have a word whose middle lies in the span.
func between(t *transcript.Transcript, span labelstudio.Span) *transcript.Transcript {
	out := &transcript.Transcript{}
	for _, seg := range t.Segments {
		for _, w := range seg.Words {
			if middle := (w.Start + w.End) / 2; middle >= span.Start && middle < span.End {
				out.Segments = append(out.Segments, seg)
				break
			}
		}
	}
	return out
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
