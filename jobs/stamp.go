package jobs

import (
	"errors"
	"fmt"
	"log/slog"
	"os"
	"path/filepath"

	"github.com/nats-io/nats-server/v2/server"
)

// stamp describes a data directory. A directory with a stamp has all its streams: a missing
// one was lost.
type stamp struct {
	Format int    `json:"v"`
	Prefix string `json:"prefix"`
	// Making is set until all streams have been created, before which nothing is stored.
	Making bool `json:"making,omitempty"`
}

// readStamp reads the stamp of a directory; ok is false if there is none, and stale means that
// it is to be written again. A damaged stamp is made again if the streams that it describes are
// all there: they are checked on their own, and hold their version too.
func readStamp(dir, prefix string, log *slog.Logger) (s stamp, ok, stale bool, err error) {
	ok, checked, err := readFile(dir, stampFile, &s)
	if err == nil && ok {
		err = s.check(dir, prefix)
	}
	if !errors.Is(err, ErrDamaged) || !hasAll(dir, prefix) {
		return s, ok, ok && !checked, err
	}
	log.Warn("jobs: a damaged file is made again from the streams that it describes", "file", filepath.Join(dir, stampFile), "error", err)
	return stamp{Format: format, Prefix: prefix}, true, true, nil
}

// check reports damage that a stamp without a checksum hides.
func (s stamp) check(dir, prefix string) error {
	switch {
	case s.Format > format: // its other fields may mean something else
	case s.Format < 1 || !token(s.Prefix):
		return fmt.Errorf("%w: %s: version %d and prefix %q are not possible", ErrDamaged, stampFile, s.Format, s.Prefix)
	case !s.Making && s.Prefix != prefix && !hasStream(dir, streamName(s.Prefix, bucketJobs)) && hasStream(dir, streamName(prefix, bucketJobs)):
		return fmt.Errorf("%w: %s names the prefix %q, and the streams have the prefix %q", ErrDamaged, stampFile, s.Prefix, prefix)
	}
	return nil
}

// streamDir is the folder of a stream.
func streamDir(dir, name string) string {
	return filepath.Join(dir, serverDir, server.DEFAULT_GLOBAL_ACCOUNT, "streams", name)
}

func hasStream(dir, name string) bool {
	info, err := os.Stat(streamDir(dir, name))
	return err == nil && info.IsDir()
}

// hasAll reports whether the directory has all streams that hold what cannot be computed
// again.
func hasAll(dir, prefix string) bool {
	for _, b := range buckets {
		if b.name != bucketWindows && !hasStream(dir, streamName(prefix, b.name)) {
			return false
		}
	}
	return true
}
