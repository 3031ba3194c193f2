package nut

import (
	"bytes"
	"fmt"
	"io"
)

// varint reads a number of seven bits a byte, the highest first.
func varint(r io.ByteReader) (uint64, error) {
	n := uint64(0)
	for range 10 {
		b, err := r.ReadByte()
		if err != nil {
			return 0, cut(err)
		}
		n = n<<7 | uint64(b&0x7f)
		if b < 0x80 {
			return n, nil
		}
	}
	return 0, fmt.Errorf("%w: a number of more than ten bytes", ErrFormat)
}

// cut makes an end within something an unexpected one.
func cut(err error) error {
	if err == io.EOF {
		return io.ErrUnexpectedEOF
	}
	return err
}

// fields are the numbers and strings of a packet. The first error stays.
type fields struct {
	bytes.Reader
	err error
}

func (f *fields) fail(format string, args ...any) {
	if f.err == nil {
		f.err = fmt.Errorf("%w: %s", ErrFormat, fmt.Sprintf(format, args...))
	}
}

func (f *fields) v() uint64 {
	n, err := varint(f)
	if err != nil {
		f.fail("a packet ends within a number")
		f.Reset(nil)
	}
	return n
}

// s reads a number with a sign: 0, 1, -1, 2, -2 are written as 0, 1, 2, 3, 4.
func (f *fields) s() int64 {
	n := f.v() + 1
	if n&1 != 0 {
		return -int64(n >> 1)
	}
	return int64(n >> 1)
}

func (f *fields) text() []byte {
	n := f.v()
	if n > uint64(f.Len()) {
		f.fail("a packet ends within a string")
		return nil
	}
	b := make([]byte, n)
	_, _ = f.Read(b) // there is as much
	return b
}
