//go:build !unix

package lm

import "os"

func mapFile(f *os.File) (b []byte, unmap func() error, err error) { return readWhole(f) }
