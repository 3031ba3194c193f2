package service

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"path/filepath"
	"slices"
	"sync"
	"time"

	"asr-backend/asr"
	"asr-backend/asr/ort"
)

// engines loads models when they are first wanted and keeps the ones used last. The
// library is opened with the first model, and both are tried again after a failure, since
// what is missing may be installed meanwhile.
//
// Reading a large model takes seconds, and whoever asks has less time than that: the work
// is done in the background, once for all who ask, and they wait for it as long as they can.
type engines struct {
	ctx     context.Context
	library string
	variant string
	options asr.Options
	limit   int
	open    func(name, variant string) (*asr.Bundle, error)
	digests string // file of known digests, or empty
	log     *slog.Logger

	attempted chan struct{} // closed once the kept model was loaded or could not be

	running sync.WaitGroup // what reads models

	mu      sync.Mutex // guards the fields below
	runtime *ort.Runtime
	models  map[string]*engine
}

// engine is one model: not loaded, being loaded, loaded, or failed.
type engine struct {
	name string

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

// again is how long a failure to load stands before it is tried once more.
const again = 15 * time.Second

var errLoading = errors.New("the model is being loaded")

func newEngines(ctx context.Context, library, variant string, o asr.Options, limit int, open func(name, variant string) (*asr.Bundle, error), dir string, log *slog.Logger) *engines {
	e := &engines{ctx: ctx, library: library, variant: variant, options: o, limit: limit, open: open, log: log,
		attempted: make(chan struct{}), models: map[string]*engine{}}
	if dir != "" {
		e.digests = filepath.Join(dir, "model-digests.json")
	}
	return e
}

func (e *engines) model(name string) *engine {
	e.mu.Lock()
	defer e.mu.Unlock()
	m := e.models[name]
	if m == nil {
		m = &engine{name: name}
		e.models[name] = m
	}
	return m
}

// identity returns what a model's answers depend on, without loading it. Reading a large
// model for its digest takes seconds the first time; ctx bounds the wait for it.
func (e *engines) identity(ctx context.Context, name string) (asr.Identity, error) {
	m := e.model(name)
	m.mu.Lock()
	if m.identity != nil {
		defer m.mu.Unlock()
		return *m.identity, nil
	}
	if m.naming == nil {
		m.naming = make(chan struct{})
		e.running.Go(func() { e.name(m) })
	}
	named := m.naming
	m.mu.Unlock()
	select {
	case <-named:
	case <-ctx.Done():
		return asr.Identity{}, fmt.Errorf("model %s is being read for the first time: %w", name, context.Cause(ctx))
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.identity == nil {
		return asr.Identity{}, m.nameErr
	}
	return *m.identity, nil
}

// name finds out a model's identity.
func (e *engines) name(m *engine) {
	bundle, err := e.open(m.name, e.variant)
	var digest string
	if err == nil {
		digest, err = e.digest(bundle)
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.nameErr = err; err == nil && m.identity == nil {
		id := e.options.Identity(bundle, digest)
		m.identity = &id
	}
	close(m.naming)
	m.naming = nil
}

// use returns a model's recognizer and a function that gives it back, loading it if need
// be; ctx bounds the wait. The recognizer is not closed while it is used.
func (e *engines) use(ctx context.Context, name string) (*asr.Recognizer, func(), error) {
	m := e.model(name)
	for waited := false; ; waited = true {
		m.mu.Lock()
		switch {
		case m.recognizer != nil:
			m.users++
			r := m.recognizer
			m.mu.Unlock()
			return r, m.release, nil
		case m.loading == nil && m.err != nil && (waited || time.Since(m.tried) < again):
			defer m.mu.Unlock()
			return nil, nil, m.err
		case m.loading == nil:
			m.loading = make(chan struct{})
			e.running.Go(func() { e.load(m) })
		}
		loaded := m.loading
		m.mu.Unlock()
		select {
		case <-loaded:
		case <-ctx.Done():
			return nil, nil, fmt.Errorf("%w: %w", errLoading, context.Cause(ctx))
		}
	}
}

func (m *engine) release() {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.users--
	m.used = time.Now()
}

// keep loads a model; one that cannot be loaded is tried again until it can, or ctx ends.
// It is called once.
func (e *engines) keep(ctx context.Context, name string) {
	for first := true; ctx.Err() == nil; first = false {
		// First of all what /setup wants to know. If it cannot be known, neither can the
		// model be loaded, which says why.
		_, _ = e.identity(ctx, name)
		_, release, err := e.use(ctx, name)
		if first {
			close(e.attempted)
		}
		if err == nil {
			release()
			return
		}
		pause(ctx, again)
	}
}

// load loads a model, in the background.
func (e *engines) load(m *engine) {
	start := time.Now()
	e.makeRoom(m)
	r, err := e.recognizer(m.name)
	m.mu.Lock()
	defer m.mu.Unlock()
	known := m.err
	m.recognizer, m.err, m.tried = r, err, time.Now()
	close(m.loading)
	m.loading = nil
	if err != nil {
		if e.ctx.Err() == nil && (known == nil || known.Error() != err.Error()) { // said once
			e.log.Error("model not loaded", "model", m.name, "error", err, "hint", hintOf(err))
		}
		return
	}
	// The files may have changed since they were read for the digest.
	if id := r.Identity(); m.identity == nil || *m.identity != id {
		m.identity = &id
	}
	d := r.Device()
	log := e.log.With("model", r.Bundle().Card.Name, "provider", string(d.Provider), "threads", d.Threads, "batch", d.Batch)
	if d.Reason != "" {
		log = log.With("reason", d.Reason)
	}
	if d.Provider == ort.CUDA {
		log = log.With("gpu_difference", d.Difference)
	}
	log.Info("model loaded", "took_s", time.Since(start).Seconds())
}

func (e *engines) recognizer(name string) (*asr.Recognizer, error) {
	bundle, err := e.open(name, e.variant)
	if err != nil {
		return nil, err
	}
	e.mu.Lock()
	if e.runtime == nil {
		e.runtime, err = ort.Open(e.library)
	}
	runtime := e.runtime
	e.mu.Unlock()
	if err != nil {
		return nil, err
	}
	return asr.New(e.ctx, runtime, bundle, e.options)
}

// makeRoom closes the models used longest ago until there is room for one more. A model
// in use stays, also beyond the limit.
func (e *engines) makeRoom(but *engine) {
	e.mu.Lock()
	defer e.mu.Unlock()
	type candidate struct {
		m    *engine
		used time.Time
	}
	var idle []candidate
	loaded := 0
	for _, m := range e.models {
		m.mu.Lock()
		if m.recognizer != nil {
			loaded++
			if m.users == 0 && m != but {
				idle = append(idle, candidate{m, m.used})
			}
		}
		m.mu.Unlock()
	}
	slices.SortFunc(idle, func(a, b candidate) int { return a.used.Compare(b.used) })
	for _, c := range idle {
		if loaded < e.limit {
			return
		}
		if c.m.unload(e.log) {
			loaded--
		}
	}
}

// unload closes an idle model and reports whether it did.
func (m *engine) unload(log *slog.Logger) bool {
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.users > 0 || m.recognizer == nil {
		return false
	}
	if err := m.recognizer.Close(); err != nil {
		log.Error("model not closed cleanly", "model", m.name, "error", err)
	}
	m.recognizer = nil
	return true
}

// ready returns nil if a model is loaded, else why not.
func (e *engines) ready(name string) error {
	m := e.model(name)
	m.mu.Lock()
	defer m.mu.Unlock()
	switch {
	case m.recognizer != nil:
		return nil
	case m.err != nil:
		return m.err
	}
	return errLoading
}

// device says what computes a model, if it is loaded.
func (e *engines) device(name string) (asr.Device, bool) {
	m := e.model(name)
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.recognizer == nil {
		return asr.Device{}, false
	}
	return m.recognizer.Device(), true
}

// close frees all models and the library. Nobody may use one any more.
func (e *engines) close() error {
	e.running.Wait()
	e.mu.Lock()
	defer e.mu.Unlock()
	var errs []error
	for _, m := range e.models {
		if m.recognizer != nil {
			errs = append(errs, m.recognizer.Close())
		}
	}
	if e.runtime != nil {
		errs = append(errs, e.runtime.Close())
	}
	return errors.Join(errs...)
}
