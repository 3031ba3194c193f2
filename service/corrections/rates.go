package corrections

import (
	"cmp"
	"sync"

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
}

// rates are the error rates of all corrections, by project. They are read from the store
// when a project is first looked at.
type rates struct {
	mu       sync.Mutex // guards projects
	projects map[int64]*projectRates
}

func newRates() *rates { return &rates{projects: map[int64]*projectRates{}} }

// projectRates are the error rates of a project, by annotation.
type projectRates struct {
	mu  sync.Mutex // guards all
	all map[int64]rate
}

func (p *projectRates) set(annotation int64, r rate) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.all[annotation] = r
}

func (p *projectRates) remove(annotation int64) {
	p.mu.Lock()
	defer p.mu.Unlock()
	delete(p.all, annotation)
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
