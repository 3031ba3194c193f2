//go:build unix

package jobs

import (
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"syscall"

	"asr-backend/internal/atomicfile"
)

// Files of the data directory, and the folder that the server keeps its own in.
const (
	serverDir = "jetstream"
	lockFile  = "lock"
	stampFile = "asr-jobs.json" // what the directory holds, in which version
	markFile  = "watermark.json"
)

// stamp says what a data directory holds. A directory with a stamp has all its streams; one
// that is missing was lost.
type stamp struct {
	Format int    `json:"v"`
	Prefix string `json:"prefix"`
	// Making is set until all streams have been made for the first time. Nothing was
	// stored before.
	Making bool `json:"making,omitempty"`
}

// watermark is what a directory holds at least. The server cuts a damaged file off at the
// damage and says nothing, so this is how a loss is noticed.
type watermark struct {
	Jobs    int    `json:"jobs"`    // records, at least, at revision Seq
	Seq     uint64 `json:"seq"`     // the newest revision of a job
	Values  uint64 `json:"values"`  // project values, which only grow in number
	Changes uint64 `json:"changes"` // the newest revision of a project value
}

// lost tells what is missing in now compared with w, or an empty string. Every removal of a
// job is a revision of its own, so that jobs may be fewer by the revisions since w.
func (w watermark) lost(now watermark) string {
	least := w.Jobs
	if now.Seq > w.Seq {
		least -= int(min(now.Seq-w.Seq, uint64(w.Jobs)))
	}
	switch {
	case now.Jobs < least:
		return fmt.Sprintf("%d of %d jobs are missing", least-now.Jobs, least)
	case w.Jobs > 0 && now.Seq < w.Seq:
		return fmt.Sprintf("the latest %d changes of jobs are missing", w.Seq-now.Seq)
	case now.Values < w.Values:
		return fmt.Sprintf("%d of %d project values are missing", w.Values-now.Values, w.Values)
	case w.Values > 0 && now.Changes < w.Changes:
		return fmt.Sprintf("the latest %d changes of project values are missing", w.Changes-now.Changes)
	}
	return ""
}

// lockDir makes the directory and takes it for this process. The lock ends with the
// process, however it ends. It does not hold between machines on a network file system.
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
	// The number only serves the message above; a full disk must not keep us from opening.
	if f.Truncate(0) == nil {
		_, _ = f.WriteAt(fmt.Appendf(nil, "%d\n", os.Getpid()), 0)
	}
	return f, nil
}

// probeSize is more than the largest message.
const probeSize = 2 << 20

// probeDisk writes and syncs a file of some size, to learn from the operating system
// whether the directory takes writes.
func probeDisk(dir string) error {
	f, err := os.CreateTemp(dir, "probe-*")
	if err != nil {
		return diskError(err)
	}
	_, err = f.Write(make([]byte, probeSize))
	err = errors.Join(err, f.Sync(), f.Close(), os.Remove(f.Name()))
	return diskError(err)
}

// readFile reads a JSON file of the directory; ok is false if there is none.
func readFile(dir, name string, into any) (ok bool, err error) {
	data, err := os.ReadFile(filepath.Join(dir, name))
	if errors.Is(err, fs.ErrNotExist) {
		return false, nil
	}
	if err != nil {
		return false, diskError(err)
	}
	if err := json.Unmarshal(data, into); err != nil {
		return false, fmt.Errorf("%w: %s: %w", ErrDamaged, name, err)
	}
	return true, nil
}

// writeFile replaces a file of the directory in one step that survives a loss of power.
func writeFile(dir, name string, v any) error {
	f, err := atomicfile.Create(filepath.Join(dir, name))
	if err != nil {
		return diskError(err)
	}
	defer f.Close()
	if err := json.NewEncoder(f).Encode(v); err != nil {
		return diskError(err)
	}
	return diskError(f.Commit())
}

// cleanDir removes what a killed process, and the server in it, left of files that they were
// writing. Call it with the lock held.
func cleanDir(dir string) {
	for _, pattern := range []string{filepath.Join(serverDir, "_test_*"), filepath.Join(serverDir, "*", "streams", "*", "_test_*"), "probe-*", ".*.part"} {
		left, _ := filepath.Glob(filepath.Join(dir, pattern))
		for _, f := range left {
			_ = os.Remove(f)
		}
	}
}
