package service

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"path/filepath"
	"slices"
	"sync"
	"time"

	"asr-backend/asr"
	"asr-backend/asr/ort"
	"asr-backend/internal/atomicfile"
)

// engines loads models when they are first wanted and keeps the ones used last. The
// library is opened with the first model, and both are tried again after a failure, since
// what is missing may be installed meanwhile.
type engines struct {
	ctx     context.Context
	library string
	variant string
	options asr.Options
	limit   int
	open    func(name, variant string) (*asr.Bundle, error)
	digests string // file of known digests, or empty
	log     *slog.Logger

	mu      sync.Mutex // guards the fields below
	runtime *ort.Runtime
	models  map[string]*engine
}

// engine is one model: not loaded, being loaded, loaded, or failed.
type engine struct {
	name string

	loading sync.Mutex // held while the model is loaded

	naming   sync.Mutex // guards identity, and is held while a large file is read for it
	identity *asr.Identity

	mu         sync.Mutex // guards the fields below, never for long
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
	e := &engines{ctx: ctx, library: library, variant: variant, options: o, limit: limit, open: open, log: log, models: map[string]*engine{}}
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
// model for its digest takes seconds the first time.
func (e *engines) identity(name string) (asr.Identity, error) {
	m := e.model(name)
	m.naming.Lock()
	defer m.naming.Unlock()
	if m.identity != nil {
		return *m.identity, nil
	}
	bundle, err := e.open(name, e.variant)
	if err != nil {
		return asr.Identity{}, err
	}
	digest, err := e.digest(bundle)
	if err != nil {
		return asr.Identity{}, err
	}
	id := e.options.Identity(bundle, digest)
	m.identity = &id
	return id, nil
}

// digest returns a bundle's digest, remembered by the path, size and time of its graph.
func (e *engines) digest(b *asr.Bundle) (string, error) {
	key := ""
	if b.Dir != "" {
		path := filepath.Join(b.Dir, b.Graph)
		if info, err := os.Stat(path); err == nil {
			key = fmt.Sprintf("%s %d %d", path, info.Size(), info.ModTime().UnixNano())
		}
	}
	known := map[string]string{}
	if raw, err := os.ReadFile(e.digests); err == nil && key != "" {
		if json.Unmarshal(raw, &known) == nil && known[key] != "" {
			return known[key], nil
		}
	}
	digest, err := b.Digest()
	if err != nil || key == "" || e.digests == "" {
		return digest, err
	}
	known[key] = digest
	if err := writeJSON(e.digests, known); err != nil {
		e.log.Warn("a model's digest was not remembered", "error", err) // it is computed again
	}
	return digest, nil
}

func writeJSON(path string, v any) error {
	if err := os.MkdirAll(filepath.Dir(path), 0o700); err != nil {
		return err
	}
	f, err := atomicfile.Create(path)
	if err != nil {
		return err
	}
	if err := json.NewEncoder(f).Encode(v); err != nil {
		return errors.Join(err, f.Close())
	}
	return f.Commit()
}

// use returns a model's recognizer, loading it if need be, and a function that gives it
// back. The recognizer is not closed while it is used.
func (e *engines) use(name string) (*asr.Recognizer, func(), error) {
	m := e.model(name)
	m.loading.Lock()
	defer m.loading.Unlock()
	m.mu.Lock()
	loaded, failed, tried := m.recognizer, m.err, m.tried
	if loaded != nil {
		m.users++
	}
	m.mu.Unlock()
	switch {
	case loaded != nil:
		return loaded, func() { m.release() }, nil
	case failed != nil && time.Since(tried) < again:
		return nil, nil, failed
	}
	e.makeRoom(name)
	recognizer, err := e.loadNow(name)
	m.mu.Lock()
	defer m.mu.Unlock()
	m.recognizer, m.err, m.tried = recognizer, err, time.Now()
	if err != nil {
		e.log.Error("model not loaded", "model", name, "error", err)
		return nil, nil, err
	}
	m.users++
	return recognizer, func() { m.release() }, nil
}

func (m *engine) release() {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.users--
	m.used = time.Now()
}

// load reads a model's identity and loads it for later, and reports on it.
func (e *engines) load(name string) {
	start := time.Now()
	if _, err := e.identity(name); err != nil {
		e.log.Error("model not found", "model", name, "error", err)
	}
	r, release, err := e.use(name)
	if err != nil {
		return // reported, and seen in ready
	}
	defer release()
	d := r.Device()
	e.log.Info("model loaded", "model", r.Bundle().Card.Name, "provider", string(d.Provider), "threads", d.Threads, "batch", d.Batch,
		"reason", d.Reason, "gpu_difference", d.Difference, "took_s", time.Since(start).Seconds())
}

func (e *engines) loadNow(name string) (*asr.Recognizer, error) {
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
func (e *engines) makeRoom(but string) {
	e.mu.Lock()
	defer e.mu.Unlock()
	type candidate struct {
		m    *engine
		used time.Time
	}
	var idle []candidate
	loaded := 0
	for name, m := range e.models {
		m.mu.Lock()
		if m.recognizer != nil {
			loaded++
			if m.users == 0 && name != but {
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
