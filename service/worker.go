package service

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"sync/atomic"
	"time"

	"asr-backend/asr"
	"asr-backend/asr/ctc"
	"asr-backend/asr/ort"
	"asr-backend/audio"
	"asr-backend/jobs"
	"asr-backend/labelstudio"
	"asr-backend/labelstudio/api"
	"asr-backend/labelstudio/media"
	"asr-backend/timeline"
	"asr-backend/transcribe"
	"asr-backend/transcript"
)

// startWorkers starts everything that takes jobs. Besides the workers that take any
// recording there is one for recordings that somebody has opened, so that these never
// wait for a long one to end; inside the recognizer their windows go first.
func (s *Service) startWorkers() {
	n := s.options.Recordings
	if n <= 0 {
		n = 2
	}
	for range n {
		s.worker(kindTranscribe, jobs.Batch, s.transcribe)
	}
	s.worker(kindTranscribe, jobs.Opened, s.transcribe)
	for range 2 {
		s.worker(kindDeliver, jobs.Batch, s.deliver)
	}
	s.worker(kindEvent, jobs.Batch, s.fit)
}

// worker takes jobs of a kind, one after the other, until the service stops. A job that
// the function neither ends nor returns an error for is released.
func (s *Service) worker(kind string, least jobs.Class, work func(context.Context, *jobs.Lease) error) {
	s.running.Go(func() {
		q := s.store.wait(s.work)
		for q != nil && s.work.Err() == nil {
			lease, err := q.Take(s.work, kind, least)
			if err != nil {
				if s.work.Err() == nil {
					s.log.Error("no job taken", "kind", kind, "error", err)
					pause(s.work, time.Second)
				}
				continue
			}
			s.do(lease, work)
		}
	})
}

func (s *Service) do(lease *jobs.Lease, work func(context.Context, *jobs.Lease) error) {
	job := lease.Job()
	defer func() {
		if err := lease.Release(); err != nil && s.work.Err() == nil {
			s.log.Warn("job not given back", "job", job.Key, "error", err)
		}
	}()
	ctx := lease.Context()
	err := work(ctx, lease)
	switch {
	case err == nil, errors.Is(err, jobs.ErrLeaseLost):
	case ctx.Err() != nil: // the service stops, or the job is no longer ours
	default:
		s.settle(ctx, lease, err)
	}
}

// settle decides what becomes of a job that went wrong: it is tried again for as long as
// that can help, and then given up with its reason.
func (s *Service) settle(ctx context.Context, lease *jobs.Lease, cause error) {
	job := lease.Job()
	delay, again := retry(cause, job)
	if again && time.Since(job.Created) < s.options.GiveUp {
		s.log.Warn("job will be tried again", "job", job.Key, "in_s", delay.Seconds(), "error", cause)
		if err := later(ctx, lease, delay, cause); err != nil && ctx.Err() == nil {
			s.log.Error("job not put back", "job", job.Key, "error", err)
		}
		return
	}
	s.log.Error("job given up", "job", job.Key, "error", cause, "hint", hintOf(cause))
	s.metrics.failed(job.Kind)
	if err := fail(ctx, lease, cause); err != nil && ctx.Err() == nil {
		s.log.Error("job not ended", "job", job.Key, "error", err)
	}
}

// ending is a context for bringing the end of a job to the store: neither the end of the
// lease nor a service that stops may cut that short.
func ending(ctx context.Context) (context.Context, context.CancelFunc) {
	return context.WithTimeout(context.WithoutCancel(ctx), 15*time.Second)
}

// finish ends a job with its result.
func finish(ctx context.Context, lease *jobs.Lease, result []byte) error {
	ctx, cancel := ending(ctx)
	defer cancel()
	return lease.Finish(ctx, result)
}

// fail gives a job up.
func fail(ctx context.Context, lease *jobs.Lease, cause error) error {
	ctx, cancel := ending(ctx)
	defer cancel()
	return lease.Fail(ctx, hinted(cause))
}

// later puts a job back.
func later(ctx context.Context, lease *jobs.Lease, delay time.Duration, cause error) error {
	ctx, cancel := ending(ctx)
	defer cancel()
	return lease.Retry(ctx, delay, hinted(cause))
}

// attempts is how often a job is tried that fails for no reason that time cures.
const attempts = 3

// retry reports whether a job may succeed later and when to try.
func retry(cause error, job jobs.Job) (time.Duration, bool) {
	delay := jobs.Backoff{First: 5 * time.Second, Most: 30 * time.Minute}.Delay(job.Retries)
	if asked, ok := media.Retryable(cause); ok {
		return max(delay, asked), true
	}
	if asked, ok := api.Retryable(cause); ok {
		return max(delay, asked), true
	}
	var model *asr.ModelError
	var sound *audio.Error
	switch {
	case errors.Is(cause, ort.ErrLibrary), errors.Is(cause, ort.ErrCUDA), errors.As(cause, &model):
		return delay, true // somebody may install what is missing
	case errors.As(cause, &sound), isMedia(cause), api.Status(cause) != 0:
		return 0, false
	}
	return delay, job.Retries+1 < attempts
}

func isMedia(err error) bool {
	var e *media.Error
	return errors.As(err, &e)
}

// transcribe hears a recording.
func (s *Service) transcribe(ctx context.Context, lease *jobs.Lease) error {
	job := lease.Job()
	var h hearing
	if err := json.Unmarshal(job.Payload, &h); err != nil {
		return fmt.Errorf("the job cannot be read: %w", err)
	}
	start := time.Now()
	file, err := s.fetcher.Fetch(ctx, media.Request{Value: h.Value, Task: h.Task, Project: h.Project, Login: h.Login, Password: labelstudio.NewSecret(h.Password)})
	if err != nil {
		return err
	}
	defer file.Close()
	fetched := time.Since(start)
	recognizer, release, err := s.engines.use(h.Settings.Model)
	if err != nil {
		return err
	}
	defer release()
	t := transcribe.New(recognizer, h.Settings.transcription(h.Split, s.options.FFmpeg))
	if t.Version() != h.Version {
		return s.outdated(ctx, lease, &h, t.Version())
	}
	request, err := s.request(ctx, lease, recognizer)
	if err != nil {
		return err
	}
	track := s.progress.begin(job.Key, h.Project, h.Task, file.Name)
	defer track.end()
	request.Opened = func(i audio.Info) { track.length(max(i.Declared, 0).Duration()) }
	request.Progress = func(p asr.Progress) { track.heard(p.Heard.Duration()) }
	heard, err := t.File(ctx, file.Path, request)
	if err != nil {
		return err
	}
	heard.Source = file.Name
	heard.Diagnostics.Warnings = append(heard.Diagnostics.Warnings, file.Warnings...)
	var out bytes.Buffer
	if err := transcript.Write(&out, transcript.JSON, heard, transcript.WriteOptions{}); err != nil {
		return err
	}
	if err := finish(ctx, lease, out.Bytes()); err != nil {
		return err
	}
	took := time.Since(start)
	s.metrics.heard(heard, took)
	s.log.Info("heard", "job", job.Key, "project", h.Project, "task", h.Task, "file", file.Name, "audio_s", heard.Duration.Seconds(),
		"took_s", took.Seconds(), "fetch_s", fetched.Seconds(), "rtfx", heard.Duration.Seconds()/max(took.Seconds(), 1e-3), "regions", len(heard.Segments),
		"confidence", heard.Confidence, "windows", heard.Diagnostics.Windows, "skipped", heard.Diagnostics.WindowsSkipped,
		"seam_disagreement", heard.Diagnostics.SeamDisagreement, "deliveries", job.Deliveries, "warnings", heard.Diagnostics.Warnings)
	return nil
}

// outdated ends a job whose model or settings are no longer what they were when it was
// enqueued, as after an update of the program. Whoever asks now asks for another version.
func (s *Service) outdated(ctx context.Context, lease *jobs.Lease, h *hearing, now string) error {
	return fail(ctx, lease, fmt.Errorf("version %s can no longer be made, the model and settings now give %s; the task is heard again when it is asked for", h.Version, now))
}

// request keeps the rows of windows with the job, so that a crash costs a batch.
func (s *Service) request(ctx context.Context, lease *jobs.Lease, r *asr.Recognizer) (transcribe.Request, error) {
	stored, err := lease.Windows(ctx)
	if err != nil {
		return transcribe.Request{}, err
	}
	width := r.Contract().Width
	var lost atomic.Bool // said once
	return transcribe.Request{
		Priority: priority(lease.Job().Class),
		Load: func(channel int, start timeline.Row) []ctc.Row {
			rows, err := ctc.ParseRows(stored[windowIndex(channel, start)], width)
			if err != nil || len(rows) == 0 {
				return nil
			}
			return rows
		},
		Save: func(channel int, start timeline.Row, rows []ctc.Row) {
			err := lease.PutWindow(ctx, windowIndex(channel, start), ctc.AppendRows(nil, rows))
			if err != nil && ctx.Err() == nil && !lost.Swap(true) {
				s.log.Warn("windows are not kept: a crash would cost more than one", "job", lease.Job().Key, "error", err)
			}
		},
	}, nil
}

// windowIndex numbers the windows of all channels.
func windowIndex(channel int, start timeline.Row) int {
	return channel<<40 | int(start)
}

// pause waits, or until ctx ends.
func pause(ctx context.Context, d time.Duration) {
	select {
	case <-ctx.Done():
	case <-time.After(d):
	}
}
