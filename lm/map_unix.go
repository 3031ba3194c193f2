//go:build unix

package lm

import (
	"os"

	"golang.org/x/sys/unix"
)

// mapFile maps a file, or reads it where it cannot be mapped.
func mapFile(f *os.File) (b []byte, unmap func() error, err error) {
	info, err := f.Stat()
	if err != nil {
		return nil, nil, err
	}
	if size := info.Size(); size > 0 && int64(int(size)) == size {
		b, err := unix.Mmap(int(f.Fd()), 0, int(size), unix.PROT_READ, unix.MAP_SHARED)
		if err == nil {
			return b, func() error { return unix.Munmap(b) }, nil
		}
	}
	return readWhole(f)
}
