package output

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"time"

	"github.com/asr-backend/asr-backend/internal/atomicfile"
	"github.com/asr-backend/asr-backend/internal/pause"
	"github.com/asr-backend/asr-backend/internal/without"

	"golang.org/x/sys/unix"
)

// Write makes what content writes the output, or leaves it as it was.
func (t *Target) Write(ctx context.Context, content func(io.Writer) error) error {
	f, err := t.Create(ctx)
	if err != nil {
		return err
	}
	if err := content(f); err != nil {
		return errors.Join(err, f.Close())
	}
	return f.Commit()
}

// File is an output being written. Call Commit once all is written, and always Close.
type File struct {
	io.Writer
	name   string
	atomic *atomicfile.File // nil if written in place
	direct *os.File         // nil if atomic, or not ours to close
	stop   func() bool
}

// Create opens the target. Opening a named pipe waits for its reader, and writing to it
// for the reader to read; both end with ctx.
func (t *Target) Create(ctx context.Context) (*File, error) {
	if t.path == "" {
		return &File{Writer: t.w.stdout, name: "standard output"}, nil
	}
	p, err := t.w.resolve(t.path) // once more: what is there may have changed
	if err != nil {
		return nil, err
	}
	f := &File{name: t.path}
	switch p.kind {
	case descriptor:
		f.direct, err = duplicate(p.fd, t.path)
	case inPlace:
		f.direct, err = openInPlace(ctx, p.path)
	default:
		if f.atomic, err = atomicfile.Create(p.path); err == nil && p.info != nil {
			f.atomic.KeepModeOf(p.info)
		}
	}
	if err != nil {
		return nil, fmt.Errorf("write %s: %w", t.path, err)
	}
	if f.atomic != nil {
		f.Writer = f.atomic
		return f, nil
	}
	f.Writer = &interruptible{ctx, f.direct}
	f.stop = context.AfterFunc(ctx, func() {
		_ = f.direct.SetWriteDeadline(time.Unix(1, 0)) // devices have none and never block for long
	})
	return f, nil
}

// Seek moves to where the next Write goes, as io.Seeker says. Only an output that is
// written aside, a regular file, can do that; a pipe, a device and standard output cannot.
func (f *File) Seek(offset int64, whence int) (int64, error) {
	if f.atomic == nil {
		return 0, fmt.Errorf("write %s: %w", f.name, errNoSeek)
	}
	return f.atomic.Seek(offset, whence)
}

var errNoSeek = errors.New("not a regular file, and this format needs one")

// Commit makes all that was written the output. After an error a regular file is as it was.
func (f *File) Commit() error {
	if f.atomic != nil {
		return f.atomic.Commit()
	}
	return f.Close()
}

// Close throws away what was not committed, as far as it has not gone through a pipe.
func (f *File) Close() error {
	if f.atomic != nil {
		return f.atomic.Close()
	}
	if f.direct == nil {
		return nil
	}
	f.stop()
	err := f.direct.Close()
	f.direct = nil
	if err != nil {
		return fmt.Errorf("write %s: %w", f.name, err)
	}
	return nil
}

// duplicate returns a file of its own on an open descriptor.
func duplicate(fd int, name string) (*os.File, error) {
	copied, err := unix.FcntlInt(uintptr(fd), unix.F_DUPFD_CLOEXEC, 3)
	if err != nil {
		return nil, os.NewSyscallError("dup", err)
	}
	return os.NewFile(uintptr(copied), name), nil
}

// openInPlace opens a pipe or a device. A pipe without a reader cannot be opened without
// blocking, so it is tried again until there is one.
func openInPlace(ctx context.Context, path string) (*os.File, error) {
	for {
		f, err := os.OpenFile(path, os.O_WRONLY|unix.O_NONBLOCK|unix.O_NOCTTY, 0)
		if !errors.Is(err, unix.ENXIO) {
			return f, without.Path(err)
		}
		if err := pause.For(ctx, 50*time.Millisecond); err != nil {
			return nil, err
		}
	}
}

// interruptible reports a write that the context ended with the context's cause.
type interruptible struct {
	ctx context.Context
	f   *os.File
}

func (w *interruptible) Write(p []byte) (int, error) {
	n, err := w.f.Write(p)
	if err != nil && w.ctx.Err() != nil {
		err = context.Cause(w.ctx)
	}
	return n, err
}
