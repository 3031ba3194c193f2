package service

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"time"

	"asr-backend/jobs"
	"asr-backend/labelstudio"
	"asr-backend/labelstudio/labelconfig"
	"asr-backend/labelstudio/results"
	"asr-backend/transcript"
)

// Predict implements labelstudio.Model. It enqueues everything that is not there yet and
// waits for it for a bounded time; a task that is not ready, or that another request or
// the delivery takes care of, is answered with "not now".
func (s *Service) Predict(ctx context.Context, p *labelstudio.Project, tasks []labelstudio.Task, c *labelstudio.Context) ([]labelstudio.Predictions, error) {
	arrived := time.Now()
	r, err := s.resolve(p)
	if err != nil {
		return nil, err
	}
	out := make([]labelstudio.Predictions, len(tasks))
	if len(r.plans) == 0 {
		return out, nil
	}
	if c != nil {
		prediction, err := s.interact(ctx, p, r, &tasks[0], c)
		if err != nil {
			s.log.Warn("region not heard", "project", p.ID, "task", tasks[0].ID, "error", err)
			s.troubles.task(p.ID, tasks[0].ID, err)
		}
		out[0] = prediction
		return out, nil
	}
	class := jobs.Batch
	if len(tasks) == 1 {
		class = jobs.Opened
	}
	orders := make([]*order, len(tasks))
	for i := range tasks {
		orders[i], err = s.enqueue(ctx, p, r, &tasks[i], class)
		if err != nil {
			s.log.Warn("task not accepted", "project", p.ID, "task", tasks[i].ID, "error", err)
		}
		s.troubles.task(p.ID, tasks[i].ID, err)
	}
	if s.options.PredictWait < 0 {
		return out, nil
	}
	wait, cancel := context.WithDeadline(ctx, arrived.Add(s.options.PredictWait))
	defer cancel()
	done := s.expect(orders, r.version)
	defer done()
	for i, o := range orders {
		if o == nil {
			continue
		}
		prediction, err := s.await(wait, p, r, o, arrived)
		switch {
		case err == nil:
			out[i] = prediction
		case wait.Err() == nil:
			s.log.Warn("task not answered", "project", p.ID, "task", o.task.ID, "error", err)
		}
	}
	return out, nil
}

// expect tells deliveries that the orders are waited for.
func (s *Service) expect(orders []*order, version string) (done func()) {
	var ends []func()
	for _, o := range orders {
		if o != nil && o.task.ID != 0 {
			ends = append(ends, s.deliveries.expect(deliveryKey{o.task.ID, version}))
		}
	}
	return func() {
		for _, end := range ends {
			end()
		}
	}
}

// await waits until a task's recordings have been heard and returns its prediction, or
// nothing if somebody else gives it.
func (s *Service) await(ctx context.Context, p *labelstudio.Project, r *resolved, o *order, arrived time.Time) (labelstudio.Predictions, error) {
	q, err := s.store.jobs()
	if err != nil {
		return nil, err
	}
	for _, key := range o.keys {
		job, err := q.Wait(ctx, key)
		if err != nil {
			return nil, err
		}
		if job.State == jobs.Dead {
			return nil, nil // stated where people look: /status and the log
		}
	}
	if s.client != nil && patches(o.plans) {
		return nil, nil // the text goes into the task's data, through the API
	}
	k := deliveryKey{o.task.ID, r.version}
	if o.task.ID != 0 && (has(o.task.Predictions, r.version) || !s.deliveries.answer(k, arrived)) {
		return nil, nil
	}
	built, err := s.build(ctx, r, o.plans, o.keys, o.task.Data)
	if err != nil {
		return nil, err
	}
	if !built.predict {
		return nil, nil
	}
	return labelstudio.Predictions{built.prediction(r.version)}, nil
}

// has reports whether a task came with a prediction of a version.
func has(predictions json.RawMessage, version string) bool {
	if len(predictions) == 0 || !bytes.Contains(predictions, []byte(version)) {
		return false
	}
	var list []struct {
		Version string `json:"model_version"`
	}
	if json.Unmarshal(predictions, &list) != nil {
		return false
	}
	for _, p := range list {
		if p.Version == version {
			return true
		}
	}
	return false
}

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
func (s *Service) build(ctx context.Context, r *resolved, plans []*labelconfig.Plan, keys []string, data labelstudio.Data) (*built, error) {
	b := &built{}
	score := 0.0
	for i, plan := range plans {
		t, err := s.transcript(ctx, keys[i])
		if err != nil {
			return nil, err
		}
		out, err := results.Build(t, plan, data, r.settings.results())
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
	q, err := s.store.jobs()
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
