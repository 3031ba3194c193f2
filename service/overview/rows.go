package overview

import (
	"cmp"
	"hash/maphash"
	"iter"
	"math"
	"slices"

	"github.com/asr-backend/asr-backend/jobs"
	"github.com/asr-backend/asr-backend/service/predictions"
	"github.com/asr-backend/asr-backend/service/recordings"
)

// group is a state, and whether the last attempt failed.
type group uint8

const groups = 2 * states

func groupOf(t *Task) group {
	g := group(2 * t.State.index())
	if t.Reason != "" {
		g++
	}
	return g
}

func (g group) state() State  { return order[g/2] }
func (g group) failing() bool { return g%2 == 1 }

// tier is how urgent tasks of a group are; the lowest first.
func (g group) tier() int {
	switch s := g.state(); {
	case s.Attention():
		return 0
	case g.failing():
		return 1
	case s == Transcribing:
		return 2
	}
	return 3
}

// row is a task of a project. It takes 80 bytes, and with its two places in maps about 140. The
// jobs are those of the queue's index, so their texts are not copied; until the next look at the
// project at most one outdated record of each stays in memory for it.
type row struct {
	task          int64
	updated       int64     // nanoseconds since 1970
	push          *jobs.Job // nil: a problem
	transcription *jobs.Job // or nil
	key           uint64    // digest of push.After
	confidence    float32   // NaN: not known
	group         group
	// Neighbours in the list of the group, the latest change first, and among the rows whose
	// pushes wait for the same transcription; none at an end.
	next, prev    int32
	after, before int32
}

// unknown is a figure that is not known: NaN.
var unknown = float32(math.NaN())

// none is no row.
const none int32 = -1

// list is the rows of a group, the latest change first.
type list struct {
	first, last int32
	n           int
}

// table is the tasks of a project, in lists by state that stay in order as jobs change.
type table struct {
	rows   []row
	free   []int32
	tasks  map[int64]int32
	shared map[uint64]int32 // the first of the rows with a key
	lists  [groups]list
	older  int // at most so many pushes of older versions were passed over
}

var seed = maphash.MakeSeed()

func digest(key string) uint64 { return maphash.String(seed, key) }

func newTable(size int) *table {
	t := &table{rows: make([]row, 0, size), tasks: make(map[int64]int32, size), shared: make(map[uint64]int32, size)}
	for g := range t.lists {
		t.lists[g] = list{first: none, last: none}
	}
	return t
}

// load makes a table of pushes and their transcriptions, the latest change first, as
// jobs.Queue.Pairs gives them.
func load(pairs iter.Seq2[*jobs.Job, *jobs.Job]) *table {
	t := newTable(0)
	for push, transcription := range pairs {
		_, task, _, ok := predictions.ParseKey(push.Key)
		if !ok {
			continue
		}
		if _, known := t.tasks[task]; known {
			t.older++
			continue
		}
		t.add(task, push, transcription)
	}
	t.sort()
	return t
}

// add makes a row that is in no list yet.
func (t *table) add(task int64, push, transcription *jobs.Job) int32 {
	i := int32(len(t.rows))
	if n := len(t.free); n > 0 {
		i, t.free = t.free[n-1], t.free[:n-1]
	} else {
		t.rows = append(t.rows, row{})
	}
	t.rows[i] = row{task: task, push: push}
	t.tasks[task] = i
	t.share(i)
	t.set(i, transcription)
	return i
}

// set derives the state of a row that is in no list from its jobs.
func (t *table) set(i int32, transcription *jobs.Job) {
	r := &t.rows[i]
	s := stateOf(r.push, transcription)
	r.transcription, r.group, r.updated, r.confidence = transcription, groupOf(&s), s.Updated.UnixNano(), unknown
	if transcription != nil && transcription.State == jobs.Done {
		if sum, ok := recordings.ParseSummary(transcription.Summary); ok {
			r.confidence = float32(sum.Confidence)
		}
	}
}

// sort puts all rows into their lists.
func (t *table) sort() {
	all := make([]int32, len(t.rows))
	for i := range all {
		all[i] = int32(i)
	}
	slices.SortFunc(all, func(a, b int32) int { return t.later(&t.rows[a], &t.rows[b]) })
	for _, i := range all {
		l := &t.lists[t.rows[i].group]
		t.link(i, l, l.last, none)
	}
}

func (t *table) later(a, b *row) int {
	return cmp.Or(cmp.Compare(b.updated, a.updated), cmp.Compare(b.task, a.task))
}

// link puts a row between two neighbours in a list.
func (t *table) link(i int32, l *list, prev, next int32) {
	r := &t.rows[i]
	r.prev, r.next = prev, next
	if prev == none {
		l.first = i
	} else {
		t.rows[prev].next = i
	}
	if next == none {
		l.last = i
	} else {
		t.rows[next].prev = i
	}
	l.n++
}

// enter puts a row into its list. What changes belongs to the front, so the search is short.
func (t *table) enter(i int32) {
	l := &t.lists[t.rows[i].group]
	next := l.first
	for next != none && t.later(&t.rows[next], &t.rows[i]) < 0 {
		next = t.rows[next].next
	}
	prev := l.last
	if next != none {
		prev = t.rows[next].prev
	}
	t.link(i, l, prev, next)
}

// leave takes a row out of its list.
func (t *table) leave(i int32) {
	r := &t.rows[i]
	l := &t.lists[r.group]
	if r.prev == none {
		l.first = r.next
	} else {
		t.rows[r.prev].next = r.next
	}
	if r.next == none {
		l.last = r.prev
	} else {
		t.rows[r.next].prev = r.prev
	}
	l.n--
}

// share notes for which transcription a row's push waits.
func (t *table) share(i int32) {
	r := &t.rows[i]
	r.key, r.before, r.after = digest(r.push.After), none, none
	if first, ok := t.shared[r.key]; ok {
		r.after, t.rows[first].before = first, i
	}
	t.shared[r.key] = i
}

func (t *table) unshare(i int32) {
	r := &t.rows[i]
	switch {
	case r.before != none:
		t.rows[r.before].after = r.after
	case r.after != none:
		t.shared[r.key] = r.after
	default:
		delete(t.shared, r.key)
	}
	if r.after != none {
		t.rows[r.after].before = r.before
	}
}
