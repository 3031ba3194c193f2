package overview

import (
	"github.com/asr-backend/asr-backend/jobs"
	"github.com/asr-backend/asr-backend/service/predictions"
)

// update takes in that the job of a key has changed or is gone. It returns false if that cannot
// be known without all jobs of the project.
func (t *table) update(q *jobs.Queue, key string) bool {
	job, there := q.Find(key)
	_, task, _, ok := predictions.ParseKey(key)
	if !ok {
		return t.transcribed(key, job)
	}
	i, known := t.tasks[task]
	switch {
	case known && t.rows[i].push.Key == key && there:
		t.leave(i)
		t.unshare(i)
		t.rows[i].push = job
		t.share(i)
	case known && t.rows[i].push.Key == key:
		if t.older > 0 {
			return false // an older version's may be there
		}
		t.leave(i)
		t.unshare(i)
		t.rows[i] = row{}
		delete(t.tasks, task)
		t.free = append(t.free, i)
		return true
	case !there: // an older one, or one that came and went in between; so older may only grow
		return true
	case known && job.Revision < t.rows[i].push.Revision:
		t.older++
		return true
	case known: // a newer version
		t.older++
		t.leave(i)
		t.unshare(i)
		t.rows[i].push = job
		t.share(i)
	default:
		i = t.add(task, job, nil)
	}
	transcription, _ := q.Find(t.rows[i].push.After)
	t.set(i, transcription)
	t.enter(i)
	return true
}

// mostMoved is how many rows are moved one by one.
const mostMoved = 1000

// transcribed takes in that a transcription has changed, or with nil that it is gone. It returns
// false if so many tasks share it that all are better sorted anew.
func (t *table) transcribed(key string, job *jobs.Job) bool {
	i, ok := t.shared[digest(key)]
	for moved := 0; ok && i != none; i = t.rows[i].after {
		r := &t.rows[i]
		if r.push.After != key {
			continue
		}
		if s := stateOf(r.push, job); groupOf(&s) == r.group && s.Updated.UnixNano() == r.updated {
			t.set(i, job)
			continue
		}
		if moved++; moved > mostMoved {
			return false
		}
		t.leave(i)
		t.set(i, job)
		t.enter(i)
	}
	return true
}
