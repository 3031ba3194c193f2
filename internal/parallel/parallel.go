// Package parallel does the same with many things, some of them at a time.
package parallel

import (
	"sync"
	"sync/atomic"
)

// For calls do for 0 to n-1, at most so many calls at a time, and returns when all have ended.
func For(n, most int, do func(i int)) {
	var running sync.WaitGroup
	var next atomic.Int64
	for range min(n, most) {
		running.Go(func() {
			for i := next.Add(1) - 1; i < int64(n); i = next.Add(1) - 1 {
				do(int(i))
			}
		})
	}
	running.Wait()
}
