// Package knowledge keeps what projects have learnt: the versions that were made of their
// corrections, and the texts that people gave to learn from.
//
// # Where it is kept
//
// In the values of the project, so that what a project has learnt stays in the project, and goes
// with it. A value is at most a megabyte, so longer data are in several, of which the first says
// how many there are:
//
//	learnt/<version>/<n>    a learn.Version, as JSON, compressed
//	text/<name>/<n>         a text, compressed
//	texts                   the names and sizes of the texts, as JSON
//
// The first of several values is written last and removed first: what has it is whole. A process
// that is killed in between leaves values that nothing reads; the next write of the same name
// replaces them.
//
// Which version is used is not said here but by projects.Registry.Learnt, in one value: a kill
// leaves either the old or the new one.
package knowledge

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync"

	"github.com/asr-backend/asr-backend/learn"
	"github.com/asr-backend/asr-backend/service/queue"
	"github.com/asr-backend/asr-backend/transcribe"
)

// ErrNone says that there is no such version, or text.
var ErrNone = errors.New("not kept")

// keyVersion begins the keys of versions.
const keyVersion = "learnt/"

// Store keeps what projects have learnt. It is safe for concurrent use.
type Store struct {
	queue *queue.Queue

	mu   sync.Mutex // guards the fields below
	open map[version]*opened
	used []version // of open, the one used longest ago first
}

// opened is a version in memory.
type opened struct {
	ready *transcribe.Knowledge
	used  learn.Knowledge // without its model
}

// version names a version.
type version struct {
	project int64
	name    string
}

// mostOpen is how many versions are kept in memory. Each takes some ten times what it takes in the
// store.
const mostOpen = 32

// New returns a Store.
func New(q *queue.Queue) *Store { return &Store{queue: q, open: map[version]*opened{}} }

// Put stores a version under the digest of what it uses, and returns that. A version that uses
// nothing has no name and is not stored, and one that is there stays as it is.
func (s *Store) Put(ctx context.Context, project int64, v *learn.Version) (name string, err error) {
	if name = v.Used.Digest(); name == "" {
		return "", nil
	}
	if _, err := s.Get(ctx, project, name); err == nil {
		return name, nil // it may be in use, and is not to be missing for a moment
	}
	raw, err := json.Marshal(v)
	if err == nil {
		err = s.put(ctx, project, keyVersion+name, raw)
		s.close(version{project, name}) // how often its phrases were said may differ
	}
	if err != nil {
		return "", fmt.Errorf("store what project %d has learnt: %w", project, err)
	}
	return name, nil
}

// Get returns a version, or ErrNone.
func (s *Store) Get(ctx context.Context, project int64, name string) (*learn.Version, error) {
	raw, err := s.get(ctx, project, keyVersion+name)
	v := &learn.Version{}
	if err == nil {
		err = json.Unmarshal(raw, v)
	}
	if err != nil {
		return nil, fmt.Errorf("read version %s of what project %d has learnt: %w", name, project, err)
	}
	return v, nil
}

// Delete drops a version, if there is one.
func (s *Store) Delete(ctx context.Context, project int64, name string) error {
	s.close(version{project, name})
	if err := s.remove(ctx, project, keyVersion+name); err != nil {
		return fmt.Errorf("drop version %s of what project %d has learnt: %w", name, project, err)
	}
	return nil
}

// Versions returns the versions that are stored for a project, also those that were not stored to
// their end.
func (s *Store) Versions(ctx context.Context, project int64) ([]string, error) {
	values, err := s.values(project)
	if err != nil {
		return nil, err
	}
	keys, err := values.Keys(ctx)
	if err != nil {
		return nil, fmt.Errorf("list what project %d has learnt: %w", project, err)
	}
	var out []string
	for _, key := range keys {
		if rest, ok := strings.CutPrefix(key, keyVersion); ok {
			version, _, _ := strings.Cut(rest, "/")
			out = append(out, version)
		}
	}
	slices.Sort(out)
	return slices.Compact(out), nil
}

// Open returns a version in the form that recordings are transcribed with. It is read once.
func (s *Store) Open(ctx context.Context, project int64, name string) (*transcribe.Knowledge, error) {
	o, err := s.read(ctx, project, name)
	if err != nil {
		return nil, err
	}
	return o.ready, nil
}

// Used returns what a version uses, without its language model. It is read once.
func (s *Store) Used(ctx context.Context, project int64, name string) (*learn.Knowledge, error) {
	o, err := s.read(ctx, project, name)
	if err != nil {
		return nil, err
	}
	return &o.used, nil
}

func (s *Store) read(ctx context.Context, project int64, name string) (*opened, error) {
	key := version{project, name}
	s.mu.Lock()
	known := s.open[key]
	s.mu.Unlock()
	if known != nil {
		return known, nil
	}
	v, err := s.Get(ctx, project, name)
	if err != nil {
		return nil, err
	}
	o := &opened{ready: &transcribe.Knowledge{Version: name, Part: v.Used.Part, Phrases: v.Used.Expected()}, used: v.Used}
	o.used.Model = nil
	if o.ready.Lexicon, err = v.Used.Lexicon(); err != nil {
		return nil, fmt.Errorf("version %s of what project %d has learnt: %w", name, project, err)
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.open[key] == nil {
		s.used = append(s.used, key)
		if len(s.used) > mostOpen {
			delete(s.open, s.used[0])
			s.used = s.used[1:]
		}
	}
	s.open[key] = o
	return o, nil
}

// close forgets a version in memory.
func (s *Store) close(v version) {
	s.mu.Lock()
	defer s.mu.Unlock()
	delete(s.open, v)
	s.used = slices.DeleteFunc(s.used, func(u version) bool { return u == v })
}
