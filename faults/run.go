package main

import (
	"context"
	"fmt"
	"math/rand/v2"
	"os"
	"sync"
	"time"
)

// options are what the flags say.
type options struct {
	program  string // path of asr-backend
	model    string // folder of the model that turns tones into words
	library  string // ONNX Runtime; empty: as the program finds it
	dir      string // for data and logs
	short    bool
	tasks    int // of a scene; 0: as the scene has it
	kills    int // of a scene; 0: as the scene has it
	seed     uint64
	parallel int
	asJSON   bool
	verbose  bool
}

// errSkip says why a scene cannot be played here.
type errSkip string

func (e errSkip) Error() string { return string(e) }

// run is one run of a scene. It owns the processes that it starts.
type run struct {
	context.Context
	options
	dir  string
	name string

	mu     sync.Mutex // guards the fields below
	random *rand.Rand
	ends   []func() // end what the scene started
	result Result
	wg     sync.WaitGroup // requests under way
}

// atEnd has something ended with the scene.
func (r *run) atEnd(end func()) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.ends = append(r.ends, end)
}

// end ends all that the scene started. It may be called more than once.
func (r *run) end() {
	r.mu.Lock()
	ends := r.ends
	r.mu.Unlock()
	for _, end := range ends {
		end()
	}
}

// size returns how much of something a scene wants: what a flag says, or one of two.
func (r *run) size(flag, short, full int) int {
	switch {
	case flag > 0:
		return flag
	case r.short:
		return short
	}
	return full
}

// figure notes what a scene measured.
func (r *run) figure(format string, args ...any) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.result.Figures = append(r.result.Figures, fmt.Sprintf(format, args...))
}

// fault notes a broken promise that no task shows.
func (r *run) fault(format string, args ...any) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.result.Faults = append(r.result.Faults, fmt.Sprintf(format, args...))
}

func (r *run) logf(format string, args ...any) {
	if r.verbose {
		fmt.Fprintf(os.Stderr, "%s %-10s %s\n", time.Now().Format("15:04:05"), r.name, fmt.Sprintf(format, args...))
	}
}

// between returns a random time.
func (r *run) between(least, most time.Duration) time.Duration {
	r.mu.Lock()
	defer r.mu.Unlock()
	return least + time.Duration(r.random.Int64N(int64(most-least)+1))
}

// intn returns a random number below n.
func (r *run) intn(n int) int {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.random.IntN(n)
}

// sleep waits, or returns the error of a scene whose time is over.
func (r *run) sleep(d time.Duration) error {
	select {
	case <-time.After(d):
		return nil
	case <-r.Done():
		return context.Cause(r)
	}
}

// until polls for something, for at most a time, and returns how long it took.
func (r *run) until(d time.Duration, ok func() bool) (took time.Duration, reached bool) {
	began := time.Now()
	for !ok() {
		if time.Since(began) > d || r.sleep(100*time.Millisecond) != nil {
			return time.Since(began), false
		}
	}
	return time.Since(began), true
}

// count adds a tally to the result of the scene.
func (r *run) count(t Tally) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.result.add(t)
}
