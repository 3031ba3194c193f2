package overview

import (
	"slices"
	"time"

	"github.com/asr-backend/asr-backend/jobs"
	"github.com/asr-backend/asr-backend/service/predictions"
	"github.com/asr-backend/asr-backend/service/projects"
)

// view is a project's tasks, locked: those that jobs are about, and those that have a problem.
type view struct {
	id       int64
	p        *project
	table    *table
	problems *table // or nil
	about    []Task // of problems, by row
}

func (v *view) close() { v.p.mu.Unlock() }

func (v *view) tables() []*table {
	if v.problems == nil {
		return []*table{v.table}
	}
	return []*table{v.table, v.problems}
}

// ref is a row of a view.
type ref struct {
	v *view
	t *table
	i int32
}

func (f ref) row() *row { return &f.t.rows[f.i] }

// file is the name of the recording's file, empty if it is not known.
func (f ref) file() string {
	if j := f.row().transcription; j != nil {
		return j.Title
	}
	return ""
}

// count adds the tasks of a view to the counts of a page.
func (v *view) count(p *Page) {
	for _, t := range v.tables() {
		for i := range t.lists {
			n, g := t.lists[i].n, group(i)
			if n == 0 {
				continue
			}
			p.Counts[g.state()] += n
			if g.state().Attention() || g.failing() {
				p.Attention += n
			}
		}
	}
}

// each calls do with the tasks that a query matches, group by group.
func (v *view) each(query *Query, do func(ref)) {
	matches := query.matcher()
	for _, t := range v.tables() {
		for i := range t.lists {
			if !query.wants(group(i)) {
				continue
			}
			for r := t.lists[i].first; r != none; r = t.rows[r].next {
				f := ref{v, t, r}
				if matches == nil || matches(t.rows[r].task, f.file()) {
					do(f)
				}
			}
		}
	}
}

// view brings the table of a project up to date and locks it. The caller closes it.
func (o *Overview) view(q *jobs.Queue, id int64) *view {
	o.mu.Lock()
	p := o.known[id]
	if p == nil {
		p = &project{}
		o.known[id] = p
	}
	o.mu.Unlock()
	p.mu.Lock()
	switch {
	case q == nil:
		p.table = newTable(0)
	case o.o.Asked != nil:
		p.table = o.asked(q, id)
	default:
		p.follow(q, projects.Name(id))
	}
	v := &view{id: id, p: p, table: p.table}
	if o.o.Problems == nil {
		return v
	}
	if _, tasks := o.o.Problems.Of(id); len(tasks) > 0 {
		v.problems = newTable(len(tasks))
		for i, t := range tasks {
			one := Task{Project: id, ID: t.ID, State: State(t.State), Updated: t.Problem.At, Reason: t.Problem.What, Hint: t.Problem.Hint, Attention: true}
			v.about = append(v.about, one)
			v.problems.rows = append(v.problems.rows, row{task: t.ID, updated: one.Updated.UnixNano(), group: groupOf(&one), confidence: unknown})
			v.problems.tasks[t.ID] = int32(i)
		}
		v.problems.sort()
	}
	return v
}

// follow brings the table up to date.
func (p *project) follow(q *jobs.Queue, name string) {
	keys, now, all := q.ChangedSince(name, p.changes)
	ok := all && p.table != nil && p.queue == q && time.Since(p.made) < madeFor
	slices.Sort(keys)
	for _, key := range slices.Compact(keys) {
		ok = ok && p.table.update(q, key)
	}
	if !ok {
		p.queue, p.made, p.table = q, time.Now(), load(q.Pairs(jobs.Filter{Project: name, Kind: predictions.Kind}))
	}
	p.changes = now
}

// asked makes a table of tasks that have no pushes.
func (o *Overview) asked(q *jobs.Queue, id int64) *table {
	t := newTable(0)
	for task, a := range o.o.Asked.Asked(id) {
		push := &jobs.Job{Key: a.Version, Updated: a.At}
		transcription := slowest(q, a.Keys)
		push.After = transcription.Key
		t.add(task, push, transcription)
	}
	for i := range t.rows {
		if r := &t.rows[i]; r.group.state() == ToBePushed {
			r.group = groupOf(&Task{State: Transcribed})
		}
	}
	t.sort()
	return t
}

// slowest returns the transcription that a task with several recordings waits for: one that was
// given up if there is one, else one that is under way. One that is no longer kept is done.
func slowest(q *jobs.Queue, keys []string) *jobs.Job {
	out := &jobs.Job{State: jobs.Done}
	for _, key := range keys {
		switch j, ok := q.Find(key); {
		case !ok:
		case j.State == jobs.Discarded:
			return j
		case out.State == jobs.Done:
			out = j
		}
	}
	return out
}
