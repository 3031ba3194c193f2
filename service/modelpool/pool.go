// Package modelpool loads models when they are first needed and keeps the ones used last.
//
// # Two speeds
//
// A project's version depends on its model, and Label Studio asks for it before anything
// else and waits three seconds. Transcribing needs the model itself, which takes seconds to
// a minute to load. So the pool answers two questions apart:
//
//	Identity   what the answers of a model depend on: name, digest, windows, shift
//	           (reads the files once and remembers their digest; needs no ONNX Runtime)
//	Use        the loaded model, with a function that gives it back
//
// Both are found out in the background, once for all callers, and each caller waits for as
// long as its context lets it.
//
// # Failures
//
// A model may be missing because nobody has pulled it yet, and the ONNX Runtime library
// because nobody has installed it. A failure is therefore kept for some seconds, so that a
// thousand jobs do not each try again, and then the next caller tries again. The same
// failure is logged once.
//
// # A GPU that fails
//
// A recording is not to blame when a GPU fails, so that its job waits. Most errors of a GPU last
// until the process ends. For a minute after a failure the pool is not ready, and after some
// failures in a row, over ten seconds, of runs or of loading, Options.Broken is called: the process
// should end, and be started again.
//
// # Memory
//
// At most Options.MaxModels models are loaded. To load another one the pool closes the idle
// model used longest ago. A model in use is never closed, even beyond the limit: the limit
// is on what is kept, not on what may be needed at once.
package modelpool

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"sync"
	"time"

	"github.com/asr-backend/asr-backend/asr"
	"github.com/asr-backend/asr-backend/asr/ort"
	"github.com/asr-backend/asr-backend/internal/digests"

	"github.com/prometheus/client_golang/prometheus"
)

// DefaultMaxModels is how many models are kept loaded if Options do not say.
const DefaultMaxModels = 2

// Options are what a Pool is made of. Open is required.
type Options struct {
	// Open finds a model by name, in a variant such as "fp16"; an empty variant is the
	// usual one.
	Open    func(name, variant string) (*asr.Bundle, error)
	Variant string
	// Canonical returns the one name of a model that has several, so that it is loaded once; nil: each
	// name is a model.
	Canonical func(name string) string
	// Library is the ONNX Runtime library, see ort.Open. It is opened with the first model.
	Library string
	// Recognizer says how models are run.
	Recognizer asr.Options
	// MaxModels is how many models may be loaded at once; 0 means DefaultMaxModels.
	MaxModels int
	// DigestFile remembers digests of models between restarts; empty remembers none.
	DigestFile string
	// Loaded is called when a model was loaded, and Broken when a GPU is given up; nil: not.
	Loaded func(asr.Device)
	Broken func(error)

	Logger   *slog.Logger          // nil: no log
	Registry prometheus.Registerer // of the pool's metrics; nil: not registered
}

// Key names a model and the decoder that is used of it; see asr.Bundle.WithDecoder.
type Key struct {
	Name    string
	Decoder asr.Decoder
}

// String names the key in messages.
func (k Key) String() string {
	if k.Decoder == asr.Auto {
		return k.Name
	}
	return fmt.Sprintf("%s (%s)", k.Name, k.Decoder)
}

// Pool holds models by key. It is safe for concurrent use.
type Pool struct {
	options Options
	log     *slog.Logger

	ctx       context.Context // ends with Close
	cancel    context.CancelFunc
	loading   sync.WaitGroup // the goroutines that read models
	attempted chan struct{}  // closed once the model that is kept was loaded or failed

	mu      sync.Mutex // guards the fields below
	runtime *ort.Runtime
	models  map[Key]*model

	health health // of the GPU
}

// model is one model: not loaded, being loaded, loaded, or failed.
type model struct {
	key Key

	mu         sync.Mutex    // guards the fields below, never for long
	naming     chan struct{} // while the identity is found out
	identity   *asr.Identity
	nameErr    error
	loading    chan struct{} // while the model is loaded
	recognizer *asr.Recognizer
	err        error
	tried      time.Time
	users      int
	used       time.Time
}

// retryAfter is how long a failure to load stands before it is tried once more.
const retryAfter = 15 * time.Second

// ErrLoading is why a model is not ready that has not failed.
var ErrLoading = errors.New("the model is being loaded")

// New returns a pool. It opens nothing yet. The caller closes it.
func New(o Options) (*Pool, error) {
	if o.Open == nil {
		return nil, errors.New("modelpool: Options.Open is missing")
	}
	if o.Canonical == nil {
		o.Canonical = func(name string) string { return name }
	}
	if o.MaxModels <= 0 {
		o.MaxModels = DefaultMaxModels
	}
	if o.Logger == nil {
		o.Logger = slog.New(slog.DiscardHandler)
	}
	p := &Pool{options: o, log: o.Logger, attempted: make(chan struct{}), models: map[Key]*model{}}
	p.ctx, p.cancel = context.WithCancel(context.Background())
	m := newMetrics(o.Registry)
	observe := o.Recognizer.Observe
	p.options.Recognizer.Digests = &digests.Cache{Path: o.DigestFile, Log: p.log}
	p.options.Recognizer.Observe = func(r asr.Run) {
		m.ran(r)
		p.observe(r)
		if observe != nil {
			observe(r)
		}
	}
	return p, nil
}

// observe notes whether the GPU works.
func (p *Pool) observe(r asr.Run) {
	if err := p.health.ran(r); err != nil && p.options.Broken != nil {
		p.options.Broken(err)
	}
}

func (p *Pool) model(key Key) *model {
	key.Name = p.options.Canonical(key.Name)
	if key.Decoder == "" {
		key.Decoder = asr.Auto
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	m := p.models[key]
	if m == nil {
		m = &model{key: key}
		p.models[key] = m
	}
	return m
}

// bundle opens a model, and returns how it is run.
func (p *Pool) bundle(key Key) (*asr.Bundle, asr.Options, error) {
	o := p.options.Recognizer
	b, err := p.options.Open(key.Name, p.options.Variant)
	if err != nil {
		return nil, o, err
	}
	if b, err = b.WithDecoder(key.Decoder); err != nil {
		return nil, o, err
	}
	var leftOut string
	if o.Decoding, leftOut, err = o.Decoding.For(b); err != nil {
		return nil, o, err
	}
	if leftOut != "" {
		p.log.Warn("no language model", "model", key, "reason", leftOut)
	}
	return b, o, nil
}

// Ready returns nil if a model is loaded and the GPU does not fail, else what is wrong.
func (p *Pool) Ready(key Key) error {
	m := p.model(key)
	m.mu.Lock()
	defer m.mu.Unlock()
	switch {
	case m.recognizer != nil:
		return p.health.failing()
	case m.err != nil:
		return m.err
	}
	return ErrLoading
}

// Device says what computes a model, if it is loaded.
func (p *Pool) Device(key Key) (asr.Device, bool) {
	m := p.model(key)
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.recognizer == nil {
		return asr.Device{}, false
	}
	return m.recognizer.Device(), true
}

// DecodedBy says how a model finds texts with a number of hotwords; empty if it is not loaded.
func (p *Pool) DecodedBy(key Key, hotwords int) string {
	m := p.model(key)
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.recognizer == nil {
		return ""
	}
	return m.recognizer.DecodedBy(hotwords)
}

// Close stops what is being loaded and frees all models and the library. Every recognizer
// must have been given back, and none may be asked for any more.
func (p *Pool) Close() error {
	p.cancel()
	p.loading.Wait()
	p.mu.Lock()
	defer p.mu.Unlock()
	var errs []error
	for _, m := range p.models {
		if m.recognizer != nil {
			errs = append(errs, m.recognizer.Close())
		}
	}
	if p.runtime != nil {
		errs = append(errs, p.runtime.Close())
	}
	return errors.Join(errs...)
}
