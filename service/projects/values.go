package projects

import (
	"context"
	"errors"
	"maps"
	"slices"
	"time"

	"github.com/asr-backend/asr-backend/internal/hint"
	"github.com/asr-backend/asr-backend/jobs"
	"github.com/asr-backend/asr-backend/labelstudio"
)

const (
	// fresh is for how long a value is taken from memory without a look at the queue, which
	// other processes on the same cluster write too.
	fresh = 5 * time.Second
	// shown is the same for a page that shows all projects.
	shown = time.Minute
	// readWithin bounds that look: Label Studio waits three seconds for /setup.
	readWithin = 500 * time.Millisecond
	// closeWithin bounds the writing of what is left when the service stops.
	closeWithin = 2 * time.Second
)

// Get implements labelstudio.Store. A value that cannot be read counts as unknown: the next
// request reads it again.
func (r *Registry) Get(ctx context.Context, project int64, key string) (string, bool, error) {
	return r.get(ctx, project, key, fresh)
}

// get is Get for a value that may be in memory for so long.
func (r *Registry) get(ctx context.Context, project int64, key string, age time.Duration) (string, bool, error) {
	k := valueKey{project, key}
	r.mu.Lock()
	v, known := r.values[k]
	r.mu.Unlock()
	q, err := r.options.Queue.Get()
	if err != nil || known && (v.unsaved || time.Since(v.read) < age && !v.failed || time.Since(v.read) < fresh) {
		return v.text, v.ok, nil
	}
	ctx, cancel := context.WithTimeout(ctx, readWithin)
	defer cancel()
	text, ok, err := q.Values(Name(project)).Get(ctx, key)
	r.mu.Lock()
	defer r.mu.Unlock()
	now := r.values[k]
	switch {
	case err != nil:
		r.log.Warn("a project's setting was not read", "project", project, "key", key, "error", err)
		now.failed = true
	case now == v: // else somebody has set it meanwhile
		now = value{text: text, ok: ok}
	}
	if !now.unsaved {
		now.read = time.Now()
		r.values[k] = now
	}
	return now.text, now.ok, nil
}

// Set implements labelstudio.Store.
func (r *Registry) Set(_ context.Context, project int64, key, text string) error {
	k := valueKey{project, key}
	r.mu.Lock()
	defer r.mu.Unlock()
	if v := r.values[k]; v.ok && v.text == text {
		return nil
	}
	// Requests written by hand name no project; what they say is not kept.
	r.values[k] = value{text: text, ok: true, read: time.Now(), unsaved: project != 0}
	select {
	case r.changed <- struct{}{}:
	default:
	}
	return nil
}

// Run writes values once the queue is open, until ctx ends; what is left then is tried
// once more.
func (r *Registry) Run(ctx context.Context) {
	q := r.options.Queue.Wait(ctx)
	if q == nil {
		return
	}
	backoff := jobs.Backoff{First: 500 * time.Millisecond, Most: 30 * time.Second}
	for n := 0; ctx.Err() == nil; {
		var again <-chan time.Time
		if err := r.save(ctx, q); err != nil && ctx.Err() == nil {
			r.log.Warn("values of projects were not stored; trying again", "error", err, "hint", hint.Of(err))
			again = time.After(backoff.Delay(n))
			n++
		} else {
			n = 0
		}
		changed := r.changed
		if again != nil {
			changed = nil // a change repairs no disk
		}
		select {
		case <-changed:
		case <-again:
		case <-ctx.Done():
		}
	}
	last, cancel := context.WithTimeout(context.WithoutCancel(ctx), closeWithin)
	defer cancel()
	if err := r.save(last, q); err != nil {
		r.log.Warn("values of projects were not stored", "error", err)
	}
}

// save writes the values that the queue has not got.
func (r *Registry) save(ctx context.Context, q *jobs.Queue) error {
	for k, v := range r.unsaved() {
		err := q.Values(Name(k.project)).Set(ctx, k.key, v.text)
		if err == nil && k.key == labelstudio.KeyLabelConfig {
			err = list(ctx, q, k.project)
		}
		if errors.Is(err, jobs.ErrTooLarge) {
			r.log.Warn("a project's setting is too large to be stored", "project", k.project, "key", k.key, "error", err)
			err = nil // it lasts as long as the process
		}
		if err != nil {
			return err
		}
		r.mu.Lock()
		if now := r.values[k]; now.text == v.text {
			now.unsaved = false
			r.values[k] = now
		}
		r.mu.Unlock()
	}
	return nil
}

func (r *Registry) unsaved() map[valueKey]value {
	r.mu.Lock()
	defer r.mu.Unlock()
	out := maps.Clone(r.values)
	maps.DeleteFunc(out, func(_ valueKey, v value) bool { return !v.unsaved })
	return out
}

// List returns the projects that have asked so far, in order.
func (r *Registry) List(ctx context.Context) []int64 {
	known := map[int64]bool{}
	if q, err := r.options.Queue.Get(); err == nil {
		ids, err := listed(ctx, q)
		if err != nil {
			r.log.Error("list of projects not read", "error", err)
		}
		for _, id := range ids {
			known[id] = true
		}
	}
	r.mu.Lock()
	for k, v := range r.values {
		if k.key == labelstudio.KeyLabelConfig && v.ok && k.project != 0 {
			known[k.project] = true
		}
	}
	r.mu.Unlock()
	return slices.Sorted(maps.Keys(known))
}
