package jobs

import (
	"cmp"
	"iter"
	"slices"
	"time"

	"github.com/asr-backend/asr-backend/priority"
)

// Filter chooses jobs for Jobs and List. A zero field matches everything.
type Filter struct {
	Project string
	Kind    string
	States  []State
	Limit   int // at most so many, the latest change first; 0 means all
}

// Jobs yields the jobs that match, the latest change first, without their payloads. Like
// List, Peek and Pairs it reads the index of this process and asks no server.
func (q *Queue) Jobs(f Filter) iter.Seq[Job] {
	return func(yield func(Job) bool) {
		for _, e := range q.index.list(f) {
			if !yield(*e.job) {
				return
			}
		}
	}
}

// List collects Jobs. Use Jobs for a large number, since List copies them all.
func (q *Queue) List(f Filter) []Job { return slices.Collect(q.Jobs(f)) }

// Peek returns a job of the index without its payload; ok is false if there is none.
func (q *Queue) Peek(key string) (j Job, ok bool) {
	if e := q.index.get(key); e != nil {
		return *e.job, true
	}
	return Job{}, false
}

// Find is Peek without the copy: the job is the one of the index, and must not be changed.
func (q *Queue) Find(key string) (j *Job, ok bool) {
	if e := q.index.get(key); e != nil {
		return e.job, true
	}
	return nil, false
}

// Ahead returns how many jobs of its kind are taken before a job that is ready to be taken, if no
// more come. For other jobs it is 0.
func (q *Queue) Ahead(key string) int { return q.index.ahead(key, time.Now()) }

// Alike returns the other jobs of a job's kind and content, in no particular order and without
// their payloads. A job whose content is not known has none. Of jobs at other processes the
// latest changes may be missing.
func (q *Queue) Alike(j Job) []Job {
	if j.Content == "" {
		return nil
	}
	var out []Job
	for _, e := range q.index.ofContent(j.Kind, j.Content) {
		if e.job.Key != j.Key {
			out = append(out, *e.job)
		}
	}
	return out
}

// Pairs yields the jobs that match, the latest change first, each with the job that it was
// enqueued after, or nil if there is none any more. It is for looking at very many jobs: they
// are those of the index, not copies, and must not be changed. They have no payloads.
func (q *Queue) Pairs(f Filter) iter.Seq2[*Job, *Job] {
	return func(yield func(job, after *Job) bool) {
		list := q.index.list(f)
		for i, after := range q.index.predecessors(list) {
			if !yield(list[i].job, after) {
				return
			}
		}
	}
}

// Stats is a snapshot for metrics and status pages. Taking it does no input or output.
type Stats struct {
	Groups []Group `json:"groups"`
	// Oldest is the creation time of the oldest ready job, by kind and class. Classes
	// without ready jobs are missing.
	Oldest map[string]map[priority.Class]time.Time `json:"oldest"`
	Leases int                                     `json:"leases"` // held by this process
	// Bytes is the size on disk by bucket, as of the latest health check.
	Bytes map[string]int64 `json:"bytes"`
	// Free is the free space on the disk of the data directory, in bytes, as of the latest
	// health check; negative with a cluster, which does not report it.
	Free int64 `json:"free"`
	// Kept is the size of the windows that done jobs keep, in bytes.
	Kept int64 `json:"kept"`
}

// Group counts the jobs of one project, kind, class and state.
type Group struct {
	Project string         `json:"project"`
	Kind    string         `json:"kind"`
	Class   priority.Class `json:"class"`
	State   State          `json:"state"`
	Jobs    int64          `json:"jobs"`
}

// Stats returns counts for metrics and status pages.
func (q *Queue) Stats() Stats {
	s := q.index.stats(time.Now())
	slices.SortFunc(s.Groups, func(a, b Group) int {
		return cmp.Or(cmp.Compare(a.Project, b.Project), cmp.Compare(a.Kind, b.Kind),
			cmp.Compare(a.Class, b.Class), cmp.Compare(a.State, b.State))
	})
	q.mu.Lock()
	s.Leases = len(q.held)
	q.mu.Unlock()
	q.condMu.Lock()
	s.Bytes, s.Free = q.bytes, q.free
	q.condMu.Unlock()
	return s
}

func (x *index) stats(now time.Time) Stats {
	x.mu.Lock()
	defer x.mu.Unlock()
	x.promote(now)
	s := Stats{Oldest: make(map[string]map[priority.Class]time.Time), Kept: x.keptBytes}
	for k, n := range x.counts {
		s.Groups = append(s.Groups, Group{k.project, k.kind, k.class, k.state, n})
	}
	for kind, ready := range x.kinds {
		for c := range ready {
			first := ready[c].oldest()
			if e := ready[c].suspects.oldest(); e != nil && (first == nil || older(e, first)) {
				first = e
			}
			if first == nil {
				continue
			}
			if s.Oldest[kind] == nil {
				s.Oldest[kind] = make(map[priority.Class]time.Time)
			}
			s.Oldest[kind][priority.Class(c)] = first.job.Created
		}
	}
	return s
}
