package corrections

import (
	"sync"

	"github.com/asr-backend/asr-backend/labelstudio"
	"github.com/asr-backend/asr-backend/wer"
)

type rate struct {
	Version string     `json:"version"`
	Errors  wer.Errors `json:"errors"`
	// NotCompared says that there are no errors to count.
	NotCompared bool `json:"not_compared,omitempty"`
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
func (p *projectRates) sums() map[string]wer.Errors {
	p.mu.Lock()
	defer p.mu.Unlock()
	sums := map[string]wer.Errors{}
	for _, r := range p.all {
		if r.NotCompared {
			continue
		}
		e := sums[r.Version]
		e.Add(r.Errors)
		sums[r.Version] = e
	}
	return sums
}
