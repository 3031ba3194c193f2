package service

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"sync/atomic"
	"time"

	"asr-backend/asr"
	"asr-backend/asr/ctc"
	"asr-backend/audio"
	"asr-backend/jobs"
	"asr-backend/labelstudio"
	"asr-backend/labelstudio/media"
	"asr-backend/timeline"
	"asr-backend/transcribe"
	"asr-backend/transcript"
)

// outdatedError says that the model or settings are no longer what they were when a
// recording was to be heard with them.
type outdatedError struct{ wanted, now string }

func (e *outdatedError) Error() string {
	return fmt.Sprintf("version %s can no longer be made, the model and settings now give %s", e.wanted, e.now)
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
	recognizer, release, err := s.engines.use(ctx, h.Settings.Model)
	if err != nil {
		return err
	}
	defer release()
	t := transcribe.New(recognizer, h.Settings.transcription(h.Split, s.options.FFmpeg))
	if t.Version() != h.Version {
		// As after an update of the program. The delivery asks for the version there is.
		return &outdatedError{h.Version, t.Version()}
	}
	request, err := s.request(ctx, lease, recognizer)
	if err != nil {
		return err
	}
	track := s.progress.begin(job.Key, h.Project, h.Task, file.Name)
	defer track.end()
	request.Opened = func(i audio.Info) { track.length(max(i.Declared, 0).Duration()) }
	request.Progress = func(p asr.Progress) { track.heard(p.Recognized.Duration()) }
	heard, err := t.Transcribe(ctx, transcribe.Source{Path: file.Path}, request)
	if err != nil {
		return err
	}
	heard.Source = file.Name
	heard.Diagnostics.Warnings = append(heard.Diagnostics.Warnings, file.Warnings...)
	var out bytes.Buffer
	if err := transcript.Write(&out, transcript.JSON, heard, transcript.WriteOptions{}); err != nil {
		return err
	}
	if err := lease.Finish(s.last, out.Bytes()); err != nil {
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

// request keeps the rows of windows with the job, so that a crash costs a batch.
func (s *Service) request(ctx context.Context, lease *jobs.Lease, r *asr.Recognizer) (transcribe.Request, error) {
	stored, err := lease.Windows(ctx)
	if err != nil {
		return transcribe.Request{}, err
	}
	width := r.Contract().Width
	var lost atomic.Bool // said once
	return transcribe.Request{Request: asr.Request{
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
	}}, nil
}

// windowIndex numbers the windows of all channels.
func windowIndex(channel int, start timeline.Row) int {
	return channel<<40 | int(start)
}
