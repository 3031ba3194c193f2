// Package gunzip reads files that may be compressed with gzip, which their first two bytes show.
package gunzip

import (
	"bufio"
	"compress/gzip"
	"fmt"
	"io"
)

// NewReader returns a reader of what is in r, compressed or not.
func NewReader(r io.Reader) (*bufio.Reader, error) {
	const size = 1 << 16
	in := bufio.NewReaderSize(r, size)
	magic, _ := in.Peek(2) // a shorter file is not compressed; its error comes with the next read
	if string(magic) != "\x1f\x8b" {
		return in, nil
	}
	z, err := gzip.NewReader(in)
	if err != nil {
		return nil, fmt.Errorf("read gzip: %w", err)
	}
	return bufio.NewReaderSize(z, size), nil
}
