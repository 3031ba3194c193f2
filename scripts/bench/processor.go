//go:build unix

package main

import (
	"os"
	"os/exec"
	"strconv"
	"strings"
	"syscall"
	"time"
)

// processorTime is what this process has used of the processors.
func processorTime() time.Duration { return usage(syscall.RUSAGE_SELF) }

// childrenTime is what its children that have ended have used.
func childrenTime() time.Duration { return usage(syscall.RUSAGE_CHILDREN) }

func usage(who int) time.Duration {
	var u syscall.Rusage
	if err := syscall.Getrusage(who, &u); err != nil {
		return 0 // cannot be: the arguments are right
	}
	return time.Duration(u.Utime.Nano() + u.Stime.Nano())
}

// peakMemory is the most memory that this process has had, in bytes, or 0 where that cannot be read. The
// ru_maxrss of a child starts with what its parent had.
func peakMemory() int64 {
	raw, err := os.ReadFile("/proc/self/status")
	if err != nil {
		return 0
	}
	for line := range strings.Lines(string(raw)) {
		if f := strings.Fields(line); len(f) >= 2 && f[0] == "VmHWM:" {
			kb, err := strconv.ParseInt(f[1], 10, 64)
			if err != nil {
				return 0
			}
			return kb << 10
		}
	}
	return 0
}

// timed runs a program to its end.
func timed(c *exec.Cmd) (took, []byte, error) {
	start := time.Now()
	out, err := output(c)
	if err != nil {
		return took{}, nil, err
	}
	return took{c.ProcessState.UserTime() + c.ProcessState.SystemTime(), time.Since(start)}, out, nil
}
