package projects

import (
	"context"
	"sync"
	"time"
)

// Due says which projects are to be compared with Label Studio, and when. Whoever finds out
// that something may have been missed says so here; package reconcile does the rest. It is safe
// for concurrent use.
type Due struct {
	changed chan struct{} // capacity 1

	mu   sync.Mutex
	when map[int64]time.Time // by project; zero stands for all
}

// NewDue returns a Due in which nothing is.
func NewDue() *Due { return &Due{changed: make(chan struct{}, 1), when: map[int64]time.Time{}} }

// Now makes a project due, or with zero all projects.
func (d *Due) Now(project int64) { d.At(project, time.Now()) }

// At makes a project, or with zero all projects, due at a time, unless it is due before.
func (d *Due) At(project int64, at time.Time) {
	d.mu.Lock()
	if was, ok := d.when[project]; !ok || at.Before(was) {
		d.when[project] = at
	}
	d.mu.Unlock()
	select {
	case d.changed <- struct{}{}:
	default:
	}
}

// Next waits for a project that is due and takes it out; zero stands for all projects. It
// fails when ctx ends.
func (d *Due) Next(ctx context.Context) (int64, error) {
	for {
		project, wait, ok := d.take(time.Now())
		if ok {
			return project, nil
		}
		timer := time.NewTimer(wait)
		select {
		case <-timer.C:
		case <-d.changed:
		case <-ctx.Done():
		}
		timer.Stop()
		if ctx.Err() != nil {
			return 0, context.Cause(ctx)
		}
	}
}

// take returns a project that is due, or how long to wait for the next one.
func (d *Due) take(now time.Time) (project int64, wait time.Duration, ok bool) {
	d.mu.Lock()
	defer d.mu.Unlock()
	wait = time.Hour
	for id, at := range d.when {
		left := at.Sub(now)
		if left <= 0 {
			delete(d.when, id)
			return id, 0, true
		}
		wait = min(wait, left)
	}
	return 0, wait, false
}
