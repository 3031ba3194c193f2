package jobs

import "container/heap"

// lanes holds the ready jobs of one kind and class and lets the projects take turns by
// start-time fair queueing (Goyal, Vin, Cheng: Start-time Fair Queueing, SIGCOMM 1996).
//
// Every project has a lane, oldest job first. A lane's start tag is the weight it has been
// served; the lane with the smallest tag is served next and pays for its job. A lane that
// wakes starts at the tag served last, so that having been idle earns nothing. Two lanes
// that both have work all the while differ in served weight by at most the heaviest job
// of the one plus the heaviest job of the other.
type lanes struct {
	virtual int64                  // the start tag of the latest hand-out
	before  func(a, b *entry) bool // orders the jobs of a lane
	of      map[string]*lane
	busy    laneHeap // lanes with jobs, smallest start tag first
	n       int      // jobs in all lanes
}

type lane struct {
	project string
	start   int64
	jobs    entries
	at      int // position in busy; -1 when idle
}

func (ls *lanes) lane(project string) *lane {
	l := ls.of[project]
	if l == nil {
		if ls.of == nil {
			ls.of = make(map[string]*lane)
		}
		l = &lane{project: project, start: ls.virtual, jobs: entries{before: ls.before}, at: -1}
		ls.of[project] = l
	}
	return l
}

func (ls *lanes) add(e *entry) {
	l := ls.lane(e.job.Project)
	heap.Push(&l.jobs, e)
	ls.n++
	if l.at < 0 {
		l.start = max(l.start, ls.virtual)
		heap.Push(&ls.busy, l)
	}
}

func (ls *lanes) remove(e *entry) {
	l := ls.of[e.job.Project]
	heap.Remove(&l.jobs, e.at)
	ls.n--
	if l.jobs.Len() == 0 {
		heap.Remove(&ls.busy, l.at)
	}
	ls.prune()
}

// next takes out the job whose turn it is and charges its project; nil if there is none.
func (ls *lanes) next() *entry {
	if len(ls.busy) == 0 {
		return nil
	}
	l := ls.busy[0]
	e := l.jobs.list[0]
	ls.virtual = l.start
	ls.charge(e.job.Project, e.job.weight())
	ls.remove(e)
	return e
}

// charge makes a project pay for a hand-out, here or in another process; a negative weight
// takes a charge back.
func (ls *lanes) charge(project string, weight int64) {
	l := ls.lane(project)
	l.start += weight
	if l.at >= 0 {
		heap.Fix(&ls.busy, l.at)
	}
}

// prune forgets idle lanes that owe nothing any more, and everything when all are idle.
func (ls *lanes) prune() {
	if len(ls.busy) == 0 {
		ls.virtual = 0
		clear(ls.of)
		return
	}
	if len(ls.of) <= 2*len(ls.busy)+16 {
		return
	}
	for p, l := range ls.of {
		if l.at < 0 && l.start <= ls.virtual {
			delete(ls.of, p)
		}
	}
}

// oldest returns the job that was created first among all lanes; nil if there is none.
func (ls *lanes) oldest() *entry {
	var first *entry
	for _, l := range ls.busy {
		if e := l.jobs.list[0]; first == nil || older(e, first) {
			first = e
		}
	}
	return first
}

func (j *Job) weight() int64 { return max(j.Weight, 1) }

type laneHeap []*lane

func (h laneHeap) Len() int { return len(h) }
func (h laneHeap) Less(i, j int) bool {
	if h[i].start != h[j].start {
		return h[i].start < h[j].start
	}
	return h[i].project < h[j].project
}
func (h laneHeap) Swap(i, j int) {
	h[i], h[j] = h[j], h[i]
	h[i].at, h[j].at = i, j
}
func (h *laneHeap) Push(x any) {
	l := x.(*lane)
	l.at = len(*h)
	*h = append(*h, l)
}
func (h *laneHeap) Pop() any {
	old := *h
	l := old[len(old)-1]
	old[len(old)-1] = nil
	*h = old[:len(old)-1]
	l.at = -1
	return l
}

// entries is a heap of jobs. Every entry knows its position, so that it can be taken out
// of the middle.
type entries struct {
	before func(a, b *entry) bool
	list   []*entry
}

// older orders the jobs of a lane. A job that was lost or released keeps its place, for its
// age does not change.
func older(a, b *entry) bool {
	if !a.job.Created.Equal(b.job.Created) {
		return a.job.Created.Before(b.job.Created)
	}
	return a.job.Key < b.job.Key
}

// lessLost orders suspects: the one that was in the fewest accidents is the least likely to
// cause the next.
func lessLost(a, b *entry) bool {
	if a.job.Losses != b.job.Losses {
		return a.job.Losses < b.job.Losses
	}
	return older(a, b)
}

// sooner orders the jobs that wait for their time.
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
