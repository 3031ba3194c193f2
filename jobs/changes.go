package jobs

// keptChanges is how many changes are kept, of all projects together: what the store takes in
// half a minute at its fastest. They take 640 KB.
const keptChanges = 16 << 10

// changes are the jobs that changed last, for those who keep something that is made of jobs:
// they look at what has changed since, and not at all jobs again.
type changes struct {
	last map[string]uint64 // the number of the last change of a project
	n    uint64            // the number of the last change of all
	ring []changedJob      // the last ones, each at its number modulo the length
}

type changedJob struct{ project, key string }

func newChanges() changes {
	return changes{last: make(map[string]uint64), ring: make([]changedJob, keptChanges)}
}

func (c *changes) add(project, key string) {
	c.n++
	c.ring[c.n%keptChanges] = changedJob{project, key}
	c.last[project] = c.n
}

// touch records that a job has changed, which also changes the projects whose jobs wait for it.
func (x *index) touch(e *entry) {
	x.changes.add(e.job.Project, e.job.Key)
	for waits := range x.after[e.job.Key] {
		if p := waits.job.Project; p != e.job.Project && x.changes.ring[x.changes.n%keptChanges].project != p {
			x.changes.add(p, e.job.Key)
		}
	}
}

// Changes returns a number that is another one after each change of a job of a project, and of
// a job for which one of them waits. It reports whether what was made of Jobs or Pairs is still
// true.
func (q *Queue) Changes(project string) uint64 {
	q.index.mu.Lock()
	defer q.index.mu.Unlock()
	return q.index.changes.last[project]
}

// ChangedSince returns the keys of the jobs of a project, and of those that they wait for, that
// have changed or were removed since Changes or ChangedSince returned a number, some more than
// once, and the number by now. If too much has happened since, all is false and the keys are not
// known: everything that was made of the jobs has to be made again.
func (q *Queue) ChangedSince(project string, since uint64) (keys []string, now uint64, all bool) {
	q.index.mu.Lock()
	defer q.index.mu.Unlock()
	c := &q.index.changes
	now = c.last[project]
	if now == since {
		return nil, now, true
	}
	if since == 0 || c.n-since >= keptChanges {
		return nil, now, false
	}
	for n := since + 1; n <= now; n++ {
		if one := &c.ring[n%keptChanges]; one.project == project {
			keys = append(keys, one.key)
		}
	}
	return keys, now, true
}
