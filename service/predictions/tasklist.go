package predictions

import (
	"cmp"
	"maps"
	"slices"
	"sync"
	"time"

	"github.com/asr-backend/asr-backend/jobs"
	"github.com/asr-backend/asr-backend/service/projects"
)

// TaskList counts tasks by state and lists some of them: those about which there is
// something to say first, then those that changed last.
type TaskList struct {
	// Counts are of all tasks, by state.
	Counts map[string]int
	most   int
	listed []TaskStatus // by urgency
}

// NewTaskList returns a list of at most so many tasks.
func NewTaskList(most int) *TaskList {
	return &TaskList{Counts: map[string]int{}, most: most}
}

// Add counts a task, and lists it if it is among the first. It is fast if tasks come with the
// latest change first.
func (l *TaskList) Add(t TaskStatus) {
	l.Counts[t.State]++
	full := len(l.listed) >= l.most
	if full && (l.most <= 0 || urgency(t, l.listed[l.most-1]) >= 0) {
		return
	}
	if full {
		l.listed = l.listed[:l.most-1]
	}
	i, _ := slices.BinarySearchFunc(l.listed, t, urgency)
	l.listed = slices.Insert(l.listed, i, t)
}

func (l *TaskList) clone() *TaskList {
	return &TaskList{Counts: maps.Clone(l.Counts), most: l.most, listed: slices.Clone(l.listed)}
}

// Tasks returns the tasks that are listed, the latest change first.
func (l *TaskList) Tasks() []TaskStatus {
	return slices.SortedFunc(slices.Values(l.listed), latest)
}

// Omitted returns how many tasks are counted and not listed.
func (l *TaskList) Omitted() int {
	n := -len(l.listed)
	for _, count := range l.Counts {
		n += count
	}
	return n
}

// urgency orders the tasks to list: a reason is there if something failed, or fails so far.
func urgency(a, b TaskStatus) int {
	switch {
	case a.Reason != "" && b.Reason == "":
		return -1
	case a.Reason == "" && b.Reason != "":
		return 1
	}
	return latest(a, b)
}

func latest(a, b TaskStatus) int {
	return cmp.Or(b.Updated.Compare(a.Updated), cmp.Compare(b.ID, a.ID))
}

// Overview gives the tasks of projects to a page that is loaded again and again. A project in
// which no job has changed costs nothing. The zero value is ready; it is safe for concurrent
// use.
type Overview struct {
	mu    sync.Mutex // guards known
	known map[int64]overview
}

type overview struct {
	queue   *jobs.Queue
	changes uint64
	made    time.Time
	list    *TaskList
}

// overviewFor is for how long an overview may stand: a transcription of another project may
// change that an ended push does not wait for any more.
const overviewFor = time.Minute

// Tasks returns what the function Tasks does.
func (o *Overview) Tasks(q *jobs.Queue, project int64, most int) *TaskList {
	changes := q.Changes(projects.Name(project)) // before the jobs are read
	o.mu.Lock()
	known, ok := o.known[project]
	o.mu.Unlock()
	if !ok || known.queue != q || known.changes != changes || known.list.most != most || time.Since(known.made) > overviewFor {
		known = overview{q, changes, time.Now(), Tasks(q, project, most)}
		o.mu.Lock()
		if o.known == nil {
			o.known = map[int64]overview{}
		}
		o.known[project] = known
		o.mu.Unlock()
	}
	return known.list.clone()
}
