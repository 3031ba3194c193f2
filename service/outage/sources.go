package outage

import (
	"context"
	"net/url"
	"sync"
	"time"

	"github.com/asr-backend/asr-backend/internal/parallel"
	"github.com/asr-backend/asr-backend/jobs"
	"github.com/asr-backend/asr-backend/labelstudio/media"
)

// source is where recordings of a project come from.
type source struct {
	project string
	kind    media.Kind
	host    string // that failed; empty if none answered
}

// failing is a source of which a recording could not be had.
type failing struct {
	key     string // of the job
	payload []byte
	since   time.Time
	next    time.Time // when it is asked for next
	down    bool      // it could not be had when it was asked for here either
}

// longest is the longest pause between two questions to a source.
const longest = 5 * time.Minute

// watch notes the source of a recording that could not be had.
func (w *Watch) watch(job jobs.Job, err *media.Error) {
	s := source{project: job.Project, kind: err.Kind}
	if u, err := url.Parse(err.URL); err == nil {
		s.host = u.Host
	}
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.sources[s] == nil && len(w.sources) < mostSources {
		w.sources[s] = &failing{key: job.Key, payload: job.Payload, since: time.Now()}
	}
}

// watchSources asks for recordings that could not be had, more seldom the longer that lasts.
func (w *Watch) watchSources(ctx context.Context) {
	tick := time.NewTicker(probe)
	defer tick.Stop()
	for {
		select {
		case <-tick.C:
		case <-ctx.Done():
			return
		}
		var due []source
		var whom []*failing
		now := time.Now()
		w.mu.Lock()
		for s, f := range w.sources {
			if !f.next.After(now) {
				due, whom = append(due, s), append(whom, f)
			}
		}
		w.mu.Unlock()
		var back sync.Map // by project
		parallel.For(len(due), 8, func(i int) {
			if w.ask(ctx, due[i], whom[i]) {
				back.Store(due[i].project, true)
			}
		})
		back.Range(func(project, _ any) bool {
			w.Logger.Info("recordings can be had again", "project", project)
			w.wake(ctx, jobs.Filter{Project: project.(string)})
			return true
		})
	}
}

// ask asks for the recording of a source, and reports whether it can be had again.
func (w *Watch) ask(ctx context.Context, s source, f *failing) (back bool) {
	waits := false
	if q, err := w.Queue.Get(); err == nil {
		job, ok := q.Peek(f.key)
		waits = ok && !job.State.Ended()
	}
	retry := false
	if waits {
		asking, cancel := context.WithTimeout(ctx, 10*probe)
		defer cancel()
		err := w.Peek(asking, f.payload)
		if _, retry = media.Retryable(err); err != nil && asking.Err() != nil {
			retry = true
		}
	}
	w.mu.Lock()
	defer w.mu.Unlock()
	if retry {
		now := time.Now()
		f.down, f.next = true, now.Add(min(max(probe, now.Sub(f.since)/20), longest))
		return false
	}
	// One that could be had at once was no outage but a moment, or is in order but for its
	// length, and its job takes its time.
	delete(w.sources, s)
	return waits && f.down
}
