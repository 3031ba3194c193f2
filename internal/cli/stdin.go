package cli

import (
	"context"
	"errors"
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
