// Package partials gives tasks a prediction of what has been transcribed so far of a long
// recording, for projects that want it (setting "partial").
//
// # One prediction
//
// A task has at most one prediction of ours at each moment. The partial one has a version of its
// own, labelstudio.PartialVersion, by which people see what it is and by which Label Studio knows
// that the prediction of the version is still missing. It is stored while the transcription is
// under way, and updated in place, never stored beside another. The push of the whole prediction,
// which begins after the transcription has ended, updates the same row once more (see
// api.Client.PutPrediction). A crash at any point leaves the row as it was or as it is to be; the
// next attempt goes on from there.
//
//	row:   (none) ── partial 0:10 ── partial 0:20 ── ... ── whole, of the version
//
// So there is none for a task that has a prediction of an earlier version, and none for what is
// stored in the task's data.
package partials

import (
	"context"
	"log/slog"
	"net/http"
	"time"

	"github.com/asr-backend/asr-backend/labelstudio"
	"github.com/asr-backend/asr-backend/labelstudio/api"
	"github.com/asr-backend/asr-backend/labelstudio/results"
	"github.com/asr-backend/asr-backend/service/parts"
	"github.com/asr-backend/asr-backend/service/predictions"
	"github.com/asr-backend/asr-backend/service/projects"
	"github.com/asr-backend/asr-backend/service/queue"
	"github.com/asr-backend/asr-backend/transcript"
)

// partials stores partial predictions.
type partials struct {
	queue    *queue.Queue
	projects *projects.Registry
	client   *api.Client
	log      *slog.Logger
}

// New returns what stores partial predictions, which does nothing without a client.
func New(q *queue.Queue, p *projects.Registry, client *api.Client, log *slog.Logger) parts.Taker {
	if client == nil {
		return parts.Taker{}
	}
	s := &partials{q, p, client, log}
	return parts.Taker{After: s.after, Store: s.put}
}

// after returns from which length on recordings of a project get partial predictions; 0 means that
// none does.
func (s *partials) after(ctx context.Context, project int64) time.Duration {
	p, err := s.projects.Present(ctx, project)
	if err != nil || len(p.Plans) != 1 {
		return 0
	}
	plan := p.Plans[0]
	if plan.Paragraphs != nil || len(plan.TextKeys) > 0 {
		return 0 // what is in the task's data cannot be distinguished from what people have put there
	}
	return time.Duration(p.Settings.Partial * float64(time.Minute))
}

// put stores what a job has transcribed so far in the tasks that wait for it.
func (s *partials) put(ctx context.Context, project int64, job string, t *transcript.Transcript) error {
	q, err := s.queue.Get()
	if err != nil {
		return err
	}
	p, err := s.projects.Present(ctx, project)
	if err != nil || len(p.Plans) != 1 || p.Settings.Partial <= 0 {
		return err // the project was changed meanwhile
	}
	for _, task := range predictions.WaitingFor(q, p, job) {
		stored, err := s.store(ctx, p, task, t)
		if err != nil {
			return err
		}
		if stored {
			s.log.Info("partial prediction stored", "project", p.ID, "task", task, "transcribed_s", t.Duration.Seconds())
		}
	}
	return nil
}

func (s *partials) store(ctx context.Context, p *projects.Project, id int64, t *transcript.Transcript) (bool, error) {
	task, err := s.client.Task(ctx, p.ID, id)
	if api.Status(err) == http.StatusNotFound {
		return false, nil
	}
	if err != nil {
		return false, err
	}
	built, err := results.Build(t, p.Plans[0], task.Data, p.Settings.Results())
	if err != nil || !built.Predict {
		return false, err
	}
	if err := results.Validate(built.Items, p.Config); err != nil {
		return false, err
	}
	version := labelstudio.PartialVersion(p.Version)
	if err := s.projects.Write(ctx, p); err != nil {
		return false, err
	}
	written, err := s.projects.Written(ctx, p.ID)
	if err != nil {
		return false, err
	}
	rows, err := s.client.Predictions(ctx, id)
	if err != nil {
		return false, err
	}
	partial := labelstudio.Prediction{ModelVersion: version, Score: built.Score, Result: built.Items}
	for _, row := range rows {
		switch {
		case row.ModelVersion == version:
			err := s.client.UpdatePrediction(ctx, row.ID, id, partial)
			return err == nil, err
		case written[row.ModelVersion]:
			return false, nil
		}
	}
	_, err = s.client.CreatePrediction(ctx, id, partial)
	return err == nil, err
}
