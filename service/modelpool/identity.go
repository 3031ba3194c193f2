package modelpool

import (
	"context"
	"fmt"

	"github.com/asr-backend/asr-backend/asr"
)

// Identity returns what a model's answers depend on, without loading it. Reading a large
// model for its digest takes seconds the first time; ctx bounds the wait for it.
func (p *Pool) Identity(ctx context.Context, key Key) (asr.Identity, error) {
	m := p.model(key)
	m.mu.Lock()
	if m.identity != nil {
		defer m.mu.Unlock()
		return *m.identity, nil
	}
	if m.naming == nil {
		m.naming = make(chan struct{})
		p.loading.Go(func() { p.identify(m) })
	}
	named := m.naming
	m.mu.Unlock()
	select {
	case <-named:
	case <-ctx.Done():
		return asr.Identity{}, fmt.Errorf("model %s is being read for the first time: %w", m.key, context.Cause(ctx))
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.identity == nil {
		return asr.Identity{}, m.nameErr
	}
	return *m.identity, nil
}

// identify finds out a model's identity.
func (p *Pool) identify(m *model) {
	id, err := p.identity(m.key)
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.nameErr = err; err == nil && m.identity == nil {
		m.identity = &id
	}
	close(m.naming)
	m.naming = nil
}

func (p *Pool) identity(key Key) (asr.Identity, error) {
	b, o, err := p.bundle(key)
	if err != nil {
		return asr.Identity{}, err
	}
	return o.Identify(b)
}
