package models

import (
	"context"
	"errors"
	"fmt"
	"os"
	"time"

	"github.com/asr-backend/asr-backend/internal/pause"

	"golang.org/x/sys/unix"
)

// lock takes the lock file at path, which one process at a time can hold and which the
// system frees when the process ends, however it ends. If another holds it, waiting is
// called once. It is no use on network file systems that do not know flock.
func lock(ctx context.Context, path string, waiting func()) (release func() error, err error) {
	f, err := os.OpenFile(path, os.O_RDWR|os.O_CREATE, 0o666)
	if err != nil {
		return nil, err
	}
	for waited := false; ; waited = true {
		err := unix.Flock(int(f.Fd()), unix.LOCK_EX|unix.LOCK_NB)
		switch {
		case err == nil:
			return f.Close, nil
		case errors.Is(err, unix.EINTR):
			continue
		case !errors.Is(err, unix.EWOULDBLOCK):
			return nil, errors.Join(fmt.Errorf("lock %s: %w", path, err), f.Close())
		}
		if !waited {
			waiting()
		}
		if err := pause.For(ctx, 200*time.Millisecond); err != nil { // the system does not notify waiters
			return nil, errors.Join(err, f.Close())
		}
	}
}
