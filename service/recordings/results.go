package recordings

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/asr-backend/asr-backend/jobs"
	"github.com/asr-backend/asr-backend/labelstudio"
	"github.com/asr-backend/asr-backend/labelstudio/labelconfig"
	"github.com/asr-backend/asr-backend/labelstudio/results"
	"github.com/asr-backend/asr-backend/service/projects"
	"github.com/asr-backend/asr-backend/transcript"
)

// ErrNotTranscribed says that there is no transcript of a recording, or not yet.
var ErrNotTranscribed = errors.New("the recording has not been transcribed")

// State is how far transcriptions are.
type State int

// The states of transcriptions.
const (
	Waiting     State = iota
	Transcribed       // all of them
	GivenUp           // one was given up, or is no longer kept
	Crashed           // one was given up after crashes, and is tried again in time
	Foreign           // one is of another project
	Cancelled         // one was cancelled
)

// State returns how far a project's transcriptions are; keys name their jobs.
func (r *Recordings) State(ctx context.Context, project int64, keys []string) (State, error) {
	q, err := r.queue.Get()
	if err != nil {
		return Waiting, err
	}
	for _, key := range keys {
		job, err := q.Get(ctx, key)
		switch {
		case errors.Is(err, jobs.ErrNotFound):
			return GivenUp, nil // its result is older than the store keeps
		case err != nil:
			return Waiting, err
		case job.Project != projects.Name(project):
			return Foreign, nil
		case job.Cancelled:
			return Cancelled, nil
		case job.State == jobs.Discarded && job.Crashes > 0:
			return Crashed, nil
		case job.State == jobs.Discarded:
			return GivenUp, nil
		case job.State != jobs.Done:
			return Waiting, nil
		}
	}
	return Transcribed, nil
}

// Transcript returns the transcript that a project's job has made. For a job of another
// project there is none. After an error of damage the recording is transcribed again.
func (r *Recordings) Transcript(ctx context.Context, project int64, key string) (*transcript.Transcript, error) {
	q, err := r.queue.Get()
	if err != nil {
		return nil, err
	}
	job, err := q.Get(ctx, key)
	if err == nil && job.Project != projects.Name(project) {
		return nil, fmt.Errorf("%w for project %d", ErrNotTranscribed, project)
	}
	var raw []byte
	if err == nil {
		raw, err = q.Result(ctx, key)
	}
	if errors.Is(err, jobs.ErrDamaged) {
		if _, redone := q.Redo(ctx, key); redone == nil {
			return nil, fmt.Errorf("the transcript is damaged and is made again: %w", err)
		}
	}
	if jobs.Overtaken(err) {
		return nil, fmt.Errorf("%w: %w", ErrNotTranscribed, err)
	}
	if err != nil {
		return nil, err
	}
	return parseResult(raw)
}

// parseResult reads the result of a job. Earlier programs stored the JSON format, with times
// in milliseconds.
func parseResult(raw []byte) (*transcript.Transcript, error) {
	if bytes.HasPrefix(raw, []byte("{")) {
		return transcript.Read(bytes.NewReader(raw), transcript.JSON)
	}
	var t transcript.Transcript
	if err := t.UnmarshalBinary(raw); err != nil {
		return nil, err
	}
	return &t, nil
}

// Results are what a project's plans make of a task's transcripts.
type Results struct {
	Predict bool               // there are plans that fill the prediction
	Items   []labelstudio.Item // of the prediction
	Score   float64            // the mean over recordings, by length
	Patch   labelstudio.Data   // keys of the task's data that change
	Notes   []string           // what was left as it is, and why
	length  time.Duration
}

// Prediction returns the prediction of a version.
func (r *Results) Prediction(version string) labelstudio.Prediction {
	return labelstudio.Prediction{ModelVersion: version, Score: r.Score, Result: r.Items}
}

// Build makes the results of a task from its transcripts: keys name their jobs, one a plan.
// Data are the task's, where plans read them, and ours says which versions in them are.
func (r *Recordings) Build(ctx context.Context, p *projects.Project, plans []*labelconfig.Plan, keys []string, data labelstudio.Data, ours func(version string) bool) (*Results, error) {
	out := &Results{}
	options := p.Settings.Results()
	options.Ours = ours
	score := 0.0
	for i, plan := range plans {
		t, err := r.Transcript(ctx, p.ID, keys[i])
		if err != nil {
			return nil, err
		}
		one, err := results.Build(t, plan, data, options)
		if err != nil {
			return nil, fmt.Errorf("results for %s: %w", plan.Audio.Name, err)
		}
		out.Predict = out.Predict || one.Predict
		out.Items = append(out.Items, one.Items...)
		out.Notes = append(out.Notes, one.Notes...)
		if len(one.Patch) > 0 {
			out.Patch = out.Patch.With(one.Patch)
			data = data.With(one.Patch)
		}
		out.length += t.Duration
		if err := r.projects.Measured(ctx, p.ID, t.Duration); err != nil {
			r.log.Warn("the length of a recording was not kept", "project", p.ID, "error", err)
		}
		score += one.Score * t.Duration.Seconds()
	}
	if out.length > 0 {
		out.Score = score / out.length.Seconds()
	}
	return out, nil
}
