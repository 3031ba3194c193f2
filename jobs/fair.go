package jobs

import (
	"container/heap"
	"container/list"
)

// roundRobin holds the ready jobs of one kind and class. The projects that have any take
// turns, one job a turn, so that a project with a backlog delays another by one job at
// most. Within a project the oldest job goes first. A project without jobs has no place in
// the ring and joins it at the end, so that having been idle earns nothing.
type roundRobin struct {
	before func(a, b *entry) bool // orders the jobs of a project
	ring   list.List              // of *entries, one a project; the next turn is in front
	of     map[string]*list.Element
	n      int // jobs of all projects
}

func (r *roundRobin) add(e *entry) {
	turn := r.of[e.job.Project]
	if turn == nil {
		turn = r.ring.PushBack(&entries{before: r.before})
		if r.of == nil {
			r.of = make(map[string]*list.Element)
		}
		r.of[e.job.Project] = turn
	}
	heap.Push(turn.Value.(*entries), e)
	r.n++
}

func (r *roundRobin) remove(e *entry) {
	turn := r.of[e.job.Project]
	jobs := turn.Value.(*entries)
	heap.Remove(jobs, e.at)
	r.n--
	if jobs.Len() == 0 {
		r.ring.Remove(turn)
		delete(r.of, e.job.Project)
	}
}

// front returns the job whose turn it is; nil if there is none.
func (r *roundRobin) front() *entry {
	turn := r.ring.Front()
	if turn == nil {
		return nil
	}
	return turn.Value.(*entries).list[0]
}

// next takes out the job whose turn it is; nil if there is none.
func (r *roundRobin) next() *entry {
	e := r.front()
	if e == nil {
		return nil
	}
	r.served(e.job.Project)
	r.remove(e)
	return e
}

// projects appends the projects that have jobs.
func (r *roundRobin) projects(list []string) []string {
	for turn := r.ring.Front(); turn != nil; turn = turn.Next() {
		list = append(list, turn.Value.(*entries).list[0].job.Project)
	}
	return list
}

// served ends the turn of a project, whichever process ran its job.
func (r *roundRobin) served(project string) {
	if turn := r.of[project]; turn != nil {
		r.ring.MoveToBack(turn)
	}
}

// ahead returns how many jobs come before one that is ready, if no more come.
func (r *roundRobin) ahead(e *entry) int {
	rank := 0
	for _, other := range r.of[e.job.Project].Value.(*entries).list {
		if r.before(other, e) {
			rank++
		}
	}
	n, first := rank, true // first: its own project's turn comes after that of the one looked at
	for turn := r.ring.Front(); turn != nil; turn = turn.Next() {
		others := turn.Value.(*entries)
		switch {
		case others.list[0].job.Project == e.job.Project:
			first = false
		case first:
			n += min(rank+1, others.Len())
		default:
			n += min(rank, others.Len())
		}
	}
	return n
}

// oldest returns the job that was created first among all projects; nil if there is none.
func (r *roundRobin) oldest() *entry {
	var first *entry
	for turn := r.ring.Front(); turn != nil; turn = turn.Next() {
		if e := turn.Value.(*entries).list[0]; first == nil || older(e, first) {
			first = e
		}
	}
	return first
}

// entries is a heap of jobs. Every entry knows its position, so that it can be taken out
// of the middle.
type entries struct {
	before func(a, b *entry) bool
	list   []*entry
}

// older orders the jobs of a project. A job that crashed or was released keeps its age and
// so its place.
func older(a, b *entry) bool {
	if !a.job.Created.Equal(b.job.Created) {
		return a.job.Created.Before(b.job.Created)
	}
	return a.job.Key < b.job.Key
}

// fewerCrashes orders suspects: the one that saw the fewest crashes is the least likely to
// cause the next.
func fewerCrashes(a, b *entry) bool {
	if a.job.Crashes != b.job.Crashes {
		return a.job.Crashes < b.job.Crashes
	}
	return older(a, b)
}

// sooner orders scheduled jobs.
func sooner(a, b *entry) bool { return a.job.NotBefore.Before(b.job.NotBefore) }

func (h *entries) Len() int           { return len(h.list) }
func (h *entries) Less(i, j int) bool { return h.before(h.list[i], h.list[j]) }
func (h *entries) Swap(i, j int) {
	h.list[i], h.list[j] = h.list[j], h.list[i]
	h.list[i].at, h.list[j].at = i, j
}
func (h *entries) Push(x any) {
	e := x.(*entry)
	e.at = len(h.list)
	h.list = append(h.list, e)
}
func (h *entries) Pop() any {
	last := len(h.list) - 1
	e := h.list[last]
	h.list[last] = nil
	h.list = h.list[:last]
	e.at = -1
	return e
}
