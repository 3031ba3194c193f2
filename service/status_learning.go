package service

import (
	"context"

	"github.com/asr-backend/asr-backend/service/projects"
	"github.com/asr-backend/asr-backend/service/statuspage"
	"github.com/asr-backend/asr-backend/service/training"
)

// learnt says what a project has learnt, nil if that cannot be read. p is the project, or nil if its
// configuration cannot be read. Only of one that is alone is everything read; others that have
// nothing to learn from have nil.
func (s *Service) learnt(ctx context.Context, id int64, p *projects.Project, alone bool) *statuspage.Learning {
	out := &statuspage.Learning{Learns: p == nil || p.Settings.Learns()}
	if p != nil && p.Transcription.Knowledge != nil {
		out.Learnt = p.Transcription.Knowledge.Version
	}
	last, _, err := s.projects.ShowLastLearnt(ctx, id)
	if err != nil {
		return nil
	}
	news, err := s.corrections.News(ctx, id, last)
	if err != nil {
		return nil
	}
	out.LastRun, out.Corrections, out.New = last, news.Corrections, news.New
	if !alone && last.IsZero() && out.Corrections == 0 && out.Learnt == "" {
		return nil
	}
	if !alone {
		return out
	}
	detail, err := s.learning.Report(ctx, id)
	if err != nil {
		s.log.Warn("what a project has learnt is not shown", "project", id, "error", err)
		return out
	}
	out.Learnt, out.Phrases, out.Detail = detail.Learnt, len(detail.Phrases), detail
	for i := range detail.Versions {
		detail.Versions[i].Annotations = nil // thousands
	}
	if detail.Substitutions = nil; !s.controlled() { // what people wrote needs authentication
		detail.Phrases, detail.Removed = nil, nil
	}
	return out
}

// trained returns how the model of a project is trained, or nil if there is nothing to say.
func (s *Service) trained(ctx context.Context, id int64) *training.Status {
	out, err := s.training.Status(ctx, id)
	if err != nil || !out.On && out.Model == "" && len(out.Runs) == 0 {
		return nil // what cannot be read now is shown a moment later
	}
	if !s.controlled() {
		out.Log = nil // a command may write what people wrote
	}
	return out
}
