package recordings

import (
	"context"
	"time"

	"github.com/asr-backend/asr-backend/asr"
	"github.com/asr-backend/asr-backend/labelstudio"
	"github.com/asr-backend/asr-backend/priority"
	"github.com/asr-backend/asr-backend/service/projects"
	"github.com/asr-backend/asr-backend/transcribe"
	"github.com/asr-backend/asr-backend/transcript"
)

// Region returns a transcript of what is said in a span of a recording: the one that is
// stored if it answers what is asked, else one made now, ahead of everything else.
func (r *Recordings) Region(ctx context.Context, p *projects.Project, rec Recording, span labelstudio.Span, answers func(*transcript.Transcript) bool) (*transcript.Transcript, error) {
	stored, err := r.Transcript(ctx, p.ID, r.Key(rec))
	if err == nil && answers(stored) {
		return stored, nil
	}
	start := time.Now()
	o, err := r.open(ctx, &rec, p.Transcription, nil)
	if err != nil {
		return nil, err
	}
	defer o.close()
	t, err := o.transcriber.Transcribe(ctx, transcribe.Source{Path: o.Path, Name: o.Name}, transcribe.Request{Request: asr.Request{Priority: priority.Interactive}, Start: span.Start, End: span.End})
	if err != nil {
		return nil, err
	}
	r.metrics.regions.Observe(time.Since(start).Seconds())
	r.log.Info("region transcribed", "project", rec.ProjectID, "task", rec.TaskID, "file", o.Name, "start_s", span.Start.Seconds(), "end_s", span.End.Seconds(), "took_s", time.Since(start).Seconds(), "warnings", t.Diagnostics.Warnings)
	return t, nil
}
