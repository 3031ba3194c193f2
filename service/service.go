// Package service is the machine learning backend that `asr-backend serve` runs: it makes
// the parts, starts them, and stops them in order. What they do is in packages of their own,
// each of which knows only those above it here:
//
//	problems     what is wrong with projects and tasks, and what people can do about it
//	queue        the job queue, which opens in the background
//	modelpool    models, loaded when they are needed
//	projects     settings, plans, versions, and what is kept of each project
//	knowledge    what projects have learnt
//	progress     how far recordings are, and who would wait in vain
//	parts        transcripts of what is transcribed so far
//	turns        which recording computes, and for how long
//	recordings   recording → transcript                               (job "transcribe")
//	predictions  transcript → prediction, as an answer or a push      (job "deliver")
//	interactive  drawn region → its text, at once
//	partials     what there is of a transcript → partial prediction
//	corrections  annotation → error rate and word times               (job "retime")
//	learning     corrections → what the project knows                (job "learn")
//	training     corrections → a model, by a command of the operator (job "train")
//	events       what Label Studio reports by webhook                 (jobs "event", "annotation")
//	reconcile    what Label Studio has against what is known here
//	overview     the state of every task, and queries over them
//	control      cancel, retry, prioritize
//	outage       the end of outages, which wakes the jobs that wait
//	statuspage   how /status looks
//
// # The life of a task
//
//	Label Studio ── /predict, /webhook ──> a transcription, one a recording and version
//	                                       a push, one a task and version
//	worker: fetch the recording, transcribe it, keep the transcript
//	worker: build results for the project, store them in Label Studio
//
// Nothing in a request waits for a model or a recording. Jobs live in a durable queue, so
// that neither a crash nor an outage of Label Studio loses one.
//
// # What is here
//
// service.go makes, starts and stops everything. model.go answers requests by handing them to
// the packages above. workers.go takes jobs and decides what becomes of those that fail.
// status.go, status_serve.go and metrics.go show what all of them do.
package service

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/url"
	"sync"
	"time"

	"github.com/asr-backend/asr-backend/asr"
	"github.com/asr-backend/asr-backend/jobs"
	"github.com/asr-backend/asr-backend/labelstudio"
	"github.com/asr-backend/asr-backend/labelstudio/api"
	"github.com/asr-backend/asr-backend/labelstudio/media"
	"github.com/asr-backend/asr-backend/labelstudio/server"
	"github.com/asr-backend/asr-backend/service/control"
	"github.com/asr-backend/asr-backend/service/corrections"
	"github.com/asr-backend/asr-backend/service/events"
	"github.com/asr-backend/asr-backend/service/knowledge"
	"github.com/asr-backend/asr-backend/service/learning"
	"github.com/asr-backend/asr-backend/service/modelpool"
	"github.com/asr-backend/asr-backend/service/outage"
	"github.com/asr-backend/asr-backend/service/overview"
	"github.com/asr-backend/asr-backend/service/predictions"
	"github.com/asr-backend/asr-backend/service/problems"
	"github.com/asr-backend/asr-backend/service/projects"
	"github.com/asr-backend/asr-backend/service/queue"
	"github.com/asr-backend/asr-backend/service/reconcile"
	"github.com/asr-backend/asr-backend/service/recordings"
	"github.com/asr-backend/asr-backend/service/training"

	"github.com/prometheus/client_golang/prometheus"
)

// Options are what a Service is made of.
type Options struct {
	// Address is where to listen, such as ":9090".
	Address string
	// Library is the ONNX Runtime library, see ort.Open.
	Library string
	// Recognizer says how models are run.
	Recognizer asr.Options
	// Variant is the variant of models that is run, such as "fp16"; empty is the usual one.
	Variant string
	// OpenModel finds a model by the name that a project or Defaults.Model gives.
	OpenModel func(name, variant string) (*asr.Bundle, error)
	// CanonicalModel returns the one name of a model that has several; nil: none has.
	CanonicalModel func(name string) string
	// MaxModels is how many models may be loaded at once; 0 means 2.
	MaxModels int
	// Defaults are the settings of projects that choose nothing.
	Defaults Settings
	// FFmpeg is the path of ffmpeg, see audio.Options.
	FFmpeg string

	// LabelStudio is where Label Studio is and with which token it is asked. Without URL
	// and Token, recordings come from open addresses only and every result is given in
	// answer to /predict.
	LabelStudio api.Options
	// StudioForBrowsers is where people's browsers find Label Studio, for links at /status. Empty:
	// LabelStudio.URL, or if only this process's network knows that, the first of StudioAliases,
	// which are other addresses of the same Label Studio.
	StudioForBrowsers string
	StudioAliases     []string
	// Media says how recordings are fetched. Server is set here.
	Media media.Options
	// Jobs says where jobs are kept. Logger is set here.
	Jobs jobs.Options

	// PredictWait is how long /predict waits for transcripts at most; 0 means 20 s, negative
	// not at all.
	PredictWait time.Duration
	// Recordings is how many recordings are transcribed at once, besides one that somebody has
	// opened; 0 means as many as keep the device busy, and at least 2: on a CPU two for each run of the
	// model side by side, on a GPU one for each core.
	Recordings int
	// TextsDir has a folder for each project, by number, with texts to learn from; empty: none has.
	TextsDir string
	// LearnAfter is how many new corrections make a project learn, and LearnQuiet for how long none
	// has come if there are fewer; 0 means learning.DefaultAfter and DefaultQuiet. Whether projects
	// learn is in Defaults.
	LearnAfter int
	LearnQuiet time.Duration
	// Training says what trains models of projects; without a command nothing does.
	Training training.Settings
	// GiveUp is for how long a recording that cannot be had, or a Label Studio that does
	// not answer, is tried again; 0 means seven days.
	GiveUp time.Duration

	// User and Password ask for HTTP Basic authentication, except on the routes in Open.
	User     string
	Password labelstudio.Secret
	Open     []string
	// WebhookSecret is asked of webhooks; see server.Options.
	WebhookSecret labelstudio.Secret
	// BodyLimit bounds the body of a request, in bytes; 0 means 250 MB.
	BodyLimit int

	// Version is that of the program, for pages and metrics.
	Version string
	Logger  *slog.Logger
	// Registry collects the metrics that /metrics serves; nil means a new one.
	Registry *prometheus.Registry
}

// Settings are what a project may choose.
type Settings = projects.Settings

// Defaults of Options.
const (
	DefaultGiveUp     = 7 * 24 * time.Hour
	DefaultRecordings = 2
)

// Service is a running backend.
type Service struct {
	options Options
	log     *slog.Logger
	started time.Time
	metrics *metrics

	problems    *problems.Log
	models      *modelpool.Pool
	queue       *queue.Queue
	projects    *projects.Registry
	recordings  *recordings.Recordings
	client      *api.Client // nil without a token
	noClient    error       // why there is none
	predictions *predictions.Predictions
	corrections *corrections.Corrections
	knowledge   *knowledge.Store
	learning    *learning.Learning
	training    *training.Training
	events      *events.Events
	outage      *outage.Watch
	due         *projects.Due         // projects to be reconciled
	reconciler  *reconcile.Reconciler // nil without a client
	server      *server.Server
	overview    *overview.Overview // for /status
	control     *control.Control
	studio      *url.URL // for browsers; nil: not known

	listener    net.Listener
	broken      chan error      // capacity 1; why serving ended
	working     context.Context // ends when the service stops
	stopWorking context.CancelCauseFunc
	storing     context.Context // ends a while later, for work that is done
	stopStoring context.CancelFunc
	running     sync.WaitGroup
	shutdown    shutdown
}

var errStopping = errors.New("the service is stopping")

func (o *Options) validate() error {
	if o.Logger == nil {
		o.Logger = slog.New(slog.DiscardHandler)
	}
	if o.Registry == nil {
		o.Registry = prometheus.NewRegistry()
	}
	if o.GiveUp <= 0 {
		o.GiveUp = DefaultGiveUp
	}
	if o.OpenModel == nil {
		return errors.New("service: Options.OpenModel is missing")
	}
	if longest := server.DefaultPredictTimeout - 5*time.Second; o.PredictWait > longest {
		return fmt.Errorf("service: a wait of %v in /predict is too long: proxies in front of Label Studio give up after 90 s; want at most %v", o.PredictWait, longest)
	}
	o.Jobs.Logger = o.Logger
	return nil
}
