// Package overview knows the state of every task, and answers queries over them: for the page at
// /status, for lists, and for whatever is to be done with all tasks that match.
//
// # Where states come from
//
//	push, transcription   jobs of the queue (packages predictions and recordings)
//	length, confidence    what a transcription left with its job when it ended
//	percent, speed        progress of those that run in this process
//	not accepted          problems, which have no job
//	error rate            corrections
//
// # What it costs
//
// A project may have 100,000 tasks, and a page is loaded every few seconds. So the tasks of a
// project stand in lists, one for each state, the latest change first (rows.go). The queue says
// which of its jobs have changed since the last look, and only these are moved (follow.go). A
// page takes the first tasks of the lists that it asks for (merge.go). Nothing is sorted but
// where a query asks for an order by a figure, and then only the best are kept (select.go). A
// search compares every name of a file once. The first look at a project reads all its jobs.
//
// In memory a task takes about 140 bytes beside its jobs, and nothing before the first look.
package overview

import (
	"context"
	"math"
	"slices"

	"github.com/asr-backend/asr-backend/jobs"
)

// Query finds tasks of projects, given their numbers. Without a queue, q is nil and only tasks with
// a problem are known.
func (o *Overview) Query(ctx context.Context, q *jobs.Queue, ids []int64, query Query) Page {
	page := Page{Tasks: []Task{}, Counts: map[State]int{}}
	limit := query.Limit
	if limit == 0 {
		limit = DefaultLimit
	}
	query.Limit = max(min(limit, MaxLimit), 0)
	found, total := o.find(ctx, q, ids, &query, &page)
	page.Total = total
	expect := mostExpected
	for i := range found {
		page.Tasks = append(page.Tasks, o.describe(ctx, q, &found[i], &expect))
	}
	return page
}

// Each calls do with every task that a query matches, in its order and whatever its offset and
// limit, until do returns false. The tasks are as they are at the beginning, without the time left
// of those that wait; nothing is locked meanwhile.
func (o *Overview) Each(ctx context.Context, q *jobs.Queue, ids []int64, query Query, do func(Task) bool) {
	query.Offset, query.Limit = 0, math.MaxInt32
	found, _ := o.find(ctx, q, ids, &query, nil)
	expect := 0
	for i := range found {
		if !do(o.describe(ctx, q, &found[i], &expect)) {
			return
		}
	}
}

// find returns the tasks of the page of a query and how many match, and counts all in page,
// unless it is nil.
func (o *Overview) find(ctx context.Context, q *jobs.Queue, ids []int64, query *Query, page *Page) (found []copied, total int) {
	// In one order, so that two queries never wait for each other.
	var views []*view
	for _, id := range slices.Compact(slices.Sorted(slices.Values(ids))) {
		v := o.view(q, id)
		defer v.close()
		views = append(views, v)
		if page != nil {
			v.count(page)
		}
	}
	var refs []ref
	switch query.Sort {
	case ByTask, ByConfidence, ByErrorRate:
		refs, total = o.best(ctx, views, query)
	default:
		refs, total = merged(views, query)
	}
	found = make([]copied, len(refs))
	for i, f := range refs {
		found[i] = f.copy()
	}
	return found, total
}

// Of returns one task of a project; ok is false if nothing is known of it.
func (o *Overview) Of(ctx context.Context, q *jobs.Queue, id, task int64) (t Task, ok bool) {
	v := o.view(q, id)
	defer v.close()
	for _, t := range v.tables() {
		if i, ok := t.tasks[task]; ok {
			found := ref{v, t, i}.copy()
			expect := 1
			return o.describe(ctx, q, &found, &expect), true
		}
	}
	return Task{}, false
}
