package service

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"maps"
	"net"
	"net/http"
	"net/url"
	"path/filepath"
	"runtime"
	"strings"
	"time"

	"github.com/asr-backend/asr-backend/asr"
	"github.com/asr-backend/asr-backend/jobs"
	"github.com/asr-backend/asr-backend/labelstudio"
	"github.com/asr-backend/asr-backend/labelstudio/api"
	"github.com/asr-backend/asr-backend/labelstudio/server"
	"github.com/asr-backend/asr-backend/service/control"
	"github.com/asr-backend/asr-backend/service/corrections"
	"github.com/asr-backend/asr-backend/service/events"
	"github.com/asr-backend/asr-backend/service/interactive"
	"github.com/asr-backend/asr-backend/service/knowledge"
	"github.com/asr-backend/asr-backend/service/learning"
	"github.com/asr-backend/asr-backend/service/modelpool"
	"github.com/asr-backend/asr-backend/service/outage"
	"github.com/asr-backend/asr-backend/service/overview"
	"github.com/asr-backend/asr-backend/service/partials"
	"github.com/asr-backend/asr-backend/service/predictions"
	"github.com/asr-backend/asr-backend/service/problems"
	"github.com/asr-backend/asr-backend/service/projects"
	"github.com/asr-backend/asr-backend/service/queue"
	"github.com/asr-backend/asr-backend/service/reconcile"
	"github.com/asr-backend/asr-backend/service/recordings"
	"github.com/asr-backend/asr-backend/service/selection"
	"github.com/asr-backend/asr-backend/service/training"
)

// New makes a service. It opens nothing yet but the folder for recordings.
func New(o Options) (*Service, error) {
	if err := o.validate(); err != nil {
		return nil, err
	}
	s := &Service{options: o, log: o.Logger, started: time.Now(), problems: problems.NewLog(), shutdown: shutdown{log: o.Logger}, broken: make(chan error, 1)}
	s.working, s.stopWorking = context.WithCancelCause(context.Background())
	s.storing, s.stopStoring = context.WithCancel(context.Background())
	s.metrics = newMetrics(o.Registry)
	if err := s.assemble(); err != nil {
		return nil, fmt.Errorf("service: %w", errors.Join(err, s.Stop(context.Background())))
	}
	return s, nil
}

// assemble makes what the service is made of, each part of those before it.
func (s *Service) assemble() (err error) {
	o := &s.options
	recognizer := o.Recognizer
	recognizer.Background = true // requests must be answered while every core transcribes
	digests, learnt := "", ""
	if o.Jobs.Dir != "" {
		digests, learnt = filepath.Join(o.Jobs.Dir, "model-digests.json"), filepath.Join(o.Jobs.Dir, "learnt.json")
	}
	if s.models, err = modelpool.New(modelpool.Options{Open: o.OpenModel, Canonical: o.CanonicalModel, Variant: o.Variant, Library: o.Library, Recognizer: recognizer,
		MaxModels: o.MaxModels, DigestFile: digests, Loaded: s.loaded, Broken: s.breaks, Logger: s.log, Registry: o.Registry}); err != nil {
		return err
	}
	s.shutdown.add("models", func(context.Context) error { return s.models.Close() })

	o.Jobs.Tireless = []string{events.Kind, events.AnnotationKind}
	o.Jobs.GivenUp = func(job jobs.Job) {
		s.metrics.givenUp.WithLabelValues(job.Kind).Inc()
		s.log.Error("job given up", about(job, "error", job.Reason, "hint", job.Hint)...)
	}
	s.queue = queue.New(o.Jobs)
	s.shutdown.add("job queue", func(context.Context) error { return s.queue.Close() })
	s.shutdown.add("crash counts", s.stopOrderly)
	o.Registry.MustRegister(&queueCollector{s.queue, s.Ready})
	if s.projects, err = projects.New(projects.Options{Queue: s.queue, Models: s.models, Defaults: o.Defaults, FFmpeg: o.FFmpeg, Canonical: o.CanonicalModel, LearntFile: learnt, Logger: s.log}); err != nil {
		return err
	}

	s.connect()
	if s.client != nil {
		o.Media.Server = s.client
	}
	s.knowledge = knowledge.New(s.queue)
	places, most := o.places()
	if s.recordings, err = recordings.New(recordings.Options{Queue: s.queue, Projects: s.projects, Models: s.models, Knowledge: s.knowledge, Media: o.Media, Client: s.client,
		Places: places, MostPlaces: most, Parts: partials.New(s.queue, s.projects, s.client, s.log), FFmpeg: o.FFmpeg,
		NoKeptRows: o.Jobs.KeptWindowBytes < 0, Logger: s.log, Registry: o.Registry}); err != nil {
		return err
	}
	s.shutdown.add("downloads", func(context.Context) error { s.recordings.Close(); return nil })

	s.due = projects.NewDue()
	if s.predictions, err = predictions.New(predictions.Options{Queue: s.queue, Projects: s.projects, Recordings: s.recordings, Problems: s.problems, Due: s.due,
		Client: s.client, NoClient: s.noClient, Selector: selection.New(s.projects, s.client, s.log), Wait: o.PredictWait, Logger: s.log, Registry: o.Registry}); err != nil {
		return err
	}
	s.shutdown.add("requests", func(context.Context) error { return s.predictions.Close(s.storing) })
	if s.corrections, err = corrections.New(corrections.Options{Queue: s.queue, Projects: s.projects, Recordings: s.recordings, Client: s.client, Logger: s.log}); err != nil {
		return err
	}
	if s.learning, err = learning.New(learning.Options{Queue: s.queue, Projects: s.projects, Models: s.models, Knowledge: s.knowledge, Recordings: s.recordings,
		Corrections: s.corrections, Due: s.due, Folder: o.TextsDir, After: o.LearnAfter, Quiet: o.LearnQuiet, Logger: s.log, Registry: o.Registry}); err != nil {
		return err
	}
	if s.training, err = training.New(training.Options{Queue: s.queue, Projects: s.projects, Models: s.models, Knowledge: s.knowledge, Recordings: s.recordings,
		Learning: s.learning, Due: s.due, Client: s.client, Settings: o.Training, FFmpeg: o.FFmpeg, Secrets: o.secrets(), Logger: s.log}); err != nil {
		return err
	}
	if s.events, err = events.New(events.Options{Queue: s.queue, Projects: s.projects, Predictions: s.predictions, Corrections: s.corrections, Learning: s.learning, Training: s.training,
		Due: s.due, Problems: s.problems, Client: s.client, Logger: s.log, Registry: o.Registry}); err != nil {
		return err
	}
	if s.client != nil {
		s.reconciler, err = reconcile.New(reconcile.Options{Queue: s.queue, Projects: s.projects, Predictions: s.predictions, Problems: s.problems, Due: s.due, Client: s.client, Forgotten: s.training.Forget, Logger: s.log})
		if err != nil {
			return err
		}
	}
	if s.outage, err = outage.New(outage.Options{Queue: s.queue, Peek: s.recordings.Peek, Due: s.due, Client: s.client, Logger: s.log}); err != nil {
		return err
	}
	looks := overview.Options{Recordings: s.recordings, Problems: s.problems, ErrorRates: s.corrections.TaskRates}
	if s.client == nil {
		looks.Asked = s.predictions
	}
	s.overview, s.studio = overview.New(looks), studioForBrowsers(o)
	if s.control, err = control.New(control.Options{Queue: s.queue, Projects: s.projects, Recordings: s.recordings, Predictions: s.predictions, Overview: s.overview, Client: s.client, Logger: s.log}); err != nil {
		return err
	}
	s.shutdown.add("workers", func(context.Context) error { s.running.Wait(); return nil })

	if s.server, err = server.New(server.Options{
		Model: &model{projects: s.projects, predictions: s.predictions, regions: &interactive.Regions{Projects: s.projects, Recordings: s.recordings, Problems: s.problems, Logger: s.log}, problems: s.problems, due: s.due}, Store: s.projects, Events: s.events, Logger: s.log,
		User: o.User, Password: o.Password, WebhookSecret: o.WebhookSecret, Open: o.Open, BodyLimit: o.BodyLimit,
		Ready: s.Ready, Private: s.shown(), Actions: s.actions(), Metrics: s.metrics.handler(), Status: http.HandlerFunc(s.serveStatus), Observe: s.metrics.served,
	}); err != nil {
		return err
	}
	s.shutdown.add("server", s.server.Shutdown)
	return nil
}

// secrets are what no command may see, and no log show.
func (o *Options) secrets() []labelstudio.Secret {
	out := []labelstudio.Secret{o.LabelStudio.Token, o.Password, o.WebhookSecret}
	for server := range strings.SplitSeq(o.Jobs.URL, ",") {
		if u, err := url.Parse(server); err == nil && u.User != nil {
			password, ok := u.User.Password()
			if !ok {
				password = u.User.Username() // a token
			}
			out = append(out, labelstudio.NewSecret(password))
		}
	}
	return out
}

// shown are the routes that show what belongs to people.
func (s *Service) shown() map[string]http.Handler {
	out := map[string]http.Handler{"/corrections": s.corrections, control.Route: s.control}
	maps.Copy(out, s.training.Shown())
	return out
}

// actions are the routes that change something.
func (s *Service) actions() map[string]http.Handler {
	out := s.control.Actions()
	maps.Copy(out, s.learning.Actions())
	maps.Copy(out, s.training.Actions())
	return out
}

// places is how many recordings are transcribed at once: to begin with, and at most once it is
// known what computes.
func (o *Options) places() (places, most int) {
	if o.Recordings > 0 {
		return o.Recordings, o.Recordings
	}
	return DefaultRecordings, max(DefaultRecordings, 2*cmp.Or(o.Recognizer.Threads, runtime.GOMAXPROCS(0)))
}

// placesOn is how many are on a device.
func (o *Options) placesOn(d asr.Device) int {
	places, most := o.places()
	return max(places, min(d.Recordings(), most))
}

// loaded is called when a model was loaded.
func (s *Service) loaded(d asr.Device) { s.recordings.Resize(s.options.placesOn(d)) }

// breaks ends the service. A second reason is dropped.
func (s *Service) breaks(err error) {
	select {
	case s.broken <- err:
	default:
	}
}

// connect makes the client of Label Studio's API, if there is an address and a token.
func (s *Service) connect() {
	switch o := s.options.LabelStudio; {
	case o.URL == "" && o.Token.IsZero():
		s.noClient = errors.New("neither LABEL_STUDIO_URL nor LABEL_STUDIO_API_KEY is set: uploaded files cannot be fetched and finished work cannot be stored; only open addresses are served, in answer to requests")
	case o.URL == "":
		s.noClient = errors.New("LABEL_STUDIO_API_KEY is set but LABEL_STUDIO_URL is not; set it to the address at which this program reaches Label Studio")
	case o.Token.IsZero():
		s.noClient = errors.New("LABEL_STUDIO_URL is set but LABEL_STUDIO_API_KEY is not; create a token in Label Studio under Account & Settings and set it")
	default:
		s.client, s.noClient = api.New(o)
	}
	if s.noClient != nil {
		s.log.Warn("Label Studio's API is not used", "reason", s.noClient)
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
		if err := s.server.Serve(ln); err != nil {
			s.log.Error("serving ended", "error", err)
			s.breaks(err)
		}
	})
	s.startWork()
	return nil
}

// startWork starts everything that no request is needed for.
func (s *Service) startWork() {
	s.running.Go(func() { s.queue.Run(s.working) })
	s.running.Go(func() { s.projects.Run(s.working) })
	s.running.Go(func() { s.outage.Run(s.working) })
	s.running.Go(func() { s.revive(s.working) })
	s.running.Go(func() { s.learning.Run(s.working) })
	if s.reconciler != nil {
		s.running.Go(func() { s.reconciler.Run(s.working) })
	}
	s.running.Go(func() { s.models.Keep(s.working, s.options.Defaults.ModelKey()) })
	for _, c := range s.crews() {
		for range c.count {
			s.running.Go(func() { s.work(c) })
		}
	}
}

// Wait returns nil when ctx ends, or an error once requests are no longer served or the GPU has
// failed for good. The process should end then, so that its supervisor notices and starts it again.
func (s *Service) Wait(ctx context.Context) error {
	select {
	case <-ctx.Done():
		return nil
	case err := <-s.broken:
		return err
	}
}

// Addr is where the service listens.
func (s *Service) Addr() net.Addr { return s.listener.Addr() }

// Stop ends the service, in this order: workers take no more jobs; the server answers what
// it has; workers give their jobs back; downloads; the queue; models. ctx bounds the wait for
// requests.
func (s *Service) Stop(ctx context.Context) error {
	s.stopWorking(errStopping)
	grace := time.AfterFunc(stopGrace, s.stopStoring)
	defer grace.Stop()
	defer s.stopStoring()
	return s.shutdown.run(ctx)
}

// stopGrace is how long a job whose work is done may take to reach the store once the
// service stops: a disk may be full, and docker kills after ten seconds.
const stopGrace = 5 * time.Second
