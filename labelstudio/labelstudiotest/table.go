package labelstudiotest

import (
	"cmp"
	"maps"
	"slices"
)

// table holds things by identifier and by what they belong to, such as predictions by
// task.
type table[T row] struct {
	rows map[int64]*T
	of   map[int64][]*T // by owner, in the order of identifiers
}

// row is a thing of a table.
type row interface{ key() (id, owner int64) }

func newTable[T row]() table[T] { return table[T]{map[int64]*T{}, map[int64][]*T{}} }

// add adds a thing in place of the one with its identifier.
func (t *table[T]) add(v T) {
	id, owner := v.key()
	t.remove(id)
	at, _ := slices.BinarySearchFunc(t.of[owner], id, func(x *T, id int64) int {
		have, _ := (*x).key()
		return cmp.Compare(have, id)
	})
	t.rows[id] = &v
	t.of[owner] = slices.Insert(t.of[owner], at, &v)
}

func (t *table[T]) remove(id int64) {
	old := t.rows[id]
	if old == nil {
		return
	}
	_, owner := (*old).key()
	t.of[owner] = slices.DeleteFunc(t.of[owner], func(x *T) bool { return x == old })
	delete(t.rows, id)
}

func (t *table[T]) removeOwned(owner int64) {
	for _, x := range slices.Clone(t.of[owner]) {
		id, _ := (*x).key()
		t.remove(id)
	}
}

// owned returns copies of what belongs to an owner, in the order of identifiers.
func (t *table[T]) owned(owner int64) []T {
	out := make([]T, 0, len(t.of[owner]))
	for _, x := range t.of[owner] {
		out = append(out, *x)
	}
	return out
}

// all returns copies of all, in the order of identifiers.
func (t *table[T]) all() []T {
	out := make([]T, 0, len(t.rows))
	for _, id := range slices.Sorted(maps.Keys(t.rows)) {
		out = append(out, *t.rows[id])
	}
	return out
}

func (p Project) key() (id, owner int64)    { return p.ID, 0 }
func (t Task) key() (id, owner int64)       { return t.ID, t.Project }
func (p Prediction) key() (id, owner int64) { return p.ID, p.Task }
func (a Annotation) key() (id, owner int64) { return a.ID, a.Task }
func (b Backend) key() (id, owner int64)    { return b.ID, b.Project }
func (w Webhook) key() (id, owner int64)    { return w.ID, w.Project }
