package modelpool

import (
	"context"
	"fmt"
	"time"

	"github.com/asr-backend/asr-backend/asr"
)

// Use returns a model's recognizer and a function that gives it back, loading the model if
// need be; ctx bounds the wait. The recognizer stays open until it is given back.
func (p *Pool) Use(ctx context.Context, key Key) (*asr.Recognizer, func(), error) {
	m := p.model(key)
	for waited := false; ; waited = true {
		m.mu.Lock()
		switch {
		case m.recognizer != nil:
			m.users++
			r := m.recognizer
			m.mu.Unlock()
			return r, m.release, nil
		case m.loading == nil && m.err != nil && (waited || time.Since(m.tried) < retryAfter):
			defer m.mu.Unlock()
			return nil, nil, m.err
		case m.loading == nil:
			m.loading = make(chan struct{})
			p.loading.Go(func() { p.load(m) })
		}
		loaded := m.loading
		m.mu.Unlock()
		select {
		case <-loaded:
		case <-ctx.Done():
			return nil, nil, fmt.Errorf("%w: %w", ErrLoading, context.Cause(ctx))
		}
	}
}

func (m *model) release() {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.users--
	m.used = time.Now()
}

// Keep loads a model; one that cannot be loaded is tried again until it can, or ctx ends.
// Call it once.
func (p *Pool) Keep(ctx context.Context, key Key) {
	for first := true; ctx.Err() == nil; first = false {
		// First of all what /setup asks for. If that cannot be found out, neither can the
		// model be loaded, which says why.
		_, _ = p.Identity(ctx, key)
		_, release, err := p.Use(ctx, key)
		if first {
			close(p.attempted)
		}
		if err == nil {
			release()
			return
		}
		select {
		case <-ctx.Done():
		case <-time.After(retryAfter):
		}
	}
}

// Attempted is closed once Keep has loaded its model, or has failed to for the first time.
func (p *Pool) Attempted() <-chan struct{} { return p.attempted }
