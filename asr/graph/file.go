package graph

import (
	"errors"
	"io"
	"os"
)

// Open reads an ONNX file. Where the system can, the file is mapped into memory, so that only what is
// looked at is read: weights are not, unless they are asked for. The Model must not be used once it was
// closed, and the file must not be cut short before.
func Open(path string) (*Model, io.Closer, error) {
	f, err := os.Open(path)
	if err != nil {
		return nil, nil, err
	}
	data, closer, err := mapped(f)
	if err = errors.Join(err, f.Close()); err != nil {
		return nil, nil, err
	}
	m, err := Parse(data)
	if err != nil {
		return nil, nil, errors.Join(err, closer.Close())
	}
	return m, closer, nil
}

type closer func() error

func (c closer) Close() error { return c() }
