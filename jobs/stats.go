package jobs

import (
	"cmp"
	"slices"
	"time"
)

// Filter chooses jobs for List. A zero field matches everything.
type Filter struct {
	Project string
	Kind    string
	States  []State
	Limit   int // at most so many, the newest change first; 0 means all
}

func (f Filter) matches(j *Job) bool {
	if f.Project != "" && f.Project != j.Project || f.Kind != "" && f.Kind != j.Kind {
		return false
	}
	for _, s := range f.States {
		if s == j.State {
			return true
		}
	}
	return len(f.States) == 0
}

// Count is a number of jobs and the sum of their weights, where 0 counts as 1.
type Count struct {
	Jobs   int64 `json:"jobs"`
	Weight int64 `json:"weight"`
}

// Stats is a snapshot for metrics and status pages. Taking it does no input or output.
type Stats struct {
	Groups []Group `json:"groups"`
	// Oldest is when the job was created that has been ready to run for longest, by kind
	// and class; nothing stands for a class in which nothing is ready.
	Oldest map[string]map[Class]time.Time `json:"oldest"`
	Leases int                            `json:"leases"` // held by this process
	// Bytes is what the buckets take on disk, by bucket, as of the latest check.
	Bytes map[string]int64 `json:"bytes"`
	// Free is the space left for the data directory as of the latest check; negative
	// with a cluster, which does not say.
	Free int64 `json:"free"`
}

// Group counts the jobs of one project, kind, class and state.
type Group struct {
	Project string `json:"project"`
	Kind    string `json:"kind"`
	Class   Class  `json:"class"`
	State   State  `json:"state"`
	Count
}

func (x *index) stats(now time.Time) Stats {
	x.mu.Lock()
	defer x.mu.Unlock()
	x.promote(now)
	s := Stats{Oldest: make(map[string]map[Class]time.Time)}
	for k, c := range x.counts {
		s.Groups = append(s.Groups, Group{k.project, k.kind, k.class, k.state, c})
	}
	slices.SortFunc(s.Groups, func(a, b Group) int {
		return cmp.Or(cmp.Compare(a.Project, b.Project), cmp.Compare(a.Kind, b.Kind),
			cmp.Compare(a.Class, b.Class), cmp.Compare(a.State, b.State))
	})
	for kind, turns := range x.kinds {
		for c := range turns {
			first := turns[c].oldest()
			if e := turns[c].suspects.oldest(); e != nil && (first == nil || older(e, first)) {
				first = e
			}
			if first == nil {
				continue
			}
			if s.Oldest[kind] == nil {
				s.Oldest[kind] = make(map[Class]time.Time)
			}
			s.Oldest[kind][Class(c)] = first.job.Created
		}
	}
	return s
}
