package recordings

import (
	"context"
	"maps"
	"slices"
	"sync"
	"time"

	"github.com/asr-backend/asr-backend/priority"
)

// turns shares the places at which recordings are transcribed, so that day-long ones do not
// keep those of other projects waiting. Whoever wants a place claims one. A recording that has
// had its place for the length of a turn gives it to the claim whose turn it is and claims one
// again; it stays open where it is meanwhile, which costs no time and little memory.
//
// The highest class goes first and waits least. Within a class the projects take turns, and
// within a project the claims in their order.
type turns struct {
	mu     sync.Mutex // guards the fields below
	most   int        // recordings that may be open
	free   int        // places
	line   []*claim   // that wait, in order of arrival
	served map[string]uint64
	turn   uint64            // the last one
	places map[string]*place // that jobs have or claim, by key
}

// claim waits for a place.
type claim struct {
	project string
	class   priority.Class
	granted chan struct{} // closed when it has one
}

// place is what a recording that is transcribed in turns has, or waits for. A nil place is that
// of a recording that always runs.
type place struct {
	t       *turns
	project string
	class   priority.Class

	since  time.Time     // when the turn began; zero while the place is lost
	before time.Duration // how long earlier turns took
}

const (
	// turnLength is how long a recording keeps its place while others of its class or a lower
	// one wait.
	turnLength = time.Minute
	// turnOfLower is how long it does while one of a higher class waits.
	turnOfLower = 5 * time.Second
)

// spare is how many recordings may be open besides those that have a place.
const spare = 6

func newTurns(places int) *turns {
	return &turns{most: places + spare, free: places, served: map[string]uint64{}, places: map[string]*place{}}
}

// take waits for a place.
func (t *turns) take(ctx context.Context, project string, class priority.Class) error {
	c := &claim{project, class, make(chan struct{})}
	t.mu.Lock()
	t.line = append(t.line, c)
	t.grant()
	t.mu.Unlock()
	select {
	case <-c.granted:
		return nil
	case <-ctx.Done():
	}
	t.mu.Lock()
	defer t.mu.Unlock()
	if i := slices.Index(t.line, c); i >= 0 {
		t.line = slices.Delete(t.line, i, i+1)
	} else {
		t.free++
		t.grant()
	}
	return context.Cause(ctx)
}

// give gives a place back.
func (t *turns) give() {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.free++
	t.grant()
}

// grant gives free places to those whose turn it is.
func (t *turns) grant() {
	for t.free > 0 && len(t.line) > 0 {
		first := 0
		for i, c := range t.line {
			if f := t.line[first]; c.class > f.class || c.class == f.class && t.served[c.project] < t.served[f.project] {
				first = i
			}
		}
		c := t.line[first]
		t.line = slices.Delete(t.line, first, first+1)
		t.free--
		t.turn++
		t.served[c.project] = t.turn
		close(c.granted)
	}
}

// wanted reports whether a place should be given to another claim by now.
func (t *turns) wanted(p *place) bool {
	t.mu.Lock()
	defer t.mu.Unlock()
	if p.since.IsZero() {
		return false
	}
	had := time.Since(p.since)
	return slices.ContainsFunc(t.line, func(c *claim) bool {
		return had >= turnLength || had >= turnOfLower && c.class > p.class
	})
}

// open notes that a job has the place that was taken for it.
func (t *turns) open(key, project string, class priority.Class) {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.turn++
	t.served[project] = t.turn
	t.places[key] = &place{t: t, project: project, class: class, since: time.Now()}
}

// of returns the place of a job.
func (t *turns) of(key string) *place {
	t.mu.Lock()
	defer t.mu.Unlock()
	return t.places[key]
}

// close gives back the place of a job, if it has one.
func (t *turns) close(key string) {
	if p := t.of(key); p != nil {
		p.lose()
	}
	t.mu.Lock()
	defer t.mu.Unlock()
	delete(t.places, key)
}

// lose gives the place back, unless it is lost already.
func (p *place) lose() {
	p.t.mu.Lock()
	lost := p.since.IsZero()
	if !lost {
		p.before += time.Since(p.since)
		p.since = time.Time{}
	}
	p.t.mu.Unlock()
	if !lost {
		p.t.give()
	}
}

// regain waits for a place again, unless it is there.
func (p *place) regain(ctx context.Context) error {
	p.t.mu.Lock()
	lost := p.since.IsZero()
	p.t.mu.Unlock()
	if !lost {
		return nil
	}
	if err := p.t.take(ctx, p.project, p.class); err != nil {
		return err
	}
	p.t.mu.Lock()
	defer p.t.mu.Unlock()
	p.since = time.Now()
	return nil
}

// crowding reports whether another of the projects that wait would have a recording open if this
// one were not: no more may be open, the other has none, and none has more than this one's.
func (p *place) crowding(waiting []string) bool {
	p.t.mu.Lock()
	defer p.t.mu.Unlock()
	open := map[string]int{}
	for _, other := range p.t.places {
		open[other.project]++
	}
	most := slices.Max(slices.Collect(maps.Values(open)))
	return len(p.t.places) >= p.t.most && open[p.project] == most &&
		slices.ContainsFunc(waiting, func(project string) bool { return open[project] == 0 })
}

// worked is how long the recording has had a place.
func (p *place) worked() time.Duration {
	p.t.mu.Lock()
	defer p.t.mu.Unlock()
	if p.since.IsZero() {
		return p.before
	}
	return p.before + time.Since(p.since)
}

// without does something that takes no computing, such as a download, and gives the place back
// meanwhile if it takes longer than a turn.
func (p *place) without(ctx context.Context, do func() error) error {
	if p == nil {
		return do()
	}
	lost := make(chan struct{})
	late := time.AfterFunc(turnLength, func() { p.lose(); close(lost) })
	err := do()
	if !late.Stop() {
		<-lost
	}
	if err != nil {
		return err
	}
	return p.regain(ctx)
}
