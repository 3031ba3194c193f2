package asr

import (
	"runtime"

	"golang.org/x/sys/unix"
)

// niceness is how far runs in the background step back: they get about a tenth of what
// other threads get, and everything where nothing else wants to run.
const niceness = 10

// inBackground runs f on a thread of its own with low priority. Threads that f starts
// inherit it. The thread ends with f, since it cannot take its priority back.
func inBackground(f func()) {
	done := make(chan struct{})
	go func() {
		defer close(done)
		runtime.LockOSThread() // for good: an unlocked one would run other goroutines
		// Where this is forbidden all goes on as before.
		_ = unix.Setpriority(unix.PRIO_PROCESS, unix.Gettid(), niceness)
		f()
	}()
	<-done
}
