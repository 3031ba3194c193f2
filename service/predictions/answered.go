package predictions

import (
	"sync"
	"time"
)

const (
	// storing is how long Label Studio may take to store an answer: the proxies in front of it
	// give up its user's request after 90 s.
	storing = 90 * time.Second
	// remembered is how long after a push a request is doubted that has no prediction: Label
	// Studio may have read the task before.
	remembered = 10 * time.Minute
)

// answered remembers the answers of the last moments where nothing is pushed: Label Studio asks
// twice at the first visit of a task, and would store both answers.
type answered struct {
	mu  sync.Mutex // guards at
	at  map[string]time.Time
	due time.Time // of the next sweep
}

func newAnswered() *answered { return &answered{at: map[string]time.Time{}} }

// first reports whether a prediction has not been answered for a while, and counts it as
// answered if so.
func (a *answered) first(key string) bool {
	a.mu.Lock()
	defer a.mu.Unlock()
	now := time.Now()
	if now.After(a.due) {
		a.due = now.Add(storing)
		for key, at := range a.at {
			if now.Sub(at) > storing {
				delete(a.at, key)
			}
		}
	}
	if at, ok := a.at[key]; ok && now.Sub(at) <= storing {
		return false
	}
	a.at[key] = now
	return true
}
