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
// class. Within a class the projects get equal shares of time: the one that has had places for the
// least time comes first, and of equal ones that which was granted a place longest ago. A project
// that comes anew counts as one that is half a minute behind, so that a few short recordings are
// done at once beside long ones, and no project saves up time while it has nothing to do. Within a
// project claims are granted in their order.
//
// # Turns
//
// A place is never taken away. Whoever has one asks now and then whether it is Wanted: a turn is
// over, and a claim waits. A turn is ten seconds, or five if a claim of a higher class waits, or
// two if a recording waits that has not begun: it may be a short one, which is done before long ones
// would notice, and that nobody can know before it is open. The recording then gives its place back (Lose) and claims one again (Regain). It stays open
// meanwhile and goes on where it was, so a turn may be short. Without does the same for a long
// download. A recording that somebody asked for, of the class Expedited or higher, keeps its place
// while only claims of lower classes wait. Raise moves a recording that has begun to a higher
// class, and with it the claim that it waits with.
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
	"math"
	"slices"
	"sync"
	"time"

	"github.com/asr-backend/asr-backend/priority"
)

// Turns shares places. It is safe for concurrent use.
type Turns struct {
	mu     sync.Mutex               // guards the fields below
	most   int                      // recordings that may be open
	open   int                      // those that are, or have been granted a place to be
	free   int                      // places
	line   []*claim                 // that wait, in order of arrival
	used   map[string]time.Duration // that projects had places for
	served map[string]uint64        // when projects were granted a place last, in turns
	turn   uint64                   // the last one
	places map[string]*Place        // that jobs have or claim, by key
}

// claim waits for a place.
type claim struct {
	opens   bool   // a recording that is not open yet
	place   *Place // of one that is open
	project string
	lowest  priority.Class
	granted chan struct{} // closed when it has one
}

// class is that of the recording by now.
func (c *claim) class() priority.Class {
	if c.place != nil {
		return c.place.class
	}
	return c.lowest
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
	turnLength = 10 * time.Second
	// turnOfLower is how long it does while one of a higher class waits.
	turnOfLower = 5 * time.Second
	// turnOfBegun is how long it does while one of its class waits to be opened, and may be.
	turnOfBegun = 2 * time.Second
)

// ahead is how much less time than all others a project can have had: it then comes first until
// that is made up for.
const ahead = 30 * time.Second

// spare is how many recordings may be open besides those that have a place.
const spare = 6

// New returns Turns with so many places, at least one. More recordings may be open, see Most.
func New(places int) *Turns {
	places = max(places, 1)
	return &Turns{most: places + spare, free: places, used: map[string]time.Duration{}, served: map[string]uint64{}, places: map[string]*Place{}}
}

// Resize changes the number of places, to at least one. Those that are taken stay so.
func (t *Turns) Resize(places int) {
	t.mu.Lock()
	defer t.mu.Unlock()
	most := max(places, 1) + spare
	t.free += most - t.most
	t.most = most
	t.grant()
}

// Most is how many recordings may be open.
func (t *Turns) Most() int {
	t.mu.Lock()
	defer t.mu.Unlock()
	return t.most
}

// Take waits for a place, which is to be given back with Give, or to a job with Open. It fails
// with the cause of ctx.
//
// No more places are granted so than recordings may be open.
func (t *Turns) Take(ctx context.Context, project string, class priority.Class) error {
	return t.claim(ctx, &claim{opens: true, project: project, lowest: class, granted: make(chan struct{})})
}

func (t *Turns) claim(ctx context.Context, c *claim) error {
	t.mu.Lock()
	t.join(c.project)
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
		t.release(c.opens)
	}
	return context.Cause(ctx)
}

// join counts a project in that has neither a place nor a claim.
func (t *Turns) join(project string) {
	active := map[string]bool{}
	for _, p := range t.places {
		active[p.project] = true
	}
	for _, c := range t.line {
		active[c.project] = true
	}
	if active[project] {
		return
	}
	if len(active) == 0 {
		clear(t.used)
		return
	}
	least := time.Duration(math.MaxInt64)
	for other := range active {
		least = min(least, t.used[other])
	}
	t.used[project] = max(t.used[project], least-ahead)
}

// before reports whether a claim is granted before another one that came earlier.
func (t *Turns) before(c, earlier *claim) bool {
	if a, b := c.class(), earlier.class(); a != b {
		return a > b
	}
	if a, b := t.used[c.project], t.used[earlier.project]; a != b {
		return a < b
	}
	return t.served[c.project] < t.served[earlier.project]
}

// Give gives back a place that was taken and that no job has.
func (t *Turns) Give() {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.release(true)
}

// release frees a place, and with closes the room of an open recording.
func (t *Turns) release(closes bool) {
	t.free++
	if closes {
		t.open--
	}
	t.grant()
}

// grant gives free places to those whose turn it is.
func (t *Turns) grant() {
	for t.free > 0 {
		first := -1
		for i, c := range t.line {
			if !(c.opens && t.open >= t.most) && (first < 0 || t.before(c, t.line[first])) {
				first = i
			}
		}
		if first < 0 {
			return
		}
		c := t.line[first]
		t.line = slices.Delete(t.line, first, first+1)
		t.free--
		if c.opens {
			t.open++
		}
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

// Raise moves the recording to a class, if that is higher than its own.
func (p *Place) Raise(class priority.Class) {
	if p == nil {
		return
	}
	p.t.mu.Lock()
	defer p.t.mu.Unlock()
	p.class = max(p.class, class)
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
	p.t.open--
	p.t.grant()
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
		if c.class() < p.class && p.class >= priority.Expedited {
			return false
		}
		return had >= turnLength || had >= turnOfLower && c.class() > p.class ||
			had >= turnOfBegun && c.class() >= p.class && c.opens && p.t.open < p.t.most
	})
}

// Lose gives the place back, unless it is lost already.
func (p *Place) Lose() {
	p.t.mu.Lock()
	lost := p.since.IsZero()
	if !lost {
		had := time.Since(p.since)
		p.before += had
		p.t.used[p.project] += had
		p.since = time.Time{}
	}
	if !lost {
		p.t.release(false)
	}
	p.t.mu.Unlock()
}

// Regain waits for a place again, unless it is there. It fails with the cause of ctx.
func (p *Place) Regain(ctx context.Context) error {
	p.t.mu.Lock()
	lost := p.since.IsZero()
	p.t.mu.Unlock()
	if !lost {
		return nil
	}
	if err := p.t.claim(ctx, &claim{place: p, project: p.project, granted: make(chan struct{})}); err != nil {
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
