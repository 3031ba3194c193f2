// Package selection has Label Studio's projects use the predictions of this service.
//
// A project of Label Studio has a version of predictions that it uses: it is what a task shows first, and what
// Uncertainty Sampling sorts by, the lowest score first. Connecting a backend sets it to the title of
// the backend, which no prediction has, so that tasks come in no order. Select sets it to the version of
// the project's predictions once there is one.
//
// What a person has chosen stays: only an empty value, the title of a backend and earlier versions of ours
// are replaced. A project's setting "select_version" turns this off.
//
// Reference: _try_uncertainty_sampling in label_studio/projects/functions/next_task.py, and
// validate_model_version in label_studio/projects/serializers.py, which takes titles and versions that
// a prediction has.
package selection

import (
	"context"
	"log/slog"
	"slices"
	"sync"
	"time"

	"github.com/asr-backend/asr-backend/labelstudio/api"
	"github.com/asr-backend/asr-backend/service/projects"
)

// Selector selects versions. It may be used by several goroutines.
type Selector struct {
	projects *projects.Registry
	client   *api.Client
	log      *slog.Logger

	mu    sync.Mutex // guards known
	known map[int64]attempt
}

// attempt is the last one for a project.
type attempt struct {
	version string
	at      time.Time
	done    bool // the version is selected, or a person's choice was left
}

// New returns a Selector. Without a client it does nothing, as does a nil one.
func New(r *projects.Registry, c *api.Client, log *slog.Logger) *Selector {
	return &Selector{projects: r, client: c, log: log, known: map[int64]attempt{}}
}

// again is how long it takes until a failed attempt is made again.
const again = time.Minute

// Select has a project use predictions of its version, of which Label Studio has at least one. It asks
// Label Studio once for each version; failures are logged, and the next call tries again.
func (s *Selector) Select(ctx context.Context, p *projects.Project) {
	if s == nil || s.client == nil {
		return
	}
	if on := p.Settings.SelectVersion; on != nil && !*on || !s.begin(p) {
		return
	}
	done, err := s.selectVersion(ctx, p)
	if err != nil && ctx.Err() == nil {
		s.log.Warn("the version of predictions could not be selected in Label Studio", "project", p.ID, "version", p.Version, "error", err)
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	s.known[p.ID] = attempt{p.Version, time.Now(), done}
}

// begin reports whether an attempt is due, and notes that it is made.
func (s *Selector) begin(p *projects.Project) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	last := s.known[p.ID]
	if last.version == p.Version && (last.done || time.Since(last.at) < again) {
		return false
	}
	s.known[p.ID] = attempt{version: p.Version, at: time.Now()}
	return true
}

func (s *Selector) selectVersion(ctx context.Context, p *projects.Project) (done bool, err error) {
	now, err := s.client.Project(ctx, p.ID)
	if err != nil {
		return false, err
	}
	if now.ModelVersion == p.Version {
		return true, nil
	}
	replaceable, err := s.replaceable(ctx, p, now.ModelVersion)
	if err != nil {
		return false, err
	}
	if !replaceable {
		s.log.Info("the project uses predictions that somebody has chosen", "project", p.ID, "chosen", now.ModelVersion, "version", p.Version)
		return true, nil
	}
	if err := s.client.SetModelVersion(ctx, p.ID, p.Version); err != nil {
		return false, err
	}
	s.log.Info("the project uses predictions of this version", "project", p.ID, "version", p.Version, "before", now.ModelVersion)
	return true, nil
}

// replaceable reports whether nobody has chosen a version on purpose.
func (s *Selector) replaceable(ctx context.Context, p *projects.Project, version string) (bool, error) {
	if version == "" {
		return true, nil
	}
	written, err := s.projects.Written(ctx, p.ID)
	if err != nil || written[version] {
		return err == nil, err
	}
	backends, err := s.client.Backends(ctx, p.ID)
	return slices.ContainsFunc(backends, func(b api.Backend) bool { return b.Title == version }), err
}
