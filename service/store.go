package service

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"maps"
	"slices"
	"strconv"
	"sync"
	"sync/atomic"
	"time"

	"asr-backend/jobs"
	"asr-backend/labelstudio"
	"asr-backend/service/problems"
)

// store is the queue, and what is kept of projects.
//
// The queue opens in the background and is tried again while its disk is in trouble: until
// then nothing is accepted, but the service answers. What Label Studio says of a project is
// written behind: a request only touches memory, so that connecting works on a full disk
// and while the queue opens, and costs no write to the disk.
type store struct {
	options jobs.Options
	log     *slog.Logger
	queue   atomic.Pointer[jobs.Queue]
	opened  chan struct{} // closed when the queue is open
	changed chan struct{} // capacity 1: there are values to write

	mu     sync.Mutex // guards the fields below
	err    error      // why the queue is not open
	values map[valueKey]value
}

type valueKey struct {
	project int64
	key     string
}

// value is what memory has of a project's value.
type value struct {
	text    string
	ok      bool      // there is one
	read    time.Time // when the queue was last asked
	unsaved bool      // the queue has not got it yet
}

const (
	// fresh is for how long a value is taken from memory without a look at the queue, which
	// other processes on the same cluster write too.
	fresh = 5 * time.Second
	// readWithin bounds that look: Label Studio waits three seconds for /setup.
	readWithin = 500 * time.Millisecond
	// closeWithin bounds the writing of what is left when the service stops.
	closeWithin = 2 * time.Second
)

var errOpening = errors.New("the job queue is being opened")

func newStore(o jobs.Options, log *slog.Logger) *store {
	return &store{options: o, log: log, values: map[valueKey]value{}, opened: make(chan struct{}), changed: make(chan struct{}, 1), err: errOpening}
}

// run opens the queue and writes values behind, until ctx ends.
func (s *store) run(ctx context.Context) {
	backoff := jobs.Backoff{First: 500 * time.Millisecond, Most: 30 * time.Second}
	for n := 0; s.queue.Load() == nil; n++ {
		opening := ctx
		if s.options.URL == "" {
			// The server inside this process does not come apart cleanly half-way.
			opening = context.WithoutCancel(ctx)
		}
		q, err := jobs.Open(opening, s.options)
		if err == nil {
			s.queue.Store(q)
			close(s.opened)
			break
		}
		if ctx.Err() != nil {
			return
		}
		s.mu.Lock()
		s.err = err
		s.mu.Unlock()
		s.log.Error("job queue not opened", "error", err, "hint", problems.Hint(err))
		pause(ctx, backoff.Delay(n))
	}
	for n := 0; ctx.Err() == nil; {
		wait := time.Duration(0) // for a change
		if err := s.save(ctx); err != nil && ctx.Err() == nil {
			s.log.Warn("what is known of projects was not stored; trying again", "error", err, "hint", problems.Hint(err))
			wait = backoff.Delay(n)
			n++
		} else {
			n = 0
		}
		if wait > 0 {
			pause(ctx, wait)
			continue
		}
		select {
		case <-s.changed:
		case <-ctx.Done():
		}
	}
	last, cancel := context.WithTimeout(context.WithoutCancel(ctx), closeWithin)
	defer cancel()
	if err := s.save(last); err != nil {
		s.log.Warn("what is known of projects was not stored", "error", err)
	}
}

// save writes the values that the queue has not got.
func (s *store) save(ctx context.Context) error {
	q := s.queue.Load()
	for k, v := range s.unsaved() {
		err := q.Values(projectName(k.project)).Set(ctx, k.key, v.text)
		if err == nil && k.key == labelstudio.KeyLabelConfig {
			err = s.know(ctx, q, k.project)
		}
		if errors.Is(err, jobs.ErrTooLarge) {
			s.log.Warn("a project's setting is too large to be stored", "project", k.project, "key", k.key, "error", err)
			err = nil // it lasts as long as the process
		}
		if err != nil {
			return err
		}
		s.mu.Lock()
		if now := s.values[k]; now.text == v.text {
			now.unsaved = false
			s.values[k] = now
		}
		s.mu.Unlock()
	}
	return nil
}

func (s *store) unsaved() map[valueKey]value {
	s.mu.Lock()
	defer s.mu.Unlock()
	out := maps.Clone(s.values)
	maps.DeleteFunc(out, func(_ valueKey, v value) bool { return !v.unsaved })
	return out
}

// jobs returns the queue, or why there is none.
func (s *store) jobs() (*jobs.Queue, error) {
	if q := s.queue.Load(); q != nil {
		return q, nil
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	return nil, s.err
}

// wait returns the queue once it is open, or nil when ctx has ended.
func (s *store) wait(ctx context.Context) *jobs.Queue {
	select {
	case <-s.opened:
		return s.queue.Load()
	case <-ctx.Done():
		return nil
	}
}

func (s *store) health() error {
	q, err := s.jobs()
	if err != nil {
		return err
	}
	return q.Health()
}

func (s *store) close() error {
	if q := s.queue.Load(); q != nil {
		return q.Close()
	}
	return nil
}

// projectName is a project's name in the queue.
func projectName(id int64) string { return strconv.FormatInt(id, 10) }

// projectOf is the inverse of projectName, and zero for other names.
func projectOf(name string) int64 {
	id, err := strconv.ParseInt(name, 10, 64)
	if err != nil {
		return 0
	}
	return id
}

// ours is the project under which the service keeps what belongs to no project.
const ours = "service"

// Get implements labelstudio.Store. What cannot be read counts as not known: the next
// request tells it.
func (s *store) Get(ctx context.Context, project int64, key string) (string, bool, error) {
	k := valueKey{project, key}
	s.mu.Lock()
	v, known := s.values[k]
	s.mu.Unlock()
	q := s.queue.Load()
	if q == nil || known && (v.unsaved || time.Since(v.read) < fresh) {
		return v.text, v.ok, nil
	}
	ctx, cancel := context.WithTimeout(ctx, readWithin)
	defer cancel()
	text, ok, err := q.Values(projectName(project)).Get(ctx, key)
	s.mu.Lock()
	defer s.mu.Unlock()
	now := s.values[k]
	switch {
	case err != nil:
		s.log.Warn("a project's setting was not read", "project", project, "key", key, "error", err)
	case now == v: // else somebody has set it meanwhile
		now = value{text: text, ok: ok}
	}
	if !now.unsaved {
		now.read = time.Now()
		s.values[k] = now
	}
	return now.text, now.ok, nil
}

// Set implements labelstudio.Store.
func (s *store) Set(_ context.Context, project int64, key, text string) error {
	k := valueKey{project, key}
	s.mu.Lock()
	defer s.mu.Unlock()
	if v := s.values[k]; v.ok && v.text == text {
		return nil
	}
	// Requests written by hand name no project; what they say is not kept.
	s.values[k] = value{text: text, ok: true, read: time.Now(), unsaved: project != 0}
	select {
	case s.changed <- struct{}{}:
	default:
	}
	return nil
}

const keyProjects = "projects"

// know adds a project to the list of those that have asked.
func (s *store) know(ctx context.Context, q *jobs.Queue, project int64) error {
	ids, err := listed(ctx, q)
	if err != nil || slices.Contains(ids, project) {
		return err
	}
	return q.Values(ours).Update(ctx, keyProjects, func(old string) (string, error) {
		ids, err := parseIDs(old)
		if err != nil {
			return "", err
		}
		if !slices.Contains(ids, project) {
			ids = append(ids, project)
		}
		slices.Sort(ids)
		list, err := json.Marshal(ids)
		return string(list), err
	})
}

func listed(ctx context.Context, q *jobs.Queue) ([]int64, error) {
	list, _, err := q.Values(ours).Get(ctx, keyProjects)
	if err != nil {
		return nil, err
	}
	return parseIDs(list)
}

func parseIDs(list string) (ids []int64, err error) {
	if list == "" {
		return nil, nil
	}
	if err := json.Unmarshal([]byte(list), &ids); err != nil {
		return nil, fmt.Errorf("list of projects: %w", err)
	}
	return ids, nil
}

// projects returns the projects that have asked so far, in order.
func (s *store) projects(ctx context.Context) []int64 {
	known := map[int64]bool{}
	if q := s.queue.Load(); q != nil {
		ids, err := listed(ctx, q)
		if err != nil {
			s.log.Error("list of projects not read", "error", err)
		}
		for _, id := range ids {
			known[id] = true
		}
	}
	s.mu.Lock()
	for k, v := range s.values {
		if k.key == labelstudio.KeyLabelConfig && v.ok && k.project != 0 {
			known[k.project] = true
		}
	}
	s.mu.Unlock()
	return slices.Sorted(maps.Keys(known))
}

// project returns a project as it was last seen.
func (s *store) project(ctx context.Context, id int64) (*labelstudio.Project, error) {
	config, _, err := s.Get(ctx, id, labelstudio.KeyLabelConfig)
	if err != nil {
		return nil, fmt.Errorf("read project %d: %w", id, err)
	}
	p := labelstudio.NewProject(id, config, s)
	return p, p.LoadExtraParams(ctx)
}
