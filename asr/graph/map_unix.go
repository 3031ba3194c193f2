//go:build unix

package graph

import (
	"fmt"
	"io"
	"math"
	"os"

	"golang.org/x/sys/unix"
)

func mapped(f *os.File) ([]byte, io.Closer, error) {
	info, err := f.Stat()
	if err != nil {
		return nil, nil, err
	}
	size := info.Size()
	if size == 0 || size > math.MaxInt || !info.Mode().IsRegular() {
		return nil, nil, fmt.Errorf("graph: %s is no ONNX file", f.Name())
	}
	data, err := unix.Mmap(int(f.Fd()), 0, int(size), unix.PROT_READ, unix.MAP_PRIVATE)
	if err != nil {
		return nil, nil, fmt.Errorf("graph: map %s: %w", f.Name(), err)
	}
	return data, closer(func() error { return unix.Munmap(data) }), nil
}
