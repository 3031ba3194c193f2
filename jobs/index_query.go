package jobs

import (
	"cmp"
	"maps"
	"slices"
	"time"

	"github.com/asr-backend/asr-backend/priority"
)

// get returns a job, nil if it is not known.
func (x *index) get(key string) *entry {
	x.mu.Lock()
	defer x.mu.Unlock()
	return x.jobs[key]
}

// newer reports whether an answer with revision rev, 0 for not found, is older than the
// index, and which revision it should have had at least. A job that is not in the index may
// have been removed.
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

// await returns a channel that is closed when the job ends or is removed.
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

// unawait unregisters a channel of await.
func (x *index) unawait(key string, ch chan struct{}) {
	x.mu.Lock()
	defer x.mu.Unlock()
	delete(x.waiters[key], ch)
	if len(x.waiters[key]) == 0 {
		delete(x.waiters, key)
	}
}

func (x *index) notify(key string) {
	for ch := range x.waiters[key] {
		close(ch)
	}
	delete(x.waiters, key)
}

// group adds e to the list of its project and kind, and to those of its content.
func (x *index) group(e *entry) {
	kinds := x.groups[e.job.Project]
	if kinds == nil {
		kinds = make(map[string][]*entry)
		x.groups[e.job.Project] = kinds
	}
	e.slot = len(kinds[e.job.Kind])
	kinds[e.job.Kind] = append(kinds[e.job.Kind], e)
	if c := e.job.Content; c != "" {
		if x.alike[c] == nil {
			x.alike[c] = make(map[*entry]struct{})
		}
		x.alike[c][e] = struct{}{}
	}
}

func (x *index) ungroup(e *entry) {
	kinds := x.groups[e.job.Project]
	list := kinds[e.job.Kind]
	last := len(list) - 1
	list[e.slot], list[last].slot = list[last], e.slot
	list[last] = nil
	if kinds[e.job.Kind] = list[:last]; last == 0 {
		delete(kinds, e.job.Kind)
	}
	if len(kinds) == 0 {
		delete(x.groups, e.job.Project)
	}
	if c := e.job.Content; c != "" {
		if delete(x.alike[c], e); len(x.alike[c]) == 0 {
			delete(x.alike, c)
		}
	}
}

// ofContent returns the jobs of a kind and a content, in no particular order.
func (x *index) ofContent(kind, content string) []*entry {
	x.mu.Lock()
	defer x.mu.Unlock()
	var out []*entry
	for e := range x.alike[content] {
		if e.job.Kind == kind {
			out = append(out, e)
		}
	}
	return out
}

// snapshot returns the jobs of a project and a kind, in no particular order; an empty string
// means all. It holds the lock only to copy pointers, so that searching a hundred thousand
// jobs does not delay workers.
func (x *index) snapshot(project, kind string) []*entry {
	x.mu.Lock()
	defer x.mu.Unlock()
	var all []*entry
	add := func(kinds map[string][]*entry) {
		if kind != "" {
			all = append(all, kinds[kind]...)
			return
		}
		for _, list := range kinds {
			all = append(all, list...)
		}
	}
	if project != "" {
		add(x.groups[project])
		return all
	}
	all = make([]*entry, 0, len(x.jobs))
	for _, kinds := range x.groups {
		add(kinds)
	}
	return all
}

func (x *index) count(e *entry, by int64) {
	k := countKey{e.job.Project, e.job.Kind, e.job.Class, e.job.State}
	if x.counts[k] += by; x.counts[k] == 0 {
		delete(x.counts, k)
	}
	if !e.job.State.Ended() {
		x.live += int(by)
	}
}

// full reports whether at least limit jobs have not ended.
func (x *index) full(limit int) bool {
	x.mu.Lock()
	defer x.mu.Unlock()
	return x.live >= limit
}

// applied records that the watch has delivered everything up to rev.
func (x *index) applied(rev uint64) {
	x.mu.Lock()
	defer x.mu.Unlock()
	x.seen = max(x.seen, rev)
}

// extent returns a revision, and how many jobs there are at least at that revision.
func (x *index) extent() (jobs int, seen uint64) {
	x.mu.Lock()
	defer x.mu.Unlock()
	return len(x.jobs), x.seen
}

// list returns the jobs that match, the latest change first.
func (x *index) list(f Filter) []*entry {
	found := x.snapshot(f.Project, f.Kind)
	if len(f.States) > 0 {
		found = slices.DeleteFunc(found, func(e *entry) bool { return !slices.Contains(f.States, e.job.State) })
	}
	slices.SortFunc(found, func(a, b *entry) int { return cmp.Compare(b.rev, a.rev) })
	if f.Limit > 0 && len(found) > f.Limit {
		found = found[:f.Limit]
	}
	return found
}

// predecessors returns the jobs that jobs of the index wait for or waited for, nil where
// there is none.
func (x *index) predecessors(list []*entry) []*Job {
	out := make([]*Job, len(list))
	x.mu.Lock()
	defer x.mu.Unlock()
	for i, e := range list {
		if p := x.jobs[e.job.After]; p != nil {
			out[i] = p.job
		}
	}
	return out
}

// readyProjects returns the projects that have ready jobs of a kind, some more than once.
func (x *index) readyProjects(kind string, now time.Time) []string {
	x.mu.Lock()
	defer x.mu.Unlock()
	x.promote(now)
	var projects []string
	if k := x.kinds[kind]; k != nil {
		for c := range k {
			projects = k[c].projects(projects)
		}
	}
	return projects
}

// ahead returns how many ready jobs are taken before a ready one, if no more come; 0 for others.
func (x *index) ahead(key string, now time.Time) int {
	x.mu.Lock()
	defer x.mu.Unlock()
	x.promote(now)
	e := x.jobs[key]
	if e == nil || e.where != inReady {
		return 0
	}
	n := 0
	k := x.kinds[e.job.Kind]
	for c := e.job.Class + 1; c < priority.Classes; c++ {
		n += k[c].n + k[c].suspects.n
	}
	from := x.ready(e.job)
	if from == &k[e.job.Class].roundRobin {
		n += k[e.job.Class].suspects.n
	}
	return n + from.ahead(e)
}

// staleLeases returns the running jobs that have had no heartbeat after since, except those
// in held, which this process runs itself.
func (x *index) staleLeases(since time.Time, held map[string]bool) []*entry {
	return slices.DeleteFunc(x.snapshot("", ""), func(e *entry) bool {
		return e.job.State != Running || held[e.job.Key] || e.seen.After(since)
	})
}

// expired chooses the ended jobs that retention removes, those that ended first. A job stays
// as long as a job that was enqueued after it has not ended, which may read its result. One that was
// cancelled stays: without its record it would be enqueued again.
func (x *index) expired(o *Options, now time.Time) []*entry {
	var ended []*entry
	needed := make(map[string]bool)
	var bytes int64
	for _, e := range x.snapshot("", "") {
		if e.result != nil {
			bytes += e.result.Size
		}
		switch {
		case !e.job.State.Ended():
			needed[e.job.After] = true
		case !e.damaged && !e.job.Cancelled:
			ended = append(ended, e)
		}
	}
	ended = slices.DeleteFunc(ended, func(e *entry) bool { return needed[e.job.Key] })
	slices.SortFunc(ended, func(a, b *entry) int { return a.job.Ended.Compare(b.job.Ended) })
	var gone []*entry
	over := len(ended) - o.KeepJobs
	for _, e := range ended {
		keep := o.KeepDone
		if e.job.State == Discarded {
			keep = o.KeepDiscarded
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

// inUse returns the IDs of the jobs that have not ended or keep windows, and the names of all
// results that jobs refer to.
func (x *index) inUse() (ids, results map[string]bool) {
	ids, results = make(map[string]bool), make(map[string]bool)
	for _, e := range x.snapshot("", "") {
		if !e.job.State.Ended() {
			ids[e.id] = true
		}
		if e.result != nil {
			results[e.result.Name] = true
		}
	}
	// Later than the snapshot: a job that is done in between is in one of the two.
	keeping, _ := x.keeping()
	maps.Copy(ids, keeping)
	return ids, results
}
