package recordings

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/asr-backend/asr-backend/asr"
	"github.com/asr-backend/asr-backend/audio"
	"github.com/asr-backend/asr-backend/jobs"
	"github.com/asr-backend/asr-backend/service/parts"
	"github.com/asr-backend/asr-backend/service/progress"
	"github.com/asr-backend/asr-backend/transcribe"
	"github.com/asr-backend/asr-backend/transcript"
)

// OutdatedError says that the model or the program is no longer what it was when a
// transcription was asked for. Trying again does not help.
type OutdatedError struct{ Wanted, Now string }

// Error names both versions.
func (e *OutdatedError) Error() string {
	return fmt.Sprintf(outdatedPrefix+"the model and settings now give %s", e.Wanted, e.Now)
}

const outdatedPrefix = "version %s can no longer be made, "

// outdated reports whether a job was given up because its version could not be made.
func outdated(job *jobs.Job, version string) bool {
	return job.State == jobs.Discarded && strings.HasPrefix(job.Reason, fmt.Sprintf(outdatedPrefix, version))
}

// Worker returns the worker that transcribes recordings.
func (r *Recordings) Worker() jobs.Worker { return jobs.NewWorker(r.transcribe) }

func (r *Recordings) transcribe(ctx context.Context, a *jobs.Attempt[Recording]) error {
	start, job, rec := time.Now(), a.Job(), &a.Args
	q, err := r.queue.Get()
	if err != nil {
		return err
	}
	if done, wait := elsewhere(q, job); done == nil && wait > 0 {
		return a.Snooze(wait) // without fetching it again
	}
	place := r.turns.Of(job.Key)
	defer followClass(ctx, a, place)()
	var o *opened
	arriving := r.fetching(job.Key, rec)
	defer arriving.End()
	err = place.Without(ctx, func() error {
		options, err := r.options(ctx, rec)
		if err == nil {
			o, err = r.open(ctx, rec, options, arriving.Downloaded)
		}
		return err
	})
	if o != nil {
		defer o.close()
	}
	if err != nil {
		return err
	}
	if now := o.transcriber.Version(); now != rec.Version {
		return &OutdatedError{rec.Version, now}
	}
	if job.Content, o.rows, err = o.identify(ctx, rec.Version); err != nil {
		return err
	}
	if r.noKeptRows {
		o.rows = ""
	}
	if job.Content != a.Job().Content {
		if err := a.Identify(ctx, job.Content); err != nil {
			return err
		}
	}
	same, wait := elsewhere(q, job)
	if same != nil {
		if t := r.copied(ctx, same); t != nil {
			t.Source = o.Name
			r.log.Info("recording transcribed before", "job", job.Key, "project", rec.ProjectID, "task", rec.TaskID, "file", o.Name, "as", same.Key)
			return finish(a, t, summary(t, 0), nil)
		}
	}
	if wait > 0 {
		return a.Snooze(wait)
	}
	windows, err := r.windows(ctx, q, a, o, job.Content)
	if err != nil {
		return err
	}
	request := windows.request(o.recognizer)
	running := r.progress.Begin(job.Key, a.Class(), rec.ProjectID, rec.TaskID, o.Name)
	running.SetSpeed(o.recognizer.Device().Speed)
	done := false
	defer func() { running.End(done) }()
	var length time.Duration
	request.Opened = func(i audio.Info) {
		length = max(i.Estimate, 0).Duration()
		running.SetLength(length)
	}
	ctx, yield := context.WithCancelCause(ctx)
	defer yield(nil)
	session := &session{place: place, queue: r.queue, running: running, yield: yield}
	session.follow(&request)
	soFar := parts.New(ctx, r.parts, parts.Recording{Project: rec.ProjectID, Job: job.Key, Path: o.Path, Name: o.Name,
		Recognizer: o.recognizer, Transcriber: o.transcriber, Windows: a.Windows, Logger: r.log})
	defer soFar.End()
	request.Raised = a.Class
	request.Progress = func(p asr.Progress) {
		running.SetClass(a.Class())
		running.Transcribed(p.Recognized.Duration())
		if session.saved { // else it has not got as far as the last attempt yet
			soFar.Reached(p.Recognized, length)
		}
		session.rest(ctx)
	}
	t, err := o.transcriber.Transcribe(ctx, transcribe.Source{Path: o.Path, Name: o.Name}, request)
	soFar.End()
	switch {
	case err == nil: // also if its end came first
	case errors.Is(context.Cause(ctx), errYielded):
		return a.Snooze(0)
	default:
		return err
	}
	t.Source = o.Name
	t.Diagnostics.Warnings = append(t.Diagnostics.Warnings, o.Warnings...)
	again, speed := windows.again(), running.Speed()
	if again {
		speed = 0 // it says nothing about the model
	}
	if err := finish(a, t, summary(t, speed), windows); err != nil {
		return err
	}
	r.release(context.WithoutCancel(ctx), q, job) // ctx has ended with the attempt
	done = !again
	took, what := time.Since(start), "recording transcribed"
	if r.metrics.transcribed(t, took, windows); again {
		what = "recording decoded again from kept rows"
	}
	r.log.Info(what, "job", job.Key, "project", rec.ProjectID, "task", rec.TaskID, "file", o.Name, "audio_s", t.Duration.Seconds(),
		"took_s", took.Seconds(), "fetch_s", o.fetched.Seconds(), "rtfx", t.Duration.Seconds()/max(took.Seconds(), 1e-3), "regions", len(t.Segments),
		"confidence", t.Confidence, "windows", t.Diagnostics.Windows, "skipped", t.Diagnostics.WindowsSkipped, "kept", windows.taken,
		"seam_disagreement", t.Diagnostics.SeamDisagreement, "deliveries", job.Attempts, "warnings", t.Diagnostics.Warnings)
	return nil
}

// fetching follows the recording of a job while it is fetched. The caller ends that.
func (r *Recordings) fetching(key string, rec *Recording) *progress.Arriving {
	speed := 0.0
	if device, ok := r.models.Device(rec.Settings.ModelKey()); ok {
		speed = device.Speed
	}
	return r.progress.Fetch(key, speed)
}

// finish ends an attempt with its transcript and, unless they are nil, keeps the windows.
func finish(a *jobs.Attempt[Recording], t *transcript.Transcript, s Summary, w *windows) error {
	result, err := t.MarshalBinary()
	if err != nil {
		return err
	}
	note := jobs.Note{Title: t.Source, Summary: s.Text()}
	if w != nil {
		w.keep(&note, s)
	}
	return a.FinishWith(result, note)
}
