package predictions

import (
	"sync"
	"time"
)

// mostAsked bounds the tasks that are remembered, of all projects together.
const mostAsked = 20_000

// asked remembers the tasks that were asked for last, where nothing is pushed: no job is about
// them then, and a transcription is shared by tasks. A restart forgets them; Label Studio asks
// again for those that it still wants.
type asked struct {
	mu    sync.Mutex // guards the fields below
	tasks map[askedTask]Asked
	order []askedTask // the oldest first
}

type askedTask struct{ project, task int64 }

// Asked is what a task was asked for.
type Asked struct {
	Version string
	Keys    []string // of the transcriptions
	At      time.Time
}

func newAsked() *asked { return &asked{tasks: map[askedTask]Asked{}} }

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
	a.tasks[t] = Asked{version, keys, time.Now()}
}

func (a *asked) of(project int64) map[int64]Asked {
	a.mu.Lock()
	defer a.mu.Unlock()
	out := map[int64]Asked{}
	for t, f := range a.tasks {
		if t.project == project {
			out[t.task] = f
		}
	}
	return out
}

// Asked returns the tasks of a project that were asked for where nothing is pushed.
func (s *Predictions) Asked(project int64) map[int64]Asked { return s.asked.of(project) }
