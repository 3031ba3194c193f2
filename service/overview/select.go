package overview

import (
	"cmp"
	"container/heap"
	"context"
	"math"
	"slices"
)

// ranked is a row and the figure by which it is in order, NaN if that is not known.
type ranked struct {
	ref
	figure float64
}

// best is a heap of the rows that come first so far, the last of them in front.
type best struct {
	all     []ranked
	reverse bool
}

// compare orders by figure; rows without one come last, and equal ones by id.
func (b *best) compare(x, y ranked) int {
	nx, ny := math.IsNaN(x.figure), math.IsNaN(y.figure)
	c := cmp.Compare(x.figure, y.figure)
	switch {
	case nx && !ny:
		return 1
	case ny && !nx:
		return -1
	case b.reverse:
		c = -c
	}
	return cmp.Or(c, cmp.Compare(x.row().task, y.row().task))
}

func (b *best) Len() int           { return len(b.all) }
func (b *best) Less(i, j int) bool { return b.compare(b.all[i], b.all[j]) > 0 }
func (b *best) Swap(i, j int)      { b.all[i], b.all[j] = b.all[j], b.all[i] }
func (b *best) Push(x any)         { b.all = append(b.all, x.(ranked)) }
func (b *best) Pop() any           { panic("overview: not used") }

// best returns the tasks of a page in the order of a figure, and how many match.
func (o *Overview) best(ctx context.Context, views []*view, query *Query) (found []ref, total int) {
	// The highest error rate comes first.
	b := &best{reverse: query.Reverse != (query.Sort == ByErrorRate)}
	keep := query.Offset + query.Limit
	for _, v := range views {
		rates := o.rates(ctx, v.id)
		v.each(query, func(f ref) {
			total++
			r := ranked{f, figure(f.row(), query.Sort, rates)}
			switch {
			case len(b.all) < keep:
				heap.Push(b, r)
			case keep > 0 && b.compare(r, b.all[0]) < 0:
				b.all[0] = r
				heap.Fix(b, 0)
			}
		})
	}
	slices.SortFunc(b.all, b.compare)
	for _, r := range b.all[min(query.Offset, len(b.all)):] {
		found = append(found, r.ref)
	}
	return found, total
}

func figure(r *row, by Sort, rates func(task int64) (float64, bool)) float64 {
	switch by {
	case ByTask:
		return float64(r.task)
	case ByConfidence:
		return float64(r.confidence)
	}
	if rate, ok := rates(r.task); ok {
		return rate
	}
	return math.NaN()
}

// rates returns what knows the word error rates of a project's tasks.
func (o *Overview) rates(ctx context.Context, project int64) func(task int64) (float64, bool) {
	if o.o.ErrorRates != nil {
		if of := o.o.ErrorRates(ctx, project); of != nil {
			return of
		}
	}
	return func(int64) (float64, bool) { return 0, false }
}
