package recordings

import (
	"slices"
	"strings"
	"sync"
	"time"
)

// progress follows the recordings that are being transcribed.
type progress struct {
	mu      sync.Mutex // guards running and what is in it
	running map[string]*tracker
}

// tracker is one recording on its way.
type tracker struct {
	p   *progress
	key string
	Running
}

// Running is a recording that is being transcribed, as /status shows it.
type Running struct {
	Project int64         `json:"project"`
	Task    int64         `json:"task"`
	File    string        `json:"file"`
	Since   time.Time     `json:"since"`
	Done    time.Duration `json:"-"`
	Length  time.Duration `json:"-"` // as declared; zero if unknown
	DoneS   float64       `json:"transcribed_s"`
	LengthS float64       `json:"length_s,omitempty"`
	// Waiting says that it waits for its next turn.
	Waiting bool `json:"waiting,omitempty"`
}

func newProgress() *progress { return &progress{running: map[string]*tracker{}} }

func (p *progress) begin(key string, project, task int64, file string) *tracker {
	p.mu.Lock()
	defer p.mu.Unlock()
	t := &tracker{p: p, key: key, Running: Running{Project: project, Task: task, File: file, Since: time.Now()}}
	p.running[key] = t
	return t
}

func (t *tracker) transcribed(d time.Duration) {
	t.p.mu.Lock()
	defer t.p.mu.Unlock()
	t.Done, t.DoneS = d, d.Seconds()
}

func (t *tracker) length(d time.Duration) {
	t.p.mu.Lock()
	defer t.p.mu.Unlock()
	t.Length, t.LengthS = d, d.Seconds()
}

func (t *tracker) waiting(yes bool) {
	t.p.mu.Lock()
	defer t.p.mu.Unlock()
	t.Waiting = yes
}

func (t *tracker) end() {
	t.p.mu.Lock()
	defer t.p.mu.Unlock()
	delete(t.p.running, t.key)
}

// list returns what is being transcribed, the longest under way first.
func (p *progress) list() []Running {
	p.mu.Lock()
	defer p.mu.Unlock()
	out := make([]Running, 0, len(p.running))
	for _, t := range p.running {
		out = append(out, t.Running)
	}
	slices.SortFunc(out, func(a, b Running) int {
		if c := a.Since.Compare(b.Since); c != 0 {
			return c
		}
		return strings.Compare(a.File, b.File)
	})
	return out
}

// left is how much audio is still to be transcribed, as far as lengths are declared.
func (p *progress) left() time.Duration {
	left := time.Duration(0)
	for _, r := range p.list() {
		left += max(r.Length-r.Done, 0)
	}
	return left
}
