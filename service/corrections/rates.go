package corrections

import (
	"cmp"
	"sync"
	"time"

	"github.com/asr-backend/asr-backend/labelstudio"
	"github.com/asr-backend/asr-backend/wer"
)

// Rates are the errors of a version's predictions in annotations that people have opened, and how many
// annotations there are of each outcome.
type Rates struct {
	Errors   wer.Errors
	Outcomes map[Outcome]int
}

type rate struct {
	Version string     `json:"version"`
	Errors  wer.Errors `json:"errors"`
	// NotCompared says that there are no errors to count.
	NotCompared bool    `json:"not_compared,omitempty"`
	Outcome     Outcome `json:"outcome,omitempty"`
	// Task is whose annotation it is; 0 in those of earlier programs.
	Task int64 `json:"task,omitempty"`
	// At is when it was recorded; zero in those of earlier programs.
	At time.Time `json:"at,omitzero"`
}

// counts reports whether the errors count: somebody has looked at the prediction.
func (r *rate) counts() bool { return !r.NotCompared && r.Outcome != Copied }

// rates are the error rates of all corrections, by project. They are read from the store
// when a project is first looked at.
type rates struct {
	mu       sync.Mutex // guards projects
	projects map[int64]*projectRates
}

func newRates() *rates { return &rates{projects: map[int64]*projectRates{}} }

// projectRates are the error rates of a project, by annotation, and their sums by task.
type projectRates struct {
	mu    sync.Mutex // guards the fields below
	all   map[int64]rate
	tasks map[int64]taskErrors
}

// taskErrors are the errors of a task's predictions in so many annotations.
type taskErrors struct{ words, errors, annotations int32 }

func newProjectRates() *projectRates {
	return &projectRates{all: map[int64]rate{}, tasks: map[int64]taskErrors{}}
}

func (p *projectRates) set(annotation int64, r rate) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if old, ok := p.all[annotation]; ok {
		p.add(&old, -1)
	}
	p.all[annotation] = r
	p.add(&r, 1)
}

func (p *projectRates) remove(annotation int64) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if old, ok := p.all[annotation]; ok {
		p.add(&old, -1)
	}
	delete(p.all, annotation)
}

// add adds an annotation to the sums of its task, or takes it off.
func (p *projectRates) add(r *rate, times int32) {
	if r.Task == 0 || !r.counts() {
		return
	}
	t := p.tasks[r.Task]
	t.words += times * int32(r.Errors.Words)
	t.errors += times * int32(r.Errors.Substitutions+r.Errors.Deletions+r.Errors.Insertions)
	if t.annotations += times; t.annotations == 0 {
		delete(p.tasks, r.Task)
		return
	}
	p.tasks[r.Task] = t
}

// of returns the word error rate of a task; ok is false if nobody has corrected it.
func (p *projectRates) of(task int64) (rate float64, ok bool) {
	p.mu.Lock()
	defer p.mu.Unlock()
	t, ok := p.tasks[task]
	return wer.Errors{Words: int(t.words), Substitutions: int(t.errors)}.Rate(), ok
}

// missing returns the annotations that are not there.
func (p *projectRates) missing(there map[int64]bool) []labelstudio.Annotation {
	p.mu.Lock()
	defer p.mu.Unlock()
	var out []labelstudio.Annotation
	for id := range p.all {
		if !there[id] {
			out = append(out, labelstudio.Annotation{ID: id})
		}
	}
	return out
}

// sums adds up the errors by version.
func (p *projectRates) sums() map[string]Rates {
	p.mu.Lock()
	defer p.mu.Unlock()
	sums := map[string]Rates{}
	for _, r := range p.all {
		if r.NotCompared {
			continue
		}
		s := sums[r.Version]
		if s.Outcomes == nil {
			s.Outcomes = map[Outcome]int{}
		}
		s.Outcomes[r.outcome()]++
		if r.Outcome != Copied {
			s.Errors.Add(r.Errors)
		}
		sums[r.Version] = s
	}
	return sums
}

// outcome is what can be known of one that an earlier program stored.
func (r *rate) outcome() Outcome {
	if r.Outcome == "" && r.Errors.Substitutions+r.Errors.Deletions+r.Errors.Insertions == 0 {
		return Unchanged
	}
	return cmp.Or(r.Outcome, Changed)
}
