// Package diskspace says how much room there is on a file system.
package diskspace

import (
	"fmt"
	"syscall"

	"golang.org/x/sys/unix"
)

// Free returns how many bytes this user may still write to the file system of a folder.
func Free(folder string) (int64, error) {
	var s unix.Statfs_t
	if err := unix.Statfs(folder, &s); err != nil {
		return 0, fmt.Errorf("free space of %s: %w", folder, err)
	}
	return int64(min(s.Bavail, 1<<40)) * int64(s.Bsize), nil
}

// ShortageError means that something does not fit on the disk. It is a syscall.ENOSPC that
// was found before writing.
type ShortageError struct {
	Folder     string
	Need, Free int64 // bytes
}

func (e *ShortageError) Error() string {
	return fmt.Sprintf("%s has %d MB free and %d MB are needed; free some, or choose another folder", e.Folder, e.Free>>20, (e.Need+1<<20-1)>>20)
}

// Is reports whether target is syscall.ENOSPC.
func (e *ShortageError) Is(target error) bool { return target == syscall.ENOSPC }

// Require returns a *ShortageError if need bytes do not fit into a folder. Where the file
// system does not say how much is free, writing has to show it.
func Require(folder string, need int64) error {
	if free, err := Free(folder); err == nil && need > free {
		return &ShortageError{folder, need, free}
	}
	return nil
}
