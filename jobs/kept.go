package jobs

import (
	"container/heap"
	"context"
	"maps"
	"slices"
	"time"
)

// A job that is done may keep its windows, see Note.Keep, so that a later job need not compute
// them again. They save time and nothing else, so they are the first to go:
//
//   - when the record of the job goes, is restarted, or is as old as Options.WindowAge
//   - when more than Options.KeptWindowBytes are kept: those of the jobs that ended first
//   - when the bucket of windows is full, before a job under way is refused one
//   - when a caller has no more use for them: DropWindows
//
// The record says that windows were kept, and is not written again when they are dropped. What is
// still there is known to the index, which learns it from the bucket: sweep lists what is stored,
// forgets the jobs that have nothing left, and removes windows that no job keeps. So a process
// may be killed at any moment, and what another process of a cluster has dropped is noticed within
// the hour, or when it is read.

// kept is what a record says of windows that stayed when the job was done.
type kept struct {
	Name    string `json:"name"`    // Note.Keep
	Windows int    `json:"windows"` // how many
	Bytes   int64  `json:"bytes"`   // that they take in the bucket
}

// windowOverhead is what the store adds to the data of a window: its subject and a header.
const windowOverhead = 100

func endedFirst(a, b *entry) bool {
	if c := a.job.Ended.Compare(b.job.Ended); c != 0 {
		return c < 0
	}
	return a.rev < b.rev
}

// keep adds a done job to those that keep windows.
func (x *index) keep(e *entry) {
	e.where = inKept
	heap.Push(&x.kept, e)
	x.keptBytes += e.kept.Bytes
	if x.keptAs[e.kept.Name] == nil {
		x.keptAs[e.kept.Name] = make(map[*entry]struct{})
	}
	x.keptAs[e.kept.Name][e] = struct{}{}
}

func (x *index) unkeep(e *entry) {
	heap.Remove(&x.kept, e.at)
	e.where = inNone
	x.keptBytes -= e.kept.Bytes
	if delete(x.keptAs[e.kept.Name], e); len(x.keptAs[e.kept.Name]) == 0 {
		delete(x.keptAs, e.kept.Name)
	}
}

// dropOldest takes out the job that ended first of those that keep windows, if more than most bytes
// are kept or it ended before a time; otherwise it returns nil.
func (x *index) dropOldest(most int64, before time.Time) *entry {
	x.mu.Lock()
	defer x.mu.Unlock()
	if x.kept.Len() == 0 {
		return nil
	}
	e := x.kept.list[0]
	if x.keptBytes <= most && !e.job.Ended.Before(before) {
		return nil
	}
	x.unkeep(e)
	return e
}

// dropKept takes a job out of those that keep windows; it returns nil if it is not among them.
func (x *index) dropKept(key string) *entry {
	x.mu.Lock()
	defer x.mu.Unlock()
	e := x.jobs[key]
	if e == nil || e.where != inKept {
		return nil
	}
	x.unkeep(e)
	return e
}

// forgetKept takes out the jobs up to a revision that have no windows left: have are the IDs of those
// that do.
func (x *index) forgetKept(have map[string]bool, rev uint64) {
	x.mu.Lock()
	defer x.mu.Unlock()
	for _, e := range slices.Clone(x.kept.list) {
		if e.rev <= rev && !have[e.id] {
			x.unkeep(e)
		}
	}
}

// keeping returns the IDs of the jobs that keep windows, and the size of these.
func (x *index) keeping() (ids map[string]bool, bytes int64) {
	x.mu.Lock()
	defer x.mu.Unlock()
	ids = make(map[string]bool, x.kept.Len())
	for _, e := range x.kept.list {
		ids[e.id] = true
	}
	return ids, x.keptBytes
}

// keepsAs returns the jobs that keep windows under a name.
func (x *index) keepsAs(name string) []*entry {
	x.mu.Lock()
	defer x.mu.Unlock()
	return slices.Collect(maps.Keys(x.keptAs[name]))
}

// Kept returns the done jobs that keep windows under a name, see Note.Keep, the one that ended last
// first, without their payloads. Another process may just have dropped them.
func (q *Queue) Kept(name string) []Job {
	found := q.index.keepsAs(name)
	slices.SortFunc(found, func(a, b *entry) int {
		if endedFirst(a, b) {
			return 1
		}
		return -1
	})
	out := make([]Job, len(found))
	for i, e := range found {
		out[i] = *e.job
	}
	return out
}

// Windows returns the windows that a done job has kept; all says that none of them is missing.
// A job that keeps none has none, which is no error. A job that is not done is ErrState.
func (q *Queue) Windows(ctx context.Context, key string) (windows map[int][]byte, all bool, err error) {
	windows, all, err = q.keptWindows(ctx, key)
	return windows, all, fail("read the windows of", key, err)
}

func (q *Queue) keptWindows(ctx context.Context, key string) (map[int][]byte, bool, error) {
	if err := checkName("key", key); err != nil {
		return nil, false, err
	}
	r, _, err := q.read(ctx, key)
	if err != nil {
		return nil, false, err
	}
	if err := r.expect(Done); err != nil {
		return nil, false, err
	}
	if r.Kept == nil {
		return nil, false, nil
	}
	windows, err := q.getWindows(ctx, r.ID)
	if err != nil {
		return nil, false, err
	}
	if len(windows) == 0 { // dropped by another process, or too old
		q.index.dropKept(key)
	}
	return windows, len(windows) == r.Kept.Windows, nil
}

// DropWindows removes the windows that a job has kept, if there are any.
func (q *Queue) DropWindows(ctx context.Context, key string) error {
	if err := checkName("key", key); err != nil {
		return fail("drop the windows of", key, err)
	}
	if err := q.gate(false); err != nil {
		return fail("drop the windows of", key, err)
	}
	e := q.index.dropKept(key)
	if e == nil {
		return nil
	}
	return fail("drop the windows of", key, q.purge(ctx, bucketWindows, e.id+".>"))
}

// trimKept drops the windows that are kept beyond the limits of Options.
func (q *Queue) trimKept(ctx context.Context) {
	for ctx.Err() == nil && q.gate(false) == nil {
		e := q.index.dropOldest(max(q.o.KeptWindowBytes, 0), time.Now().Add(-q.o.WindowAge))
		if e == nil {
			return
		}
		q.purgeKept(ctx, e)
	}
}

// makeRoom drops the windows of the job that ended first of those that keep any, and reports whether
// there was one.
func (q *Queue) makeRoom(ctx context.Context) bool {
	e := q.index.dropOldest(-1, time.Time{})
	if e != nil {
		q.purgeKept(ctx, e)
	}
	return e != nil
}

func (q *Queue) purgeKept(ctx context.Context, e *entry) {
	q.log.Debug("jobs: kept windows of a job are dropped", "job", e.job.Key, "bytes", e.kept.Bytes)
	if err := q.purge(ctx, bucketWindows, e.id+".>"); err != nil && ctx.Err() == nil {
		q.log.Warn("jobs: kept windows are left for later", "job", e.job.Key, "error", err)
	}
}

// keeps returns what the record says of the windows that stay when a lease ends with a note, nil if
// none do.
func (l *Lease) keeps(ctx context.Context, n Note) *kept {
	if n.Keep == "" || l.q.o.KeptWindowBytes < 0 {
		return nil
	}
	if !l.stored.known() {
		if _, err := l.Windows(ctx); err != nil {
			l.q.log.Warn("jobs: the windows of a job are not kept", "job", l.job.Key, "error", err)
			return nil
		}
	}
	k := l.stored.sum()
	if k.Name = n.Keep; k.Windows == 0 || k.Bytes > l.q.o.KeptWindowBytes {
		return nil
	}
	return &k
}
