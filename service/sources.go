package service

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
func (o *outage) watch(job jobs.Job, err *media.Error) {
	s := source{project: job.Project, kind: err.Kind}
	if u, err := url.Parse(err.URL); err == nil {
		s.host = u.Host
	}
	o.mu.Lock()
	defer o.mu.Unlock()
	if o.sources[s] == nil && len(o.sources) < mostSources {
		o.sources[s] = &failing{key: job.Key, payload: job.Payload, since: time.Now()}
	}
}

// watchSources asks for recordings that could not be had, more seldom the longer that lasts.
func (o *outage) watchSources(ctx context.Context) {
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
		o.mu.Lock()
		for s, f := range o.sources {
			if !f.next.After(now) {
				due, whom = append(due, s), append(whom, f)
			}
		}
		o.mu.Unlock()
		var back sync.Map // by project
		parallel.For(len(due), 8, func(i int) {
			if o.ask(ctx, due[i], whom[i]) {
				back.Store(due[i].project, true)
			}
		})
		back.Range(func(project, _ any) bool {
			o.log.Info("recordings can be had again", "project", project)
			o.wake(ctx, jobs.Filter{Project: project.(string)})
			return true
		})
	}
}

// ask asks for the recording of a source, and reports whether it can be had again.
func (o *outage) ask(ctx context.Context, s source, f *failing) (back bool) {
	waits := false
	if q, err := o.queue.Get(); err == nil {
		job, ok := q.Peek(f.key)
		waits = ok && !job.State.Ended()
	}
	retry := false
	if waits {
		asking, cancel := context.WithTimeout(ctx, 10*probe)
		defer cancel()
		err := o.peek(asking, f.payload)
		if _, retry = media.Retryable(err); err != nil && asking.Err() != nil {
			retry = true
		}
	}
	o.mu.Lock()
	defer o.mu.Unlock()
	if retry {
		now := time.Now()
		f.down, f.next = true, now.Add(min(max(probe, now.Sub(f.since)/20), longest))
		return false
	}
	// One that could be had at once was no outage but a moment, or is in order but for its
	// length, and its job takes its time.
	delete(o.sources, s)
	return waits && f.down
}
