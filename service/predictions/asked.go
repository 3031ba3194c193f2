package predictions

import (
	"sync"
	"time"

	"github.com/asr-backend/asr-backend/jobs"
)

// mostAsked bounds the tasks that are remembered, of all projects together.
const mostAsked = 20_000

// asked remembers the tasks that were asked for last, where nothing is pushed: no job is about
// them then, and a transcription is shared by tasks. A restart forgets them; Label Studio asks
// again for those that it still wants.
type asked struct {
	mu    sync.Mutex // guards the fields below
	tasks map[askedTask]askedFor
	order []askedTask // the oldest first
}

type askedTask struct{ project, task int64 }

type askedFor struct {
	version string
	keys    []string // of the transcriptions
	at      time.Time
}

func newAsked() *asked { return &asked{tasks: map[askedTask]askedFor{}} }

func (a *asked) add(project, task int64, version string, keys []string) {
	a.mu.Lock()
	defer a.mu.Unlock()
	t := askedTask{project, task}
	if _, ok := a.tasks[t]; !ok {
		if len(a.order) == mostAsked {
			delete(a.tasks, a.order[0])
			a.order = a.order[1:]
		}
		a.order = append(a.order, t)
	}
	a.tasks[t] = askedFor{version, keys, time.Now()}
}

func (a *asked) of(project int64) map[int64]askedFor {
	a.mu.Lock()
	defer a.mu.Unlock()
	out := map[int64]askedFor{}
	for t, f := range a.tasks {
		if t.project == project {
			out[t.task] = f
		}
	}
	return out
}

// Asked returns the tasks of a project that were asked for where nothing is pushed, with what
// became of their recordings, and lists at most so many of them.
func (s *Predictions) Asked(q *jobs.Queue, project int64, most int) *TaskList {
	out := NewTaskList(most)
	for id, f := range s.asked.of(project) {
		one := taskState(&jobs.Job{Updated: f.at}, slowest(q, f.keys))
		one.ID, one.Version = id, f.version
		if one.State == toBePushed {
			one.State = isTranscribed
		}
		out.Add(one)
	}
	return out
}

// slowest returns the transcription that a task with several recordings waits for: one that was
// given up if there is one, else one that is under way. One that is no longer kept is done.
func slowest(q *jobs.Queue, keys []string) *jobs.Job {
	out := &jobs.Job{State: jobs.Done}
	for _, key := range keys {
		switch j, ok := q.Peek(key); {
		case !ok:
		case j.State == jobs.Discarded:
			return &j
		case out.State == jobs.Done:
			out = &j
		}
	}
	return out
}
