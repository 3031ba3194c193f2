package modelpool

import (
	"errors"
	"log/slog"
	"slices"
	"time"

	"github.com/asr-backend/asr-backend/asr"
	"github.com/asr-backend/asr-backend/asr/ort"
	"github.com/asr-backend/asr-backend/internal/hint"
)

// load loads a model, in the background.
func (p *Pool) load(m *model) {
	start := time.Now()
	p.makeRoom(m)
	r, err := p.open(m.key)
	if err == nil && p.options.Loaded != nil {
		p.options.Loaded(r.Device())
	}
	if gpu, ok := errors.AsType[*ort.CUDAError](err); ok && gpu.Lasting {
		p.observe(asr.Run{Provider: ort.CUDA, Err: err})
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	before := m.err
	m.recognizer, m.err, m.tried = r, err, time.Now()
	close(m.loading)
	m.loading = nil
	if err != nil {
		if p.ctx.Err() == nil && (before == nil || before.Error() != err.Error()) {
			p.log.Error("model not loaded", "model", m.key, "error", err, "hint", hint.Of(err))
		}
		return
	}
	// The files may have changed since they were read for the digest.
	if id := r.Identity(); m.identity == nil || *m.identity != id {
		m.identity = &id
	}
	d := r.Device()
	log := p.log.With("model", r.Bundle().Card.Name, "provider", string(d.Provider), "threads", d.Threads, "batch", d.Batch)
	if d.AsExported != "" {
		log = log.With("graph_as_exported", d.AsExported)
	}
	if d.Provider == ort.CUDA {
		if d.AsExported == "" && d.Masked != "" {
			log = log.With("masks_kept", d.Masked)
		}
		log = log.With("precision", string(d.Precision), "gpu", d.GPU.String(), "gpu_difference", d.Difference, "gpu_speed", d.Speed)
	}
	level := slog.LevelInfo
	if d.Reason != "" {
		log = log.With("reason", d.Reason)
		if ort.GPUHere() {
			level = slog.LevelWarn
		}
	}
	log.Log(p.ctx, level, "model loaded", "took_s", time.Since(start).Seconds())
}

func (p *Pool) open(key Key) (*asr.Recognizer, error) {
	bundle, o, err := p.bundle(key)
	if err != nil {
		return nil, err
	}
	p.mu.Lock()
	if p.runtime == nil {
		p.runtime, err = ort.Open(p.options.Library)
	}
	runtime := p.runtime
	p.mu.Unlock()
	if err != nil {
		return nil, err
	}
	return asr.New(p.ctx, runtime, bundle, o)
}

// makeRoom closes the models used longest ago until there is room for one more. A model
// in use stays, also beyond the limit.
func (p *Pool) makeRoom(but *model) {
	p.mu.Lock()
	defer p.mu.Unlock()
	type candidate struct {
		m    *model
		used time.Time
	}
	var idle []candidate
	loaded := 0
	for _, m := range p.models {
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
		if loaded < p.options.MaxModels {
			return
		}
		if c.m.unload(p.log) {
			loaded--
		}
	}
}

// unload closes an idle model and reports whether it did.
func (m *model) unload(log *slog.Logger) bool {
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.users > 0 || m.recognizer == nil {
		return false
	}
	if err := m.recognizer.Close(); err != nil {
		log.Error("model not closed cleanly", "model", m.key, "error", err)
	}
	m.recognizer = nil
	return true
}
