//go:build unix

package jobs

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"syscall"

	"github.com/asr-backend/asr-backend/internal/sealed"
)

// Files of the data directory, and the folder of the server.
const (
	serverDir = "jetstream"
	lockFile  = "lock"
	stampFile = "asr-jobs.json" // version and prefix of the content
	markFile  = "watermark.json"
)

// watermark is the least that a directory must hold. The server silently truncates a damaged
// file, so this is how missing data is detected.
type watermark struct {
	Jobs    int    `json:"jobs"`    // records, at least, at revision Seq
	Seq     uint64 `json:"seq"`     // the newest revision of a job
	Values  uint64 `json:"values"`  // project values, at least, at revision Changes
	Changes uint64 `json:"changes"` // the newest revision of a project value
}

// missing describes what now lacks compared with w; it is empty if nothing is missing. Every
// removal takes a revision, so there may be as many jobs or values less as there were
// revisions since w.
func (w watermark) missing(now watermark) string {
	least, values := w.Jobs, w.Values
	if now.Seq > w.Seq {
		least -= int(min(now.Seq-w.Seq, uint64(w.Jobs)))
	}
	if now.Changes > w.Changes {
		values -= min(now.Changes-w.Changes, w.Values)
	}
	switch {
	case now.Jobs < least:
		return fmt.Sprintf("%d of %d jobs are missing", least-now.Jobs, least)
	case w.Jobs > 0 && now.Seq < w.Seq:
		return fmt.Sprintf("the latest %d changes of jobs are missing", w.Seq-now.Seq)
	case now.Values < values:
		return fmt.Sprintf("%d of %d project values are missing", values-now.Values, values)
	case w.Values > 0 && now.Changes < w.Changes:
		return fmt.Sprintf("the latest %d changes of project values are missing", w.Changes-now.Changes)
	}
	return ""
}

// lockDir creates the directory and locks it for this process. The lock ends with the
// process, even if it is killed. It does not work across machines on a network file system.
func lockDir(dir string) (*os.File, error) {
	if err := os.MkdirAll(dir, 0o750); err != nil {
		return nil, diskError(err)
	}
	f, err := os.OpenFile(filepath.Join(dir, lockFile), os.O_RDWR|os.O_CREATE, 0o640)
	if err != nil {
		return nil, diskError(err)
	}
	if err := syscall.Flock(int(f.Fd()), syscall.LOCK_EX|syscall.LOCK_NB); err != nil {
		pid := make([]byte, 16)
		n, _ := f.ReadAt(pid, 0)
		f.Close()
		if errors.Is(err, syscall.EWOULDBLOCK) {
			return nil, fmt.Errorf("%w by process %s", ErrLocked, strings.TrimSpace(string(pid[:n])))
		}
		return nil, diskError(err)
	}
	// The process ID is only for the message above; a full disk must not prevent opening.
	if f.Truncate(0) == nil {
		_, _ = f.WriteAt(fmt.Appendf(nil, "%d\n", os.Getpid()), 0)
	}
	return f, nil
}

// probeSize is more than the largest message.
const probeSize = 2 << 20

// probeDisk writes and syncs a file, to get the error of the operating system.
func probeDisk(dir string) error {
	f, err := os.CreateTemp(dir, "probe-*")
	if err != nil {
		return diskError(err)
	}
	_, err = f.Write(make([]byte, probeSize))
	err = errors.Join(err, f.Sync(), f.Close(), os.Remove(f.Name()))
	return diskError(err)
}

// readFile reads a file of the directory; ok is false if there is none, and checked if it has
// no checksum, as earlier versions wrote it.
func readFile(dir, name string, into any) (ok, checked bool, err error) {
	checked, err = sealed.Read(filepath.Join(dir, name), into)
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return false, false, nil
	case errors.Is(err, sealed.ErrDamaged):
		return false, checked, fmt.Errorf("%w: %s: %w", ErrDamaged, name, err)
	case err != nil:
		return false, false, diskError(err)
	}
	return true, checked, nil
}

// writeFile replaces a file of the directory atomically and durably.
func writeFile(dir, name string, v any) error {
	return diskError(sealed.Write(filepath.Join(dir, name), v))
}

// cleanDir removes the unfinished files of a killed process. The lock must be held.
func cleanDir(dir string) {
	for _, pattern := range []string{filepath.Join(serverDir, "_test_*"), filepath.Join(serverDir, "*", "streams", "*", "_test_*"), "probe-*", "." + stampFile + ".*.part", "." + markFile + ".*.part"} {
		left, _ := filepath.Glob(filepath.Join(dir, pattern))
		for _, f := range left {
			_ = os.Remove(f)
		}
	}
}
