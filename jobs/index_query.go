package jobs

import (
	"cmp"
	"slices"
	"time"
)

// get returns what is known of a job.
func (x *index) get(key string) (entry, bool) {
	x.mu.Lock()
	defer x.mu.Unlock()
	if e := x.jobs[key]; e != nil {
		return *e, true
	}
	return entry{}, false
}

// newer tells whether more is known than an answer about a job says that has the revision
// rev, 0 if there is none, and what revision the answer should have at least. Of a job that
// is not here the watch may have brought the end.
func (x *index) newer(key string, rev uint64) (uint64, bool) {
	x.mu.Lock()
	defer x.mu.Unlock()
	switch e := x.jobs[key]; {
	case e == nil:
		return x.seen, rev > 0 && rev <= x.seen
	case e.damaged:
		return 0, false
	default:
		return e.rev, rev < e.rev
	}
}

// await registers a channel that is closed when the job ends or is removed.
func (x *index) await(key string) chan struct{} {
	x.mu.Lock()
	defer x.mu.Unlock()
	ch := make(chan struct{})
	if x.waiters[key] == nil {
		x.waiters[key] = make(map[chan struct{}]struct{})
	}
	x.waiters[key][ch] = struct{}{}
	return ch
}

// unawait takes back a channel that await gave.
func (x *index) unawait(key string, ch chan struct{}) {
	x.mu.Lock()
	defer x.mu.Unlock()
	delete(x.waiters[key], ch)
	if len(x.waiters[key]) == 0 {
		delete(x.waiters, key)
	}
}

func (x *index) tell(key string) {
	for ch := range x.waiters[key] {
		close(ch)
	}
	delete(x.waiters, key)
}

func (x *index) count(e *entry, by int64) {
	k := countKey{e.job.Project, e.job.Kind, e.job.Class, e.job.State}
	c := x.counts[k]
	c.Jobs += by
	c.Weight += by * e.job.weight()
	x.counts[k] = c
	if c == (Count{}) {
		delete(x.counts, k)
	}
	if !e.job.State.Ended() {
		x.live += int(by)
	}
	if e.result != nil {
		x.stored += by * e.result.Size
	}
}

// full tells whether limit jobs have not ended.
func (x *index) full(limit int) bool {
	x.mu.Lock()
	defer x.mu.Unlock()
	return x.live >= limit
}

// saw notes that the watch has delivered everything up to rev.
func (x *index) saw(rev uint64) {
	x.mu.Lock()
	defer x.mu.Unlock()
	x.seen = max(x.seen, rev)
}

// extent returns a revision and how many jobs there are, at least, at that revision.
func (x *index) extent() (jobs int, seen uint64) {
	x.mu.Lock()
	defer x.mu.Unlock()
	return len(x.jobs), x.seen
}

// list returns the jobs that match, the newest change first.
func (x *index) list(f Filter) []Job {
	var found []*Job
	x.mu.Lock()
	for _, e := range x.jobs {
		if f.matches(e.job) {
			found = append(found, e.job)
		}
	}
	x.mu.Unlock()
	slices.SortFunc(found, func(a, b *Job) int { return cmp.Compare(b.Revision, a.Revision) })
	if f.Limit > 0 && len(found) > f.Limit {
		found = found[:f.Limit]
	}
	jobs := make([]Job, len(found))
	for i, j := range found {
		jobs[i] = *j
	}
	return jobs
}

// silent returns the running jobs of which nothing was heard after since and which are not
// in held, the keys that this process works on.
func (x *index) silent(since time.Time, held map[string]bool) []string {
	x.mu.Lock()
	defer x.mu.Unlock()
	var keys []string
	for key, e := range x.jobs {
		if e.job.State == Running && !held[key] && !e.seen.After(since) {
			keys = append(keys, key)
		}
	}
	return keys
}

// expired chooses the ended jobs that retention gives up, the longest ended first. A job
// stays while another waits for it or has yet to look at how it ended.
func (x *index) expired(o *Options, now time.Time) []*entry {
	var ended []*entry
	needed := make(map[string]bool)
	x.mu.Lock()
	bytes := x.stored
	for _, e := range x.jobs {
		switch {
		case !e.job.State.Ended():
			needed[e.job.After] = true
		case !e.damaged:
			ended = append(ended, e)
		}
	}
	x.mu.Unlock()
	// What is read here of an entry never changes.
	ended = slices.DeleteFunc(ended, func(e *entry) bool { return needed[e.job.Key] })
	slices.SortFunc(ended, func(a, b *entry) int { return a.job.Ended.Compare(b.job.Ended) })
	var gone []*entry
	over := len(ended) - o.KeepJobs
	for _, e := range ended {
		keep := o.KeepDone
		if e.job.State == Dead {
			keep = o.KeepDead
		}
		tooMuch := e.result != nil && bytes > o.KeepBytes
		if over <= 0 && !tooMuch && now.Sub(e.job.Ended) <= keep {
			continue
		}
		gone = append(gone, e)
		over--
		if e.result != nil {
			bytes -= e.result.Size
		}
	}
	return gone
}

// inUse returns the IDs of the jobs that have not ended and the names of the results that
// ended jobs point to.
func (x *index) inUse() (ids, results map[string]bool) {
	x.mu.Lock()
	defer x.mu.Unlock()
	ids, results = make(map[string]bool), make(map[string]bool)
	for _, e := range x.jobs {
		if !e.job.State.Ended() {
			ids[e.id] = true
		}
		if e.result != nil {
			results[e.result.Name] = true
		}
	}
	return ids, results
}
