package asr

import (
	"runtime"
	"testing"

	"golang.org/x/sys/unix"
)

func TestBackgroundStepsBackAlone(t *testing.T) {
	// The kernel answers 20 - nice.
	nice := func(id int) int {
		p, err := unix.Getpriority(unix.PRIO_PROCESS, id)
		if err != nil {
			t.Error(err)
		}
		return 20 - p
	}
	runtime.LockOSThread()
	defer runtime.UnlockOSThread()
	own := unix.Gettid()
	before := nice(own)
	var inside, thread int
	inBackground(func() { thread, inside = unix.Gettid(), nice(unix.Gettid()) })
	if want := max(before, niceness); inside != want {
		t.Errorf("inside: nice %d, want %d", inside, want)
	}
	if after := nice(own); thread == own || after != before {
		t.Errorf("the caller's thread %d: nice %d before, %d after; ran on %d", own, before, after, thread)
	}
}
