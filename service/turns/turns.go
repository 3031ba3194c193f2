// Package turns shares the places at which recordings are transcribed, so that day-long ones do
// not keep those of other projects waiting.
//
// # Places
//
// A place is the permission to compute. There are as many as recordings are transcribed at once.
// A few more recordings than that may be open: fetched, and decoded as far as they have got.
// Being open without a place costs no time and little memory.
//
// # Claims
//
// Whoever wants a place claims one and waits. A free place goes to the claim of the highest
// class. Within a class the projects take turns: the one that was granted a place longest ago
// comes first. Within a project claims are granted in their order.
//
// # Turns
//
// A place is never taken away. Whoever has one asks now and then whether it is Wanted: a turn is
// over, and a claim waits. A turn is a minute, or a few seconds if a claim of a higher class
// waits. The recording then gives its place back (Lose) and claims one again (Regain). It stays
// open meanwhile and goes on where it was. Without does the same for a long download.
//
//	Take ──┬──> Open ──> Wanted, Lose, Regain, Wanted ... ──> Close
//	       └──> Give, if there was no job to take
//
// # Making room
//
// The number of open recordings is bounded, so turns alone do not help a project that has none
// open while the others fill all the room. Crowding reports that: a recording is to be closed
// and opened again later, which costs decoding it once more.
package turns

import (
	"context"
	"slices"
	"sync"
	"time"

	"github.com/asr-backend/asr-backend/priority"
)

// Turns shares places. It is safe for concurrent use.
type Turns struct {
	mu     sync.Mutex // guards the fields below
	most   int        // recordings that may be open
	free   int        // places
	line   []*claim   // that wait, in order of arrival
	served map[string]uint64
	turn   uint64            // the last one
	places map[string]*Place // that jobs have or claim, by key
}

// claim waits for a place.
type claim struct {
	project string
	class   priority.Class
	granted chan struct{} // closed when it has one
}

// Place is what a recording that is transcribed in turns has, or waits for. A nil Place is that
// of a recording that always runs; Without is its only method.
type Place struct {
	t       *Turns
	key     string // of the job
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

// New returns Turns with so many places, at least one. More recordings may be open, see Most.
func New(places int) *Turns {
	places = max(places, 1)
	return &Turns{most: places + spare, free: places, served: map[string]uint64{}, places: map[string]*Place{}}
}

// Most is how many recordings may be open.
func (t *Turns) Most() int { return t.most }

// Take waits for a place, which is to be given back with Give, or to a job with Open. It fails
// with the cause of ctx.
func (t *Turns) Take(ctx context.Context, project string, class priority.Class) error {
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

// Give gives back a place that was taken and that no job has.
func (t *Turns) Give() {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.free++
	t.grant()
}

// grant gives free places to those whose turn it is.
func (t *Turns) grant() {
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

// Open notes that a job has the place that was taken for it, and returns the place. The caller
// closes it.
func (t *Turns) Open(key, project string, class priority.Class) *Place {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.turn++
	t.served[project] = t.turn
	p := &Place{t: t, key: key, project: project, class: class, since: time.Now()}
	t.places[key] = p
	return p
}

// Of returns the place of a job, or nil if it has none.
func (t *Turns) Of(key string) *Place {
	t.mu.Lock()
	defer t.mu.Unlock()
	return t.places[key]
}

// Close gives the place back for good. The job may have another one by now: an attempt that
// has lost its lease ends later than the next one begins.
func (p *Place) Close() {
	p.Lose()
	p.t.mu.Lock()
	defer p.t.mu.Unlock()
	if p.t.places[p.key] == p {
		delete(p.t.places, p.key)
	}
}

// Wanted reports whether the place should be given to another claim by now.
func (p *Place) Wanted() bool {
	p.t.mu.Lock()
	defer p.t.mu.Unlock()
	if p.since.IsZero() {
		return false
	}
	had := time.Since(p.since)
	return slices.ContainsFunc(p.t.line, func(c *claim) bool {
		return had >= turnLength || had >= turnOfLower && c.class > p.class
	})
}

// Lose gives the place back, unless it is lost already.
func (p *Place) Lose() {
	p.t.mu.Lock()
	lost := p.since.IsZero()
	if !lost {
		p.before += time.Since(p.since)
		p.since = time.Time{}
	}
	p.t.mu.Unlock()
	if !lost {
		p.t.Give()
	}
}

// Regain waits for a place again, unless it is there. It fails with the cause of ctx.
func (p *Place) Regain(ctx context.Context) error {
	p.t.mu.Lock()
	lost := p.since.IsZero()
	p.t.mu.Unlock()
	if !lost {
		return nil
	}
	if err := p.t.Take(ctx, p.project, p.class); err != nil {
		return err
	}
	p.t.mu.Lock()
	defer p.t.mu.Unlock()
	p.since = time.Now()
	return nil
}

// Crowding reports whether another of the projects that wait would have a recording open if this
// one were not: no more may be open, the other has none, and none has more than this one's.
func (p *Place) Crowding(waiting []string) bool {
	p.t.mu.Lock()
	defer p.t.mu.Unlock()
	open := map[string]int{}
	for _, other := range p.t.places {
		open[other.project]++
	}
	most := 0
	for _, n := range open {
		most = max(most, n)
	}
	return len(p.t.places) >= p.t.most && open[p.project] == most &&
		slices.ContainsFunc(waiting, func(project string) bool { return open[project] == 0 })
}

// Worked is how long the recording has had a place.
func (p *Place) Worked() time.Duration {
	p.t.mu.Lock()
	defer p.t.mu.Unlock()
	if p.since.IsZero() {
		return p.before
	}
	return p.before + time.Since(p.since)
}

// Without does something that takes no computing, such as a download, and gives the place back
// meanwhile if it takes longer than a turn.
func (p *Place) Without(ctx context.Context, do func() error) error {
	if p == nil {
		return do()
	}
	lost := make(chan struct{})
	late := time.AfterFunc(turnLength, func() { p.Lose(); close(lost) })
	err := do()
	if !late.Stop() {
		<-lost
	}
	if err != nil {
		return err
	}
	return p.Regain(ctx)
}
