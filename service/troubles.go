package service

import (
	"sync"
	"time"
)

// troubles are what is wrong with projects and tasks that never became a job, for
// /status. They last as long as the process.
type troubles struct {
	mu       sync.Mutex // guards the maps
	projects map[int64]Trouble
	tasks    map[int64]map[int64]TaskStatus // by project
}

// Trouble is something that went wrong, and when.
type Trouble struct {
	At   time.Time `json:"at"`
	What string    `json:"what"`
	Hint string    `json:"hint,omitempty"`
}

// States of tasks in trouble.
const (
	notAccepted = "not accepted"
	notHeard    = "region not heard" // for an annotator who waits for it
)

// mostTroubles bounds how many tasks of a project are remembered.
const mostTroubles = 1000

func newTroubles() *troubles {
	return &troubles{projects: map[int64]Trouble{}, tasks: map[int64]map[int64]TaskStatus{}}
}

// project tells what is wrong with a project, or with nil that nothing is.
func (t *troubles) project(id int64, err error) {
	t.mu.Lock()
	defer t.mu.Unlock()
	if err == nil {
		delete(t.projects, id)
		return
	}
	t.projects[id] = Trouble{time.Now(), err.Error(), hintOf(err)}
}

// task tells what is wrong with a task, or with nil that nothing is.
func (t *troubles) task(project, id int64, state string, err error) {
	t.mu.Lock()
	defer t.mu.Unlock()
	tasks := t.tasks[project]
	switch {
	case err == nil:
		delete(tasks, id)
		return
	case tasks == nil:
		tasks = map[int64]TaskStatus{}
		t.tasks[project] = tasks
	}
	if _, known := tasks[id]; known || len(tasks) < mostTroubles {
		tasks[id] = TaskStatus{ID: id, State: state, Updated: time.Now(), Reason: err.Error(), Hint: hintOf(err)}
	}
}

// forget drops what is known of tasks that are gone.
func (t *troubles) forget(project int64, ids map[int64]bool) {
	t.mu.Lock()
	defer t.mu.Unlock()
	for id := range ids {
		delete(t.tasks[project], id)
	}
}

// of returns what is wrong with a project and its tasks.
func (t *troubles) of(project int64) (whole *Trouble, tasks []TaskStatus) {
	t.mu.Lock()
	defer t.mu.Unlock()
	if w, ok := t.projects[project]; ok {
		whole = &w
	}
	for _, one := range t.tasks[project] {
		tasks = append(tasks, one)
	}
	return whole, tasks
}
