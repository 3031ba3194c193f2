package overview

import (
	"cmp"
	"container/heap"
	"slices"
)

// cursor is a place in a list.
type cursor struct {
	ref
	reverse bool
}

func (c *cursor) step() bool {
	if c.reverse {
		c.i = c.row().prev
	} else {
		c.i = c.row().next
	}
	return c.i != none
}

// cursors is a heap of lists, the one whose row comes first in front.
type cursors []cursor

func (c cursors) Len() int { return len(c) }
func (c cursors) Less(i, j int) bool {
	return (c[i].t.later(c[i].row(), c[j].row()) < 0) != c[i].reverse
}
func (c cursors) Swap(i, j int) { c[i], c[j] = c[j], c[i] }
func (c *cursors) Push(x any)   { *c = append(*c, x.(cursor)) }
func (c *cursors) Pop() any {
	last := len(*c) - 1
	x := (*c)[last]
	*c = (*c)[:last]
	return x
}

// tiers are the lists that a query asks for, those that come first in front.
func tiers(views []*view, query *Query) [4]cursors {
	var out [4]cursors
	for _, v := range views {
		for _, t := range v.tables() {
			for i := range t.lists {
				l, g := &t.lists[i], group(i)
				if l.n == 0 || !query.wants(g) {
					continue
				}
				c := cursor{ref: ref{v, t, l.first}, reverse: query.Reverse}
				if c.reverse {
					c.i = l.last
				}
				tier := 0
				if query.Sort == ByUrgency {
					tier = g.tier()
				}
				if query.Reverse {
					tier = 3 - tier
				}
				out[tier] = append(out[tier], c)
			}
		}
	}
	return out
}

// merged returns the tasks of a page by urgency or by their latest change, and how many match.
func merged(views []*view, query *Query) (found []ref, total int) {
	if query.Search != "" {
		return searched(views, query)
	}
	lists := tiers(views, query)
	for _, tier := range lists {
		for _, c := range tier {
			total += c.t.lists[c.row().group].n
		}
	}
	n := 0
	for i := range lists {
		h := &lists[i]
		heap.Init(h)
		for h.Len() > 0 {
			if len(found) == query.Limit {
				return found, total
			}
			c := &(*h)[0]
			if n++; n > query.Offset {
				found = append(found, c.ref)
			}
			if c.step() {
				heap.Fix(h, 0)
			} else {
				heap.Pop(h)
			}
		}
	}
	return found, total
}

// searched is merged for a query that matches some of the tasks of each list: those are put in
// order when they are known.
func searched(views []*view, query *Query) (found []ref, total int) {
	for _, v := range views {
		v.each(query, func(f ref) { found = append(found, f) })
	}
	slices.SortFunc(found, func(a, b ref) int {
		c := 0
		if query.Sort == ByUrgency {
			c = cmp.Compare(a.row().group.tier(), b.row().group.tier())
		}
		c = cmp.Or(c, a.t.later(a.row(), b.row()))
		if query.Reverse {
			c = -c
		}
		return c
	})
	total = len(found)
	found = found[min(query.Offset, total):]
	return found[:min(query.Limit, len(found))], total
}
