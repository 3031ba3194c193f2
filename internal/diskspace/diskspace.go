// Package diskspace says how much room there is on a file system.
package diskspace

import (
	"fmt"

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
