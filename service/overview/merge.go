package overview

import "container/heap"

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
	matches, lists := query.matcher(), tiers(views, query)
	if matches == nil {
		for _, tier := range lists {
			for _, c := range tier {
				total += c.t.lists[c.row().group].n
			}
		}
	}
	n := 0
	for i := range lists {
		h := &lists[i]
		heap.Init(h)
		for h.Len() > 0 {
			if matches == nil && len(found) == query.Limit {
				return found, total
			}
			c := &(*h)[0]
			if matches == nil || matches(c.row().task, c.file()) {
				if n++; n > query.Offset && len(found) < query.Limit {
					found = append(found, c.ref)
				}
			}
			if c.step() {
				heap.Fix(h, 0)
			} else {
				heap.Pop(h)
			}
		}
	}
	return found, max(total, n)
}
