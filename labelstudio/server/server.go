// Package server puts a Model on the network as a machine learning backend of Label
// Studio.
//
// # Routes
//
//	GET  / and /health    alive: answers from memory, also while a model loads
//	POST /setup           a project's version; errors reach the user as the reason phrase
//	POST /predict         suggestions by position; an object for an interactive request
//	POST /webhook         answered at once, worked on later, in order
//	GET  /versions        the versions that this process has returned
//	GET  /ready           503 until the model can work
//	GET  /metrics /status whatever the caller injects, and Options.Private beside them
//	POST                  Options.Actions
//	GET  /openapi.yaml    the description of all this, embedded
//
// Older servers and SDKs know more routes (/train, /is_training, /job_status, /delete,
// /duplicate_model, /validate); those get harmless JSON. Trailing slashes are tolerated
// and nothing is ever redirected, because Label Studio's client turns a redirected POST
// into a GET.
//
// # What the protocol asks for, and where it is kept
//
//   - A prediction leaves with the version that Setup returns, or without; one with another
//     version would be asked for again for ever, so it is held back and logged.
//   - Every result is validated against the project's configuration before it leaves. One
//     bad prediction costs its own task an answer, never its neighbours.
//   - A task without a prediction gets an empty list, never null.
//   - The server cannot see a client leave, so a model's context ends by time or at
//     shutdown only.
//
// # Strangers
//
// Label Studio sends webhooks without credentials, so POST /webhook is open to everyone, unless
// Options.WebhookSecret is set. An open route is bounded in every way: bodies without
// credentials have at most OpenBodyLimit, large ones are read two at a time and as a stream, and
// Options.Events gets the ids of an event only. The number of connections stays below the limit
// of descriptors, and running out of them for a moment does not end the server.
//
// # Errors
//
// An error is JSON {"status", "detail", "request_id"} and its detail is the HTTP reason
// phrase too: that phrase is all that a user sees of a failing /setup. There are no
// tracebacks in replies; a panic is logged with its stack and answered with 500.
package server

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/asr-backend/asr-backend/internal/must"
	"github.com/asr-backend/asr-backend/labelstudio"

	"github.com/gofiber/fiber/v2"
)

// Defaults of Options.
const (
	// DefaultBodyLimit is Label Studio's own limit for uploads: predictions of long
	// recordings ride along in every request.
	DefaultBodyLimit = 250 << 20
	// DefaultPredictTimeout is under the 90 s after which the reverse proxy in Label
	// Studio's image gives up on the user's request.
	DefaultPredictTimeout = 85 * time.Second
	// DefaultSetupTimeout is under the 3 s that Label Studio waits.
	DefaultSetupTimeout = 2500 * time.Millisecond
	// DefaultEvents and DefaultEventBytes bound the webhook events that wait.
	DefaultEvents     = 1024
	DefaultEventBytes = 256 << 20
)

// Options are what a Server is made of. Only Model is required.
type Options struct {
	Model  labelstudio.Model
	Store  labelstudio.Store // nil: in memory
	Logger *slog.Logger      // nil: no log
	Name   string            // the model_class in /health; empty: "asr-backend"

	// User and Password ask for HTTP Basic authentication on every route but those in
	// Open. Label Studio sends webhooks without, so "/webhook" belongs there unless the
	// credentials stand in the backend's URL. Anybody may post events to it then.
	User     string
	Password labelstudio.Secret
	Open     []string

	// WebhookSecret is asked of POST /webhook, in the header X-Webhook-Secret or as the path
	// /s/<secret>/webhook; empty: of nobody. All other routes work with and without that
	// prefix. It has 16 or more letters, digits, "-" and "_".
	WebhookSecret labelstudio.Secret

	BodyLimit      int           // in bytes; 0: DefaultBodyLimit
	PredictTimeout time.Duration // 0: DefaultPredictTimeout
	SetupTimeout   time.Duration // 0: DefaultSetupTimeout

	// Events takes notices of webhook events in place of the server's own queue, which hands
	// whole events to Model.Fit. Anybody may post an event to an open route, so a notice
	// holds nothing that has to be believed.
	Events EventQueue

	// Ready says why the model cannot work yet; nil: it always can. It must not block.
	Ready func() error
	// Metrics and Status serve these routes; nil: a small JSON object.
	Metrics, Status http.Handler
	// Private are further routes for GET, by path. They show what belongs to people, so they
	// are refused while there are no User and Password.
	Private map[string]http.Handler
	// Actions are private routes for POST, by path, with bodies of at most ActionBodyLimit bytes.
	// A request from a page of another site is refused, since a browser adds the credentials to it.
	Actions map[string]http.Handler
	// Observe is called with every answer, with route "unknown" for unknown ones; nil: nobody.
	Observe func(route string, status int, took time.Duration)
}

// EventQueue takes notices of webhook events for later. Label Studio waits one second for
// the answer, inside an annotator's request, and never sends an event again.
type EventQueue interface {
	// Put keeps a notice. It returns quickly.
	Put(ctx context.Context, n labelstudio.Notice) error
	// Missed is called when an event could not be read, so that nobody knows what it was.
	Missed()
}

// Server is an HTTP server in front of a Model.
type Server struct {
	options     Options
	app         *fiber.App
	log         *slog.Logger
	credentials []digest // of user and password, in each encoding
	secret      digest   // of webhooks
	health      []byte

	// requests ends when Shutdown begins, so that models waiting in Predict answer.
	requests       context.Context
	cancelRequests context.CancelFunc
	events         *queue // nil if the caller has its own

	large chan struct{} // a place for each large body that is read
	tidy  *time.Timer   // returns memory

	mu       sync.Mutex // guards versions
	versions []string
}

// New returns a backend that is ready to Serve.
func New(o Options) (*Server, error) {
	if err := o.complete(); err != nil {
		return nil, fmt.Errorf("backend options: %w", err)
	}
	b := &Server{options: o, log: o.Logger, versions: []string{}, large: make(chan struct{}, largeBodies)}
	b.tidy = time.AfterFunc(giveBackAfter, returnMemory)
	b.credentials = credentialsOf(o.User, o.Password.Reveal())
	b.secret = digestOf(o.WebhookSecret.Reveal())
	b.health = must.JSON(map[string]string{"status": "UP", "model_class": o.Name})
	b.requests, b.cancelRequests = context.WithCancel(context.Background())
	if o.Events == nil {
		b.events = newQueue(o.Model, o.Logger)
	}
	b.app = fiber.New(fiber.Config{
		AppName:               o.Name,
		DisableStartupMessage: true,
		// Bodies are streamed and limited in body.go.
		StreamRequestBody:            true,
		DisablePreParseMultipartForm: true,
		Concurrency:                  connections(),
		ReadTimeout:                  5 * time.Minute, // of one whole request; a large one on a slow link
		WriteTimeout:                 5 * time.Minute,
		IdleTimeout:                  time.Minute,
		ErrorHandler:                 b.fail,
	})
	b.routes()
	return b, nil
}

func (o *Options) complete() error {
	if o.Model == nil {
		return errors.New("no model")
	}
	if (o.User == "") != o.Password.IsZero() {
		return errors.New("authentication needs both a user and a password")
	}
	if err := checkSecret(o.WebhookSecret); err != nil {
		return err
	}
	if o.BodyLimit < 0 || o.PredictTimeout < 0 || o.SetupTimeout < 0 {
		return errors.New("a limit is negative")
	}
	for _, route := range o.Open {
		if !slices.Contains(openable, route) {
			return fmt.Errorf("%q cannot be open: only %q can", route, openable)
		}
	}
	for _, routes := range []map[string]http.Handler{o.Private, o.Actions} {
		for path := range routes {
			if !strings.HasPrefix(path, "/") || slices.Contains(known, path) {
				return fmt.Errorf("%q cannot be a private route", path)
			}
		}
	}
	if o.Store == nil {
		o.Store = labelstudio.NewMemory()
	}
	if o.Logger == nil {
		o.Logger = slog.New(slog.DiscardHandler)
	}
	if o.Name == "" {
		o.Name = "asr-backend"
	}
	or(&o.BodyLimit, DefaultBodyLimit)
	or(&o.PredictTimeout, DefaultPredictTimeout)
	or(&o.SetupTimeout, DefaultSetupTimeout)
	if o.Ready == nil {
		o.Ready = func() error { return nil }
	}
	if o.Observe == nil {
		o.Observe = func(string, int, time.Duration) {}
	}
	return nil
}

// openable are the routes that can do without authentication: they neither reveal what is
// in a project nor make the model work.
var openable = []string{"/webhook", "/health", "/ready", "/metrics", "/openapi.yaml"}

func or[T comparable](v *T, fallback T) {
	var zero T
	if *v == zero {
		*v = fallback
	}
}

// Serve answers requests on ln until Shutdown, and then returns nil. It closes ln.
func (b *Server) Serve(ln net.Listener) error {
	if err := b.app.Listener(newPatientListener(b.requests, ln, b.log)); err != nil {
		return fmt.Errorf("serve on %s: %w", ln.Addr(), err)
	}
	return nil
}

// Shutdown stops accepting, lets models answer what they have, and works off the events
// in the queue, for as long as ctx allows. Nothing of the backend runs afterwards.
func (b *Server) Shutdown(ctx context.Context) error {
	b.cancelRequests()
	b.tidy.Stop()
	err := b.app.ShutdownWithContext(ctx)
	if b.events != nil {
		err = errors.Join(err, b.events.close(ctx))
	}
	if err != nil {
		return fmt.Errorf("shut down the backend: %w", err)
	}
	return nil
}

// Test answers one request without a network.
func (b *Server) Test(r *http.Request) (*http.Response, error) { return b.app.Test(r, -1) }
