package service

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"slices"
	"strconv"
	"sync"
	"sync/atomic"
	"time"

	"asr-backend/jobs"
	"asr-backend/labelstudio"
)

// store is the queue and what is kept of projects. The queue opens in the background and
// is tried again while its disk is in trouble: until then nothing is accepted, but the
// service answers. What Label Studio said of a project is also held in memory, so that
// connecting works on a full disk.
type store struct {
	options jobs.Options
	log     *slog.Logger
	memory  *labelstudio.Memory
	queue   atomic.Pointer[jobs.Queue]
	opened  chan struct{} // closed when the queue is open

	mu  sync.Mutex // guards err
	err error      // why the queue is not open
}

var errOpening = errors.New("the job queue is being opened")

func newStore(o jobs.Options, log *slog.Logger) *store {
	return &store{options: o, log: log, memory: labelstudio.NewMemory(), opened: make(chan struct{}), err: errOpening}
}

// run opens the queue, for as long as ctx lasts.
func (s *store) run(ctx context.Context) {
	backoff := jobs.Backoff{First: 500 * time.Millisecond, Most: 30 * time.Second}
	for n := 0; ctx.Err() == nil; n++ {
		q, err := jobs.Open(ctx, s.options)
		if err == nil {
			s.queue.Store(q)
			close(s.opened)
			return
		}
		s.mu.Lock()
		s.err = err
		s.mu.Unlock()
		s.log.Error("job queue not opened", "error", err)
		select {
		case <-ctx.Done():
		case <-time.After(backoff.Delay(n)):
		}
	}
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

// Get implements labelstudio.Store.
func (s *store) Get(ctx context.Context, project int64, key string) (string, bool, error) {
	if value, ok, err := s.memory.Get(ctx, project, key); ok || err != nil {
		return value, ok, err
	}
	q, err := s.jobs()
	if err != nil {
		return "", false, nil // what is not known yet is told by the next request
	}
	return q.Values(projectName(project)).Get(ctx, key)
}

// Set implements labelstudio.Store. A value that cannot be brought to the disk lasts as
// long as the process; Health says what is wrong.
func (s *store) Set(ctx context.Context, project int64, key, value string) error {
	if err := s.memory.Set(ctx, project, key, value); err != nil {
		return err
	}
	q, err := s.jobs()
	if err == nil {
		err = q.Values(projectName(project)).Set(ctx, key, value)
	}
	if err == nil && key == labelstudio.KeyLabelConfig {
		err = s.know(ctx, q, project)
	}
	if err != nil {
		s.log.Warn("a project's setting was not stored", "project", project, "key", key, "error", err)
	}
	return nil
}

const keyProjects = "projects"

// know adds a project to the list of those that have asked.
func (s *store) know(ctx context.Context, q *jobs.Queue, project int64) error {
	if slices.Contains(s.projects(ctx), project) {
		return nil
	}
	return q.Values(ours).Update(ctx, keyProjects, func(old string) (string, error) {
		var ids []int64
		if old != "" {
			if err := json.Unmarshal([]byte(old), &ids); err != nil {
				return "", fmt.Errorf("list of projects: %w", err)
			}
		}
		if !slices.Contains(ids, project) {
			ids = append(ids, project)
		}
		slices.Sort(ids)
		list, err := json.Marshal(ids)
		return string(list), err
	})
}

// projects returns the projects that have asked so far, in order.
func (s *store) projects(ctx context.Context) []int64 {
	q, err := s.jobs()
	if err != nil {
		return nil
	}
	var ids []int64
	list, ok, err := q.Values(ours).Get(ctx, keyProjects)
	if err == nil && ok {
		err = json.Unmarshal([]byte(list), &ids)
	}
	if err != nil {
		s.log.Error("list of projects not read", "error", err)
	}
	return ids
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
