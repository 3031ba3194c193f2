// Package recordings transcribes the recordings of tasks: as jobs, for regions that an
// annotator waits for, and to find out when the words of a corrected text are said.
//
// # The job
//
// A transcription is a job of kind "transcribe". Its arguments (type Recording) say where the
// recording is, how it is transcribed and in which version; its key follows from them, so
// that all tasks of a project which show the same recording in the same version share one
// job, and one transcript:
//
//	transcribe/<version of the transcript>/<digest of address and project>
//
// Another project has a job of its own: it may not be allowed to open the address, and what
// fails for one need not fail for the other. No transcript is handed out for another project
// than the one that its job belongs to.
//
// The worker fetches the recording as its project. If another job has transcribed the same
// bytes, the transcript is copied, since this project has the bytes too. Otherwise the worker
// runs the model over it and stores the transcript as the job's result. The rows that the
// model writes are stored window by window meanwhile, so that a crash costs one batch of
// windows and not hours.
//
// Earlier programs had one job for all projects, under the digest of the address alone. It
// stays that of the project that asked first, and the other projects get jobs of their own.
//
// The result is Transcript.MarshalBinary: every time is the sample that the model and the
// alignment gave, and spikes and confidences are as computed. Rounding is for the formats
// that people and programs read. Results of programs before that are in the JSON format, in
// milliseconds; they are read as they are.
//
// # Turns
//
// A recording may take a minute or a day. Those under way take turns, see package turns, so
// that the short ones of one project do not wait for the long ones of another.
//
// # Versions
//
// A job made for a version that can no longer be made, as after an update of the program or
// a change of the model's files, fails with an OutdatedError. Whoever needs the transcript
// asks for the version there is by then.
//
// Hotwords are the case in which such a version comes back soon: a person changes the list of a
// project, and then changes it back. A request for the version starts the job anew.
//
// A version that differs in how rows are decoded, and not in the rows, is decoded from those that the
// version before has kept; the model does not run. See kept.go.
//
// # What others ask for
//
//	Enqueue, State      a transcription, and whether it is done
//	Transcript, Build   its result: as it is, or as results for a project's page
//	Region              the text between two times, at once
//	Align               when the words of given texts are said
//	KeptRows            the rows of a recording that was transcribed, without running the model
package recordings

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"time"

	"github.com/asr-backend/asr-backend/asr"
	"github.com/asr-backend/asr-backend/jobs"
	"github.com/asr-backend/asr-backend/labelstudio"
	"github.com/asr-backend/asr-backend/labelstudio/api"
	"github.com/asr-backend/asr-backend/labelstudio/media"
	"github.com/asr-backend/asr-backend/priority"
	"github.com/asr-backend/asr-backend/service/knowledge"
	"github.com/asr-backend/asr-backend/service/modelpool"
	"github.com/asr-backend/asr-backend/service/parts"
	"github.com/asr-backend/asr-backend/service/progress"
	"github.com/asr-backend/asr-backend/service/projects"
	"github.com/asr-backend/asr-backend/service/queue"
	"github.com/asr-backend/asr-backend/service/turns"
	"github.com/asr-backend/asr-backend/transcribe"

	"github.com/prometheus/client_golang/prometheus"
)

// Options are what Recordings are made of. Queue, Projects, Models and Media.CacheDir are
// required.
type Options struct {
	Queue    *queue.Queue
	Projects *projects.Registry
	Models   *modelpool.Pool
	// Knowledge has what projects have learnt; nil: nothing.
	Knowledge *knowledge.Store
	// Media says how recordings are fetched. Observe is set here.
	Media media.Options
	// Client reads tasks again whose recordings stand in their data; nil: they are transcribed
	// while the cache has them.
	Client *api.Client
	// Places is how many recordings are transcribed at once, besides those of workers that do
	// not Take them here; 0 means one. MostPlaces is how many Resize may make of them.
	Places, MostPlaces int

	Parts parts.Taker // of transcripts of what has been transcribed so far

	// NoKeptRows leaves out that rows are kept for versions to come; see jobs.Options.
	NoKeptRows bool

	FFmpeg   string // see audio.Options
	Logger   *slog.Logger
	Registry prometheus.Registerer // of metrics; nil: not registered
}

// Recordings transcribes recordings. It is safe for concurrent use.
type Recordings struct {
	queue      *queue.Queue
	projects   *projects.Registry
	models     *modelpool.Pool
	learnt     *knowledge.Store // or nil
	fetcher    *media.Fetcher
	client     *api.Client // or nil
	ffmpeg     string
	log        *slog.Logger
	parts      parts.Taker
	noKeptRows bool
	metrics    *metrics
	progress   *progress.Progress
	turns      *turns.Turns
	workers    int
	opening    chan struct{} // capacity 1; held by the worker that waits to open a recording
}

// New returns Recordings, and makes the folder of the cache. The caller closes them.
func New(o Options) (*Recordings, error) {
	if o.Logger == nil {
		o.Logger = slog.New(slog.DiscardHandler)
	}
	r := &Recordings{queue: o.Queue, projects: o.Projects, models: o.Models, learnt: o.Knowledge, client: o.Client, ffmpeg: o.FFmpeg, log: o.Logger, parts: o.Parts, noKeptRows: o.NoKeptRows, progress: progress.New(o.Places),
		turns: turns.New(o.Places), opening: make(chan struct{}, 1)}
	r.workers = r.turns.Most() + max(o.MostPlaces-max(o.Places, 1), 0)
	r.metrics = newMetrics(o.Registry, r.progress)
	o.Media.Observe = r.metrics.fetched
	var err error
	if r.fetcher, err = media.New(o.Media); err != nil {
		return nil, fmt.Errorf("recordings: %w", err)
	}
	return r, nil
}

// Close ends downloads and lets go of the cache.
func (r *Recordings) Close() { r.fetcher.Close() }

// Running returns the recordings that are being transcribed, the longest under way first.
func (r *Recordings) Running() []progress.Running { return r.progress.List() }

// Wait waits for the end of a transcription, given the key of its job, as long as it is expected
// before the deadline of ctx, and until the time unsure if nothing is known about that; see
// progress.Progress.
func (r *Recordings) Wait(ctx context.Context, key string, unsure time.Time) (jobs.Job, error) {
	q, err := r.queue.Get()
	if err != nil {
		return jobs.Job{}, err
	}
	return r.progress.Wait(ctx, q, key, unsure)
}

// Resize changes how many recordings are transcribed at once.
func (r *Recordings) Resize(places int) {
	r.turns.Resize(places)
	r.progress.Resize(places)
}

// Workers is how many workers are to Take recordings: more than there are places, since they
// take turns.
func (r *Recordings) Workers() int { return r.workers }

// Take takes the next recording once there is a place for it, and returns a function that gives
// the place back. The worker that waits for one has the turn of a recording, whatever the
// number of recordings that wait behind it.
func (r *Recordings) Take(ctx context.Context, q *jobs.Queue, least priority.Class) (*jobs.Lease, func(), error) {
	select {
	case r.opening <- struct{}{}:
		defer func() { <-r.opening }()
	case <-ctx.Done():
		return nil, nil, context.Cause(ctx)
	}
	for {
		next, err := q.Ready(ctx, Kind, least)
		if err != nil {
			return nil, nil, err
		}
		if err := r.turns.Take(ctx, next.Project, next.Class); err != nil {
			return nil, nil, err
		}
		lease, err := q.TryTake(ctx, Kind, least)
		if err == nil {
			job := lease.Job()
			place := r.turns.Open(job.Key, job.Project, job.Class)
			return lease, place.Close, nil
		}
		r.turns.Give()
		if !errors.Is(err, jobs.ErrNotFound) {
			return nil, nil, err
		}
	}
}

// Enqueue makes sure that a recording is, or will be, transcribed, and returns its job.
func (r *Recordings) Enqueue(ctx context.Context, rec Recording, class priority.Class) (jobs.Job, error) {
	q, err := r.queue.Get()
	if err != nil {
		return jobs.Job{}, err
	}
	err = r.keep(ctx, &rec)
	if _, again := media.Retryable(err); err != nil && !(again && r.client != nil) {
		return jobs.Job{}, err // later it cannot be had any more, or is no better
	}
	job, _, err := jobs.Insert(ctx, q, located(q, rec), jobs.InsertOptions{Class: class, Title: r.fetcher.Name(rec.Value), ReviveAfter: queue.ReviveAfter})
	if err != nil || !job.Cancelled && !outdated(&job, rec.Version) {
		return job, err
	}
	// Nobody wanted it any more, and now somebody does.
	return restart(ctx, q, job, jobs.RestartOptions{Class: class})
}

// Restart has a transcription made anew that Enqueue has returned, with fresh attempts: one that was
// given up, one that waits because it failed and, if o says so, one that is done. One that runs
// goes on. With Done, the model runs again: rows that other versions of the recording have kept are
// removed.
func (r *Recordings) Restart(ctx context.Context, job jobs.Job, o jobs.RestartOptions) (jobs.Job, error) {
	q, err := r.queue.Get()
	if err != nil {
		return jobs.Job{}, err
	}
	if o.Done {
		for _, other := range q.Kept(keptAs(job.Key)) {
			if other.Key != job.Key && other.Project == job.Project {
				r.drop(ctx, q, other.Key)
			}
		}
	}
	if job.State == jobs.Queued && job.Attempts == 0 {
		return job, nil // it is fresh
	}
	return restart(ctx, q, job, o)
}

func restart(ctx context.Context, q *jobs.Queue, job jobs.Job, o jobs.RestartOptions) (jobs.Job, error) {
	again, err := q.Restart(ctx, job.Key, o)
	if errors.Is(err, jobs.ErrState) {
		return again, nil // it runs, or is done and to stay so
	}
	return again, err
}

// Key returns the key of the job that transcribes a recording, or has done so.
func (r *Recordings) Key(rec Recording) string {
	q, err := r.queue.Get()
	if err != nil {
		return rec.Key()
	}
	return located(q, rec).Key()
}

// located returns a recording with the key of its job, which may be one of an earlier program.
func located(q *jobs.Queue, rec Recording) Recording {
	before := rec
	before.shared = true
	if job, ok := q.Peek(before.Key()); ok && rec.Login == "" && job.Project == rec.Project() && job.State != jobs.Discarded {
		return before
	}
	return rec
}

// opened is a recording on the local disk and the model that transcribes it.
type opened struct {
	*media.File
	recognizer  *asr.Recognizer
	transcriber *transcribe.Transcriber
	rows        string        // names its rows, see Summary; empty: they are not kept
	fetched     time.Duration // what fetching took
	release     func()        // the recognizer
}

// open fetches a recording and loads its model. downloaded may be nil; see media.Request. The
// caller closes what it returns.
func (r *Recordings) open(ctx context.Context, rec *Recording, o transcribe.Options, downloaded func(have, total int64)) (*opened, error) {
	start := time.Now()
	var err error
	if o.Knowledge, err = r.knowledge(ctx, rec, o.Knowledge); err != nil {
		return nil, err
	}
	file, err := r.fetch(ctx, rec, downloaded)
	if err != nil {
		return nil, err
	}
	out := &opened{File: file, fetched: time.Since(start)}
	if out.recognizer, out.release, err = r.models.Use(ctx, rec.Settings.ModelKey()); err != nil {
		file.Close()
		return nil, err
	}
	if out.transcriber, err = transcribe.New(out.recognizer, o); err != nil {
		out.close()
		return nil, err
	}
	return out, nil
}

// Fetch fetches a recording as its project does. The caller closes the file.
func (r *Recordings) Fetch(ctx context.Context, rec Recording) (*media.File, error) {
	return r.fetch(ctx, &rec, nil)
}

func (r *Recordings) fetch(ctx context.Context, rec *Recording, downloaded func(have, total int64)) (*media.File, error) {
	request, err := r.mediaRequest(ctx, rec)
	if err != nil {
		return nil, err
	}
	if err := r.keep(ctx, rec); err != nil {
		return nil, err
	}
	request.Progress = downloaded
	file, err := r.fetcher.Fetch(ctx, request)
	if err != nil {
		file, err = r.refetch(ctx, rec, err)
	}
	if err != nil {
		return nil, r.unserved(ctx, rec, err)
	}
	return file, nil
}

// knowledge returns what is known of the language of a project, of which only the version is given.
func (r *Recordings) knowledge(ctx context.Context, rec *Recording, k *transcribe.Knowledge) (*transcribe.Knowledge, error) {
	if k == nil || k.Lexicon != nil || len(k.Phrases) > 0 {
		return k, nil
	}
	if r.learnt == nil {
		return nil, nil
	}
	out, err := r.learnt.Open(ctx, rec.ProjectID, k.Version)
	if errors.Is(err, knowledge.ErrNone) {
		return nil, &projects.NotServedError{Project: rec.ProjectID, Err: fmt.Errorf("learn: version %s of what the project has learnt is not kept (any more)", k.Version)}
	}
	return out, err
}

// mediaRequest is how a recording is asked for.
func (r *Recordings) mediaRequest(ctx context.Context, rec *Recording) (media.Request, error) {
	login, password, err := r.login(ctx, rec)
	return media.Request{Value: rec.Value, Task: rec.TaskID, Project: rec.ProjectID, Login: login, Password: password}, err
}

// login returns the credentials that open a recording: those that its project has now.
func (r *Recordings) login(ctx context.Context, rec *Recording) (string, labelstudio.Secret, error) {
	if rec.Login == "" {
		return "", labelstudio.Secret{}, nil
	}
	login, password, err := r.projects.Login(ctx, rec.ProjectID)
	if err == nil && login == "" {
		login, password = rec.Login, labelstudio.NewSecret(rec.Password)
	}
	return login, password, err
}

func (o *opened) close() {
	o.release()
	o.Close()
}

// options are how a recording is transcribed. If the project's hotwords, or what it has learnt, have
// changed since it was asked for, its version has too.
func (r *Recordings) options(ctx context.Context, rec *Recording) (transcribe.Options, error) {
	settings := rec.Settings
	if err := r.projects.Hotwords(ctx, rec.ProjectID, &settings); err != nil {
		return transcribe.Options{}, err
	}
	o := settings.Transcription(rec.Split, r.ffmpeg)
	var err error
	o.Knowledge, err = r.projects.Knowledge(ctx, rec.ProjectID, &settings)
	return o, err
}

// Peek asks for the first byte of the recording of a job, given its payload. The error is the
// one that fetching it would give.
func (r *Recordings) Peek(ctx context.Context, payload []byte) error {
	rec, err := parseRecording(payload)
	if err != nil {
		return err
	}
	request, err := r.mediaRequest(ctx, rec)
	if err == nil {
		_, err = r.fetcher.Peek(ctx, request, 1)
	}
	return err
}

// unserved returns why a recording could not be fetched: that its project has no storage for it,
// or else cause. Label Studio gives the same answer if the storage has no such file.
func (r *Recordings) unserved(ctx context.Context, rec *Recording, cause error) error {
	fetched, ok := errors.AsType[*media.Error](cause)
	if !ok || fetched.Status != http.StatusNotFound || r.client == nil || rec.ProjectID == 0 {
		return cause
	}
	root, ok := r.fetcher.Storage(rec.Value)
	if !ok {
		return cause
	}
	storages, err := r.client.Storages(ctx, rec.ProjectID)
	if err != nil || Serve(storages, root) {
		return cause
	}
	return &NoStorageError{rec.ProjectID, root}
}

// parseRecording reads the payload of a job.
func parseRecording(payload []byte) (*Recording, error) {
	var rec Recording
	if err := json.Unmarshal(payload, &rec); err != nil {
		return nil, fmt.Errorf("the job cannot be read: %w", err)
	}
	return &rec, nil
}

// Storage returns what of a storage in Label Studio the recording of a job is in, given its
// payload; see media.Fetcher.Storage.
func (r *Recordings) Storage(payload []byte) (root string, ok bool) {
	rec, err := parseRecording(payload)
	if err != nil {
		return "", false
	}
	return r.fetcher.Storage(rec.Value)
}
