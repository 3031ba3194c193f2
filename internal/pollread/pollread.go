// Package pollread reads from files that may have nothing to give for a long time, so that
// each read ends with its context.
package pollread

import (
	"context"
	"fmt"
	"io"
	"io/fs"
	"os"
	"syscall"

	"golang.org/x/sys/unix"
)

// patience is how long a read that has nothing to give may ignore its context, in
// milliseconds.
const patience = 100

// New returns a reader of f whose reads end with the context, with its cause. A file from
// which reading never waits for others, such as a regular one, is returned as it is and can
// seek.
func New(ctx context.Context, f *os.File) io.Reader {
	info, err := f.Stat()
	if err != nil || info.Mode()&(fs.ModeNamedPipe|fs.ModeSocket|fs.ModeCharDevice) == 0 {
		return f
	}
	conn, err := f.SyscallConn()
	if err != nil {
		return f
	}
	return &reader{ctx, f, conn}
}

type reader struct {
	ctx  context.Context
	f    *os.File
	conn syscall.RawConn
}

func (r *reader) Read(p []byte) (int, error) {
	for ready := false; !ready; {
		if r.ctx.Err() != nil {
			return 0, context.Cause(r.ctx)
		}
		var failed error
		err := r.conn.Control(func(fd uintptr) {
			// The end of a pipe counts as something to read, but for a named one that nobody
			// has opened for writing yet.
			fds := []unix.PollFd{{Fd: int32(fd), Events: unix.POLLIN}}
			var n int
			n, failed = unix.Poll(fds, patience)
			ready = n > 0
		})
		if err == nil && failed != nil && failed != unix.EINTR {
			err = fmt.Errorf("poll: %w", failed)
		}
		if err != nil {
			return 0, err
		}
	}
	return r.f.Read(p)
}
