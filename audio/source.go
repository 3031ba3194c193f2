package audio

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"syscall"

	"golang.org/x/sys/unix"
)

// openFile opens a file that may be a recording, without waiting: a named pipe that nobody
// writes to yet is waited for when it is read. Devices have no end, and are refused.
func openFile(path string) (*os.File, error) {
	f, err := os.OpenFile(path, os.O_RDONLY|unix.O_NONBLOCK|unix.O_NOCTTY, 0)
	if errors.Is(err, unix.ENXIO) {
		return nil, &Error{Err: errors.New("is a socket"), Hint: "give the recording through standard input instead"}
	}
	if err != nil {
		return nil, errors.Unwrap(err)
	}
	info, err := f.Stat()
	if err == nil {
		err = checkMode(f, info)
	}
	if err != nil {
		f.Close()
		return nil, err
	}
	return f, nil
}

func checkMode(f *os.File, info fs.FileInfo) error {
	switch mode := info.Mode(); {
	case mode.IsDir():
		return errors.New("is a folder")
	case mode&fs.ModeDevice != 0 && !isTerminal(f):
		return &Error{Err: errors.New("is a device"), Hint: "give a file, a pipe or standard input; a program such as arecord reads from a device"}
	}
	return nil
}

func isTerminal(f *os.File) bool {
	conn, err := f.SyscallConn()
	if err != nil {
		return false
	}
	err2 := conn.Control(func(fd uintptr) { _, err = unix.IoctlGetWinsize(int(fd), unix.TIOCGWINSZ) })
	return err == nil && err2 == nil
}

// pollMillis is how long a read that has nothing to give may ignore its context.
const pollMillis = 100

// A waitingReader reads from a pipe, a socket or a terminal. Where nothing comes, it waits
// no longer than its context lives.
type waitingReader struct {
	ctx  context.Context
	f    *os.File
	conn syscall.RawConn
}

// waiting returns f as a waitingReader, or nil if reading from it does not block.
func waiting(ctx context.Context, f *os.File) *waitingReader {
	info, err := f.Stat()
	if err != nil || info.Mode()&(fs.ModeNamedPipe|fs.ModeSocket|fs.ModeCharDevice) == 0 {
		return nil
	}
	conn, err := f.SyscallConn()
	if err != nil {
		return nil
	}
	return &waitingReader{ctx, f, conn}
}

// Read waits for something to read, or the end of the context.
func (r *waitingReader) Read(p []byte) (int, error) {
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
			n, failed = unix.Poll(fds, pollMillis)
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
