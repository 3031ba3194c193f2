package service

import (
	"slices"
	"strings"
	"sync"
	"time"
)

// progress follows the recordings that are being heard.
type progress struct {
	mu     sync.Mutex // guards tracks and what is in them
	tracks map[string]*track
}

// track is one recording on its way.
type track struct {
	p       *progress
	key     string
	running Running
}

// Running is a recording that is being heard, as /status shows it.
type Running struct {
	Project int64         `json:"project"`
	Task    int64         `json:"task"`
	File    string        `json:"file"`
	Since   time.Time     `json:"since"`
	Heard   time.Duration `json:"-"`
	Length  time.Duration `json:"-"` // as declared; zero if unknown
	HeardS  float64       `json:"heard_s"`
	LengthS float64       `json:"length_s,omitempty"`
}

func newProgress() *progress { return &progress{tracks: map[string]*track{}} }

func (p *progress) begin(key string, project, task int64, file string) *track {
	p.mu.Lock()
	defer p.mu.Unlock()
	t := &track{p: p, key: key, running: Running{Project: project, Task: task, File: file, Since: time.Now()}}
	p.tracks[key] = t
	return t
}

func (t *track) heard(d time.Duration) {
	t.p.mu.Lock()
	defer t.p.mu.Unlock()
	t.running.Heard, t.running.HeardS = d, d.Seconds()
}

func (t *track) length(d time.Duration) {
	t.p.mu.Lock()
	defer t.p.mu.Unlock()
	t.running.Length, t.running.LengthS = d, d.Seconds()
}

func (t *track) end() {
	t.p.mu.Lock()
	defer t.p.mu.Unlock()
	delete(t.p.tracks, t.key)
}

// list returns what is being heard, the longest under way first.
func (p *progress) list() []Running {
	p.mu.Lock()
	defer p.mu.Unlock()
	out := make([]Running, 0, len(p.tracks))
	for _, t := range p.tracks {
		out = append(out, t.running)
	}
	slices.SortFunc(out, func(a, b Running) int {
		if c := a.Since.Compare(b.Since); c != 0 {
			return c
		}
		return strings.Compare(a.File, b.File)
	})
	return out
}
