package cli

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"

	"golang.org/x/sys/unix"
)

// patience is how long a read of standard input waits, in milliseconds, before it looks
// whether it is still wanted.
const patience = 100

// Interruptible returns a reader of f whose reads end with the context, also while
// nothing comes: a pipe that stalls does not keep the program from stopping. A regular
// file, which never stalls, is returned as it is and can seek.
func Interruptible(ctx context.Context, f *os.File) io.Reader {
	if info, err := f.Stat(); err == nil && info.Mode().IsRegular() {
		return f
	}
	return &pollReader{ctx, f}
}

// OpenInput opens a file that a command reads as a whole: a text, an export. A named pipe
// that nobody writes to does not keep the program from stopping. Errors are of wrong usage.
func OpenInput(ctx context.Context, path string) (io.ReadCloser, error) {
	f, err := os.OpenFile(path, os.O_RDONLY|unix.O_NONBLOCK|unix.O_NOCTTY, 0)
	if err != nil {
		if path, ok := errors.AsType[*os.PathError](err); ok {
			err = fmt.Errorf("%s: %w", path.Path, path.Err)
		}
		return nil, &UsageError{err}
	}
	if info, err := f.Stat(); err == nil && info.IsDir() {
		return nil, &UsageError{errors.Join(fmt.Errorf("%s is a folder", path), f.Close())}
	}
	return struct {
		io.Reader
		io.Closer
	}{Interruptible(ctx, f), f}, nil
}

type pollReader struct {
	ctx context.Context
	f   *os.File
}

func (r *pollReader) Read(p []byte) (int, error) {
	ready := []unix.PollFd{{Fd: int32(r.f.Fd()), Events: unix.POLLIN}}
	for {
		if err := context.Cause(r.ctx); err != nil {
			return 0, err
		}
		n, err := unix.Poll(ready, patience)
		switch {
		case errors.Is(err, unix.EINTR):
		case err != nil:
			return 0, os.NewSyscallError("poll", err)
		case n > 0:
			return r.f.Read(p)
		}
	}
}
