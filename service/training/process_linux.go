package training

import (
	"bytes"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"

	"golang.org/x/sys/unix"
)

// attributes put a process into a group of its own. It is killed with this one.
func attributes() *syscall.SysProcAttr {
	return &syscall.SysProcAttr{Setpgid: true, Pdeathsig: syscall.SIGKILL}
}

// alive reports whether a process group has a process that has not ended. One that has and that nobody
// has waited for does not count: in a container, that may be so for ever.
func alive(group int) bool {
	if unix.Kill(-group, 0) == unix.ESRCH {
		return false
	}
	for _, pid := range processes() {
		raw, err := os.ReadFile(filepath.Join("/proc", strconv.Itoa(pid), "stat"))
		if err != nil {
			continue // it has ended
		}
		// pid (name, which may have spaces) state ppid pgrp ...
		fields := strings.Fields(string(raw[bytes.LastIndexByte(raw, ')')+1:]))
		if len(fields) > 2 && fields[2] == strconv.Itoa(group) && fields[0] != "Z" && fields[0] != "X" {
			return true
		}
	}
	return false
}

// killLeft kills the processes that work on manifests in a folder: what a service that was killed has
// left of a command, and what has left the group of one.
func killLeft(folder string) {
	begin := []byte(variableManifest + "=" + folder + string(filepath.Separator))
	for _, pid := range processes() {
		env, err := os.ReadFile(filepath.Join("/proc", strconv.Itoa(pid), "environ"))
		if err != nil || pid == os.Getpid() {
			continue // somebody else's
		}
		for v := range bytes.SplitSeq(env, []byte{0}) {
			if bytes.HasPrefix(v, begin) {
				_ = unix.Kill(pid, unix.SIGKILL) // it may have ended
			}
		}
	}
}

func processes() (pids []int) {
	entries, err := os.ReadDir("/proc")
	if err != nil {
		return nil
	}
	for _, e := range entries {
		if pid, err := strconv.Atoi(e.Name()); err == nil {
			pids = append(pids, pid)
		}
	}
	return pids
}
