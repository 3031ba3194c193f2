package main

import (
	"fmt"
	"os"
	"strconv"
	"strings"
	"time"
)

// rss returns how many megabytes of the process are in memory; 0 if it does not run or the
// system does not say.
func (n *node) rss() int {
	n.mu.Lock()
	pid := n.cmd.Process.Pid
	n.mu.Unlock()
	raw, err := os.ReadFile(fmt.Sprintf("/proc/%d/status", pid))
	if err != nil {
		return 0
	}
	for line := range strings.Lines(string(raw)) {
		if rest, ok := strings.CutPrefix(line, "VmRSS:"); ok {
			kilobytes, _ := strconv.Atoi(strings.Fields(rest)[0])
			return kilobytes >> 10
		}
	}
	return 0
}

// watch measures until the function that it returns is called: the most memory, and the
// slowest answer of /health.
func (n *node) watch() func() (peak int, slowest time.Duration) {
	stop, done := make(chan struct{}), make(chan struct{})
	var peak int
	var slowest time.Duration
	go func() {
		defer close(done)
		for {
			peak = max(peak, n.rss())
			began := time.Now()
			_, _ = n.get(n.run, "/health", nil) // what counts is the time
			slowest = max(slowest, time.Since(began))
			select {
			case <-stop:
				return
			case <-time.After(50 * time.Millisecond):
			}
		}
	}()
	return func() (int, time.Duration) {
		close(stop)
		<-done
		return peak, slowest
	}
}
