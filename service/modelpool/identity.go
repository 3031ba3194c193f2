package modelpool

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"

	"github.com/asr-backend/asr-backend/asr"
	"github.com/asr-backend/asr-backend/internal/sealed"
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
	var files []string
	if b.Dir != "" {
		for _, name := range b.DigestFiles() {
			files = append(files, filepath.Join(b.Dir, name))
		}
	}
	digest, err := p.digest(filepath.Join(b.Dir, b.Graph), files, b.Digest)
	if err != nil {
		return asr.Identity{}, err
	}
	words := ""
	if l := o.Decoding.LanguageModel(b); l != nil {
		files = nil
		if l.Path != "" {
			files = []string{l.Path}
		}
		if words, err = p.digest(l.Path, files, l.Digest); err != nil {
			return asr.Identity{}, err
		}
	}
	return o.Identity(b, digest, words), nil
}

// digest returns the digest of a model, remembered under a key and the sizes and times of its
// files. One without files is not remembered.
func (p *Pool) digest(key string, files []string, compute func() (string, error)) (string, error) {
	file := p.options.DigestFile
	if file == "" || len(files) == 0 {
		return compute()
	}
	for _, name := range files {
		if info, err := os.Stat(name); err == nil {
			key += fmt.Sprintf(" %d %d", info.Size(), info.ModTime().UnixNano())
		}
	}
	known := p.knownDigests(file)
	if known[key] != "" {
		return known[key], nil
	}
	digest, err := compute()
	if err != nil {
		return "", err
	}
	known[key] = digest
	if err := writeDigests(file, known); err != nil {
		p.log.Warn("a model's digest was not remembered", "error", err) // it is computed again
	}
	return digest, nil
}

// knownDigests reads the digests that were remembered. A wrong one would change the version of
// a project, and with it every prediction, so a damaged file counts as none.
func (p *Pool) knownDigests(file string) map[string]string {
	known := map[string]string{}
	if file == "" {
		return known
	}
	checked, err := sealed.Read(file, &known)
	switch {
	case errors.Is(err, fs.ErrNotExist):
	case err != nil:
		p.log.Warn("the remembered digests of models are computed again", "file", file, "error", err)
	case checked:
		return known
	}
	return map[string]string{}
}

func writeDigests(path string, known map[string]string) error {
	if err := os.MkdirAll(filepath.Dir(path), 0o700); err != nil {
		return err
	}
	return sealed.Write(path, known)
}
