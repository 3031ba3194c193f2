// Package problems keeps what is wrong with projects and tasks, in words for the people who
// can do something about it.
//
// Most failures belong to a job: the queue stores its reason and hint, and both survive a
// restart. Three kinds have no job to belong to, and are kept here, in memory:
//
//   - a project whose settings or labelling configuration cannot be served, or that could not
//     be read from Label Studio;
//   - a task that was not accepted, because it has no recording or the queue does not work;
//   - a region that an annotator waited for and did not get.
//
// Each is replaced by the next one of its project or task, and dropped when the same thing
// succeeds. A restart drops them all: Label Studio asks again, and what is still wrong is
// found again.
package problems

import (
	"sync"
	"time"

	"github.com/asr-backend/asr-backend/internal/hint"
)

// Problem is something that went wrong with a project, and when.
type Problem struct {
	At   time.Time `json:"at"`
	What string    `json:"what"`
	Hint string    `json:"hint,omitempty"`
}

// Task is something that went wrong with a task, and when.
type Task struct {
	ID      int64
	State   string // such as NotAccepted
	Problem Problem
}

// States of tasks that have a problem.
const (
	NotAccepted = "not accepted"
	// NotAnswered is for a region whose text an annotator waits for.
	NotAnswered = "region not transcribed"
)

// mostTasks bounds how many tasks of a project are remembered.
const mostTasks = 1000

// Log holds the problems of all projects. It is safe for concurrent use.
type Log struct {
	mu       sync.Mutex               // guards the maps
	projects map[int64]Problem        // what is wrong with their settings or configuration
	access   map[int64]Problem        // why they could not be read
	tasks    map[int64]map[int64]Task // by project
}

// NewLog returns a log without problems.
func NewLog() *Log {
	return &Log{projects: map[int64]Problem{}, access: map[int64]Problem{}, tasks: map[int64]map[int64]Task{}}
}

// SetProject records what is wrong with a project's settings or labelling configuration, or
// with nil that nothing is.
func (l *Log) SetProject(id int64, err error) { l.set(l.projects, id, err) }

// SetAccess records why a project could not be read from Label Studio, or with nil that it was.
func (l *Log) SetAccess(id int64, err error) { l.set(l.access, id, err) }

func (l *Log) set(problems map[int64]Problem, id int64, err error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if err == nil {
		delete(problems, id)
		return
	}
	problems[id] = problem(err)
}

// SetTask records what is wrong with a task, or with nil that nothing is.
func (l *Log) SetTask(project, id int64, state string, err error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	tasks := l.tasks[project]
	switch {
	case err == nil:
		delete(tasks, id)
		return
	case tasks == nil:
		tasks = map[int64]Task{}
		l.tasks[project] = tasks
	}
	if _, known := tasks[id]; known || len(tasks) < mostTasks {
		tasks[id] = Task{id, state, problem(err)}
	}
}

func problem(err error) Problem { return Problem{time.Now(), err.Error(), hint.Of(err)} }

// ForgetProject drops the problems of a project that is gone.
func (l *Log) ForgetProject(id int64) {
	l.mu.Lock()
	defer l.mu.Unlock()
	delete(l.projects, id)
	delete(l.access, id)
	delete(l.tasks, id)
}

// Forget drops the problems of tasks that are gone.
func (l *Log) Forget(project int64, tasks map[int64]bool) {
	l.mu.Lock()
	defer l.mu.Unlock()
	for id := range tasks {
		delete(l.tasks[project], id)
	}
}

// Of returns what is wrong with a project, nil if nothing is, and with its tasks.
func (l *Log) Of(project int64) (whole *Problem, tasks []Task) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if p, ok := l.projects[project]; ok {
		whole = &p
	} else if p, ok := l.access[project]; ok {
		whole = &p
	}
	for _, t := range l.tasks[project] {
		tasks = append(tasks, t)
	}
	return whole, tasks
}
