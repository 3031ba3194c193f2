package outage

import (
	"context"
	"maps"
	"net/url"
	"slices"
	"sync"
	"time"

	"github.com/asr-backend/asr-backend/internal/parallel"
	"github.com/asr-backend/asr-backend/jobs"
	"github.com/asr-backend/asr-backend/labelstudio/media"
	"github.com/asr-backend/asr-backend/service/queue"
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

// sources are those that recordings cannot be fetched from. They are safe for concurrent use.
type sources struct {
	queue *queue.Queue
	peek  func(ctx context.Context, payload []byte) error

	mu      sync.Mutex // guards failing and what is in it
	failing map[source]*failing
}

const (
	// probe is how often Label Studio is asked during an outage, and a source at first.
	probe = 3 * time.Second
	// longest is the longest pause between two questions to a source.
	longest = 5 * time.Minute
	// mostSources bounds how many sources are watched.
	mostSources = 32
)

// add notes the source of a recording that could not be had.
func (s *sources) add(job jobs.Job, err *media.Error) {
	of := source{project: job.Project, kind: err.Kind}
	if u, err := url.Parse(err.URL); err == nil {
		of.host = u.Host
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.failing[of] == nil && len(s.failing) < mostSources {
		s.failing[of] = &failing{key: job.Key, payload: job.Payload, since: time.Now()}
	}
}

// back asks the sources whose turn it is, and returns the projects whose recordings can be had
// again.
func (s *sources) back(ctx context.Context) []string {
	var due []source
	var whom []*failing
	now := time.Now()
	s.mu.Lock()
	for of, f := range s.failing {
		if !f.next.After(now) {
			due, whom = append(due, of), append(whom, f)
		}
	}
	s.mu.Unlock()
	back := make([]bool, len(due))
	parallel.For(len(due), 8, func(i int) { back[i] = s.ask(ctx, due[i], whom[i]) })
	projects := map[string]bool{}
	for i, of := range due {
		if back[i] {
			projects[of.project] = true
		}
	}
	return slices.Collect(maps.Keys(projects))
}

// ask asks for the recording of a source, and reports whether it can be had again.
func (s *sources) ask(ctx context.Context, of source, f *failing) (back bool) {
	waits, done := false, false
	if q, err := s.queue.Get(); err == nil {
		job, ok := q.Peek(f.key)
		waits, done = ok && !job.State.Ended(), ok && job.State == jobs.Done
	}
	retry := false
	if waits {
		asking, cancel := context.WithTimeout(ctx, 10*probe)
		defer cancel()
		err := s.peek(asking, f.payload)
		if _, retry = media.Retryable(err); err != nil && asking.Err() != nil {
			retry = true
		}
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if retry {
		now := time.Now()
		f.down, f.next = true, now.Add(min(max(probe, now.Sub(f.since)/20), longest))
		return false
	}
	// One whose first byte came at once had no outage: the failure was brief, or something else
	// was wrong with the recording, and its job waits for its next attempt as usual.
	delete(s.failing, of)
	// A job that was done between two questions had its recording: the others wait for theirs.
	return f.down && (waits || done)
}
