package jobs

import (
	"container/heap"
	"errors"
	"maps"
	"slices"
	"sync"
	"time"
	"unique"

	"github.com/asr-backend/asr-backend/priority"
)

// index holds the records of all jobs in memory, without payloads. It receives changes from
// the watch on the bucket and from the process's own writes, whichever comes first; the
// higher revision wins. It chooses the next job, and the compare-and-set on the record
// decides whether that was right, so an outdated index costs a second choice and never a job.
//
// The methods take the time as an argument and do no input or output.
type index struct {
	mu      sync.Mutex // guards all fields below
	jobs    map[string]*entry
	groups  map[string]map[string][]*entry // the same, by project and kind
	kinds   map[string]*[priority.Classes]ready
	due     entries                        // queued, scheduled for later
	after   map[string]map[*entry]struct{} // queued, by the key of the job that must end first
	alike   map[string]map[*entry]struct{} // by content
	kept    entries                        // done, with windows, see kept.go
	keptAs  map[string]map[*entry]struct{} // the same, by name
	waiters map[string]map[chan struct{}]struct{}
	counts  map[countKey]int64
	changes changes
	live    int // jobs that have not ended
	// keptBytes is the size of the windows of kept.
	keptBytes int64
	seen      uint64        // everything up to this revision has been applied
	wake      chan struct{} // closed and replaced when a job may be ready

	// A job that crashed this often is a suspect. suspect is the key of the one that this
	// process runs, if any.
	suspicious int
	suspect    string
}

// ready are the jobs of one kind and class that may run now. Suspects stand apart and go
// first, one at a time: when a job kills its process, the jobs beside it crash too, and
// running suspects alone shows which of them it was.
type ready struct {
	roundRobin
	suspects roundRobin
}

type countKey struct {
	project, kind string
	class         priority.Class
	state         State
}

type place uint8

const (
	inNone    place = iota // running, or ended and without windows
	inReady                // waits for a worker
	inClaim                // picked, while the claim is written
	inDue                  // in the heap of scheduled jobs
	inBlocked              // waits for another job
	inKept                 // done, and keeps its windows
)

// entry is one revision of a job. The first group of fields never changes, so it may be read
// without the lock; the second is guarded by the index.
type entry struct {
	job     *Job // without payload
	id      string
	afterID string
	lease   string
	result  *resultRef
	kept    *kept
	rev     uint64
	seen    time.Time // when this process received rev, by its own clock
	damaged bool      // the record cannot be read

	where place
	at    int // position in a heap
	slot  int // position in its group
}

func newIndex(maxDeliver int) *index {
	return &index{
		// A single crash is common: the process was stopped, the power failed. If few
		// crashes are allowed, there is no time to wait for a second one.
		suspicious: max(1, min(2, maxDeliver-1)),
		jobs:       make(map[string]*entry),
		groups:     make(map[string]map[string][]*entry),
		kinds:      make(map[string]*[priority.Classes]ready),
		due:        entries{before: sooner},
		after:      make(map[string]map[*entry]struct{}),
		alike:      make(map[string]map[*entry]struct{}),
		kept:       entries{before: endedFirst},
		keptAs:     make(map[string]map[*entry]struct{}),
		waiters:    make(map[string]map[chan struct{}]struct{}),
		counts:     make(map[countKey]int64),
		changes:    newChanges(),
		wake:       make(chan struct{}),
	}
}

// apply stores a record at a revision, unless a newer one is known.
func (x *index) apply(r record, rev uint64, now time.Time) {
	job := r.Job
	job.Payload, job.Revision = nil, rev
	job.Project, job.Kind = unique.Make(job.Project).Value(), unique.Make(job.Kind).Value()
	x.put(&entry{
		job: &job, id: r.ID, afterID: r.AfterID, lease: r.Lease, result: r.Result, kept: r.Kept, rev: rev, seen: now,
	}, now)
}

// applyDamaged stores a record that cannot be read. The job shows as dead, is never taken,
// and stays until it is removed.
func (x *index) applyDamaged(key string, rev uint64, why error, now time.Time) {
	reason, _ := describe(why)
	hint := "the record is damaged, or another program wrote it; the job is enqueued afresh when it is asked for again, as by opening its task"
	if errors.Is(why, ErrFormat) {
		hint = "use the newer version of this program again"
	}
	x.put(&entry{damaged: true, rev: rev, seen: now, job: &Job{
		Key: key, State: Discarded, Updated: now, Ended: now, Revision: rev,
		Reason: "the stored record cannot be read: " + reason,
		Hint:   hint,
	}}, now)
}

func (x *index) put(e *entry, now time.Time) {
	x.mu.Lock()
	defer x.mu.Unlock()
	old := x.jobs[e.job.Key]
	if old != nil {
		if e.rev <= old.rev {
			return
		}
		if old.where == inReady && e.job.State == Running { // another process took it
			x.ready(old.job).served(old.job.Project)
		}
		x.unplace(old)
		x.ungroup(old)
		x.count(old, -1)
	}
	x.jobs[e.job.Key] = e
	x.group(e)
	if e.job.State != Running {
		x.endIsolation(e.job.Key)
	}
	x.count(e, +1)
	x.place(e, now)
	if e.job.State.Ended() {
		x.notify(e.job.Key)
	}
	x.touch(e)
	x.updateDependents(e.job.Key, now)
}

// drop deletes a job that was removed at rev.
func (x *index) drop(key string, rev uint64, now time.Time) {
	x.mu.Lock()
	defer x.mu.Unlock()
	e := x.jobs[key]
	if e == nil || rev <= e.rev {
		return
	}
	x.unplace(e)
	x.ungroup(e)
	x.count(e, -1)
	delete(x.jobs, key)
	x.endIsolation(key)
	x.notify(key)
	x.touch(e)
	x.updateDependents(key, now)
}

// sweep deletes the jobs that a complete reading of the bucket up to seq did not show.
func (x *index) sweep(shown map[string]struct{}, seq uint64, now time.Time) {
	for _, e := range x.snapshot("", "") {
		if _, ok := shown[e.job.Key]; !ok && e.rev <= seq {
			x.drop(e.job.Key, seq+1, now)
		}
	}
}

func (x *index) ready(j *Job) *roundRobin {
	k := x.kinds[j.Kind]
	if k == nil {
		k = new([priority.Classes]ready)
		for c := range k {
			k[c].before, k[c].suspects.before = older, fewerCrashes
		}
		x.kinds[j.Kind] = k
	}
	if j.Crashes >= x.suspicious {
		return &k[j.Class].suspects
	}
	return &k[j.Class].roundRobin
}

// endIsolation lets the next suspect run after the one that this process has run.
func (x *index) endIsolation(key string) {
	if x.suspect == key {
		x.suspect = ""
		x.signal()
	}
}

func (x *index) signal() {
	close(x.wake)
	x.wake = make(chan struct{})
}

func (x *index) place(e *entry, now time.Time) {
	if e.job.State != Queued {
		if e.where = inNone; e.kept != nil {
			x.keep(e)
		}
		return
	}
	if p := e.job.After; p != "" {
		if x.after[p] == nil {
			x.after[p] = make(map[*entry]struct{})
		}
		x.after[p][e] = struct{}{}
	}
	switch {
	case x.blocked(e):
		e.where = inBlocked
		return
	case e.job.NotBefore.After(now):
		e.where = inDue
		heap.Push(&x.due, e)
		if e.at != 0 {
			return
		}
	default:
		e.where = inReady
		x.ready(e.job).add(e)
	}
	x.signal()
}

func (x *index) unplace(e *entry) {
	switch e.where {
	case inReady:
		x.ready(e.job).remove(e)
	case inDue:
		heap.Remove(&x.due, e.at)
	case inKept:
		x.unkeep(e)
	}
	e.where = inNone
	if p := e.job.After; p != "" {
		delete(x.after[p], e)
		if len(x.after[p]) == 0 {
			delete(x.after, p)
		}
	}
}

// blocked reports whether e waits for a job that exists and has not ended.
func (x *index) blocked(e *entry) bool {
	p := x.jobs[e.job.After]
	return e.job.After != "" && p != nil && p.id == e.afterID && !p.job.State.Ended()
}

// updateDependents moves the jobs that wait, or waited, for a job to their new place.
func (x *index) updateDependents(key string, now time.Time) {
	for _, e := range slices.Collect(maps.Keys(x.after[key])) {
		if e.where != inClaim && (e.where == inBlocked) != x.blocked(e) {
			x.unplace(e)
			x.place(e, now)
		}
	}
}

func (x *index) promote(now time.Time) {
	for x.due.Len() > 0 && !x.due.list[0].job.NotBefore.After(now) {
		e := x.due.list[0]
		x.unplace(e)
		x.place(e, now)
	}
}

// pick takes out the job whose turn it is. If there is none, ok is false, wake is closed when
// that may have changed, and nextDue is when the next scheduled job is due, zero if there is
// none.
func (x *index) pick(kind string, least priority.Class, now time.Time) (key string, ok bool, wake <-chan struct{}, nextDue time.Time) {
	x.mu.Lock()
	defer x.mu.Unlock()
	e, from := x.first(kind, least, now)
	if e == nil {
		return "", false, x.wake, x.nextDue()
	}
	if from.next(); from == &x.kinds[kind][e.job.Class].suspects {
		x.suspect = e.job.Key
	}
	e.where = inClaim
	return e.job.Key, true, nil, time.Time{}
}

// front returns the job whose turn it is and leaves it where it is. If there is none, e is nil,
// and wake and nextDue are those of pick.
func (x *index) front(kind string, least priority.Class, now time.Time) (e *entry, wake <-chan struct{}, nextDue time.Time) {
	x.mu.Lock()
	defer x.mu.Unlock()
	if e, _ = x.first(kind, least, now); e != nil {
		return e, nil, time.Time{}
	}
	return nil, x.wake, x.nextDue()
}

// first returns the job whose turn it is and the ring that it is in, nil if there is none.
func (x *index) first(kind string, least priority.Class, now time.Time) (*entry, *roundRobin) {
	x.promote(now)
	k := x.kinds[kind]
	for c := int(priority.Classes) - 1; k != nil && c >= int(least); c-- {
		if e := k[c].suspects.front(); e != nil && x.suspect == "" {
			return e, &k[c].suspects
		}
		if e := k[c].front(); e != nil {
			return e, &k[c].roundRobin
		}
	}
	return nil, nil
}

// nextDue returns when the next scheduled job is due, zero if there is none.
func (x *index) nextDue() time.Time {
	if x.due.Len() == 0 {
		return time.Time{}
	}
	return x.due.list[0].job.NotBefore
}

// unpick puts back a job whose claim was not written.
func (x *index) unpick(key string, now time.Time) {
	x.mu.Lock()
	defer x.mu.Unlock()
	x.endIsolation(key)
	e := x.jobs[key]
	if e != nil && e.where == inClaim {
		x.place(e, now)
	}
}
