// Package service is the machine learning backend that `asr-backend serve` runs: it
// joins Label Studio (labelstudio), durable work (jobs) and recognition (transcribe), and
// holds the rules by which they work together.
//
// # The life of a task
//
//	Label Studio ── /predict, /webhook ──> a transcription, one a recording and version
//	                                       a delivery, one a task and version
//	worker: fetch the recording, hear it, keep the transcript      (job "transcribe")
//	worker: build results for the project, store them in Label Studio (job "deliver")
//
// Nothing in a request waits for a model or a recording: /predict enqueues both jobs and
// then waits, for a bounded time, for the transcription. What is ready in time is
// answered; everything else is answered with "not now" and stored later through the API.
// Jobs live in a durable queue, so that neither a crash nor an outage of Label Studio
// loses one.
//
// # One prediction a task and version
//
// Label Studio stores every answer as a new row and looks for no twin. Two writers could
// so leave two rows: the answer to /predict and the delivery through the API. Package
// rules (deliveries.go): only one of them is under way at a time; an answer is given only
// once until Label Studio had time to store it; and the delivery, which keeps exactly one
// row of a version and removes others, always comes last.
//
// # Versions
//
// What /setup returns is a digest of the model, the settings of the project and the part
// of its labelling configuration that is served. Predictions carry exactly that. Label
// Studio asks again when it changes, and it changes when and only when answers would.
package service

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"path/filepath"
	"sync"
	"time"

	"asr-backend/asr"
	"asr-backend/jobs"
	"asr-backend/labelstudio"
	"asr-backend/labelstudio/api"
	"asr-backend/labelstudio/backend"
	"asr-backend/labelstudio/media"
	"asr-backend/service/modelpool"
	"asr-backend/service/problems"
	"asr-backend/service/projects"
	"asr-backend/service/queue"

	"github.com/prometheus/client_golang/prometheus"
)

// Options are what a Service is made of.
type Options struct {
	// Address is where to listen, such as ":9090".
	Address string
	// Library is the ONNX Runtime library, see ort.Open.
	Library string
	// Engine tells how models are run.
	Engine asr.Options
	// Variant is the variant of models that is run, such as "fp16"; empty is the usual one.
	Variant string
	// OpenModel finds a model by the name that a project or Defaults.Model gives.
	OpenModel func(name, variant string) (*asr.Bundle, error)
	// MaxModels is how many models may be loaded at once; 0 means 2.
	MaxModels int
	// Defaults are the settings of projects that choose nothing.
	Defaults projects.Settings
	// FFmpeg is the path of ffmpeg, see audio.Options.
	FFmpeg string

	// LabelStudio is where Label Studio is and with which token it is asked. Without URL
	// and Token, recordings come from open addresses only and every result is given in
	// answer to /predict.
	LabelStudio api.Options
	// Media tells how recordings are fetched. Server and Observe are set here.
	Media media.Options
	// Jobs tells where jobs are kept. Logger is set here.
	Jobs jobs.Options

	// PredictWait is how long /predict waits for transcripts; 0 means 60 s, negative not
	// at all.
	PredictWait time.Duration
	// Recordings is how many recordings are heard at once, besides one that somebody has
	// opened; 0 means 2.
	Recordings int
	// GiveUp is for how long a recording that cannot be had, or a Label Studio that does
	// not answer, is tried again; 0 means seven days.
	GiveUp time.Duration

	// User and Password ask for HTTP Basic authentication, except on the routes in Open.
	User     string
	Password labelstudio.Secret
	Open     []string
	// BodyLimit bounds the body of a request, in bytes; 0 means 250 MB.
	BodyLimit int

	// Version is that of the program, for pages and metrics.
	Version string
	Logger  *slog.Logger
	// Registry collects the metrics that /metrics serves; nil means a new one.
	Registry *prometheus.Registry
}

// Defaults of Options.
const (
	DefaultPredictWait = 60 * time.Second
	DefaultGiveUp      = 7 * 24 * time.Hour
	DefaultRecordings  = 2
)

// Service is a running backend.
type Service struct {
	options    Options
	log        *slog.Logger
	started    time.Time
	models     *modelpool.Pool
	queue      *queue.Queue
	projects   *projects.Registry
	client     *api.Client // nil without a token
	clientErr  error       // why there is none
	fetcher    *media.Fetcher
	deliveries *deliveries
	lessons    *lessons
	progress   *progress
	problems   *problems.Log
	metrics    *metrics
	backend    *backend.Backend

	listener net.Listener
	work     context.Context // ends when the service stops
	stopWork context.CancelCauseFunc
	last     context.Context // ends a while later, for what must reach the store
	stopLast context.CancelFunc
	running  sync.WaitGroup
}

var errStopping = errors.New("the service is stopping")

// New makes a service. It opens nothing yet but the folder for recordings.
func New(o Options) (*Service, error) {
	if err := o.validate(); err != nil {
		return nil, err
	}
	s := &Service{options: o, log: o.Logger, started: time.Now(), deliveries: newDeliveries(DefaultStoring), lessons: newLessons(), progress: newProgress(), problems: problems.NewLog()}
	s.work, s.stopWork = context.WithCancelCause(context.Background())
	s.last, s.stopLast = context.WithCancel(context.Background())
	s.metrics = newMetrics(o.Registry, s)
	engine := o.Engine
	engine.Background = true // requests must be answered while every core transcribes
	pool := modelpool.Options{Open: o.OpenModel, Variant: o.Variant, Library: o.Library, Engine: engine, MaxModels: o.MaxModels, Logger: s.log, Registry: o.Registry}
	if o.Jobs.Dir != "" {
		pool.DigestFile = filepath.Join(o.Jobs.Dir, "model-digests.json")
	}
	var err error
	if s.models, err = modelpool.New(pool); err != nil {
		return nil, fmt.Errorf("service: %w", err)
	}
	s.queue = queue.New(o.Jobs)
	s.projects, err = projects.New(projects.Options{Queue: s.queue, Models: s.models, Defaults: o.Defaults, FFmpeg: o.FFmpeg, Logger: s.log})
	if err != nil {
		return nil, fmt.Errorf("service: %w", err)
	}
	s.connect()
	o.Media.Observe = s.metrics.fetched
	if s.client != nil {
		o.Media.Server = s.client
	}
	if s.fetcher, err = media.New(o.Media); err != nil {
		return nil, fmt.Errorf("service: %w", err)
	}
	s.backend, err = backend.New(backend.Options{
		Model: s, Store: s.projects, Logger: s.log, Events: s, User: o.User, Password: o.Password, Open: o.Open,
		BodyLimit: o.BodyLimit, Ready: s.Ready, Metrics: s.metrics.handler(), Status: http.HandlerFunc(s.serveStatus), Observe: s.metrics.served,
	})
	if err != nil {
		s.fetcher.Close()
		return nil, fmt.Errorf("service: %w", err)
	}
	return s, nil
}

// connect makes the client of Label Studio's API, if there is an address and a token.
func (s *Service) connect() {
	switch o := s.options.LabelStudio; {
	case o.URL == "" && o.Token.IsZero():
		s.clientErr = errors.New("neither LABEL_STUDIO_URL nor LABEL_STUDIO_API_KEY is set: uploaded files cannot be fetched and finished work cannot be stored; only open addresses are served, in answer to requests")
	case o.URL == "":
		s.clientErr = errors.New("LABEL_STUDIO_API_KEY is set but LABEL_STUDIO_URL is not; set it to the address at which this program reaches Label Studio")
	case o.Token.IsZero():
		s.clientErr = errors.New("LABEL_STUDIO_URL is set but LABEL_STUDIO_API_KEY is not; create a token in Label Studio under Account & Settings and set it")
	default:
		s.client, s.clientErr = api.New(o)
	}
	if s.clientErr != nil {
		s.log.Warn("Label Studio's API is not used", "reason", s.clientErr)
	}
}

// Start begins to listen and to work. /health and /setup answer from now on; models and
// the queue open in the background.
func (s *Service) Start() error {
	ln, err := net.Listen("tcp", s.options.Address)
	if err != nil {
		return fmt.Errorf("service: listen: %w", err)
	}
	s.listener = ln
	s.running.Go(func() {
		if err := s.backend.Serve(ln); err != nil {
			s.log.Error("serving ended", "error", err)
		}
	})
	s.startWork()
	return nil
}

// startWork starts everything that no request is needed for.
func (s *Service) startWork() {
	s.running.Go(func() { s.queue.Run(s.work) })
	s.running.Go(func() { s.projects.Run(s.work) })
	s.running.Go(func() { s.models.Keep(s.work, s.options.Defaults.Model) })
	s.startWorkers()
}

// Addr is where the service listens.
func (s *Service) Addr() net.Addr { return s.listener.Addr() }

// Stop ends the service, in this order: no new requests; workers give their jobs back;
// downloads; the queue; models; the library. ctx bounds the wait for requests.
func (s *Service) Stop(ctx context.Context) error {
	s.stopWork(errStopping)
	grace := time.AfterFunc(stopGrace, s.stopLast)
	defer grace.Stop()
	defer s.stopLast()
	errs := []error{s.backend.Shutdown(ctx)}
	s.running.Wait()
	s.fetcher.Close()
	errs = append(errs, s.queue.Close(), s.models.Close())
	return errors.Join(errs...)
}

// stopGrace is how long a job whose work is done may take to reach the store once the
// service stops: a disk may be full, and docker kills after ten seconds.
const stopGrace = 5 * time.Second

// Ready returns nil once requests can be worked on, else what is missing.
func (s *Service) Ready() error {
	if err := s.models.Ready(s.options.Defaults.Model); err != nil {
		return err
	}
	return s.queue.Health()
}

func (o *Options) validate() error {
	if o.Logger == nil {
		o.Logger = slog.New(slog.DiscardHandler)
	}
	if o.Registry == nil {
		o.Registry = prometheus.NewRegistry()
	}
	if o.PredictWait == 0 {
		o.PredictWait = DefaultPredictWait
	}
	if o.GiveUp <= 0 {
		o.GiveUp = DefaultGiveUp
	}
	if o.Recordings <= 0 {
		o.Recordings = DefaultRecordings
	}
	if o.OpenModel == nil {
		return errors.New("service: Options.OpenModel is missing")
	}
	if longest := backend.DefaultPredictTimeout - 5*time.Second; o.PredictWait > longest {
		return fmt.Errorf("service: a wait of %v in /predict is too long: proxies in front of Label Studio give up after 90 s; want at most %v", o.PredictWait, longest)
	}
	o.Jobs.Logger = o.Logger
	return nil
}
