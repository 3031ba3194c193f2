package jobs

import (
	"errors"
	"fmt"
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

// readStamp reads the stamp of the directory; ok is false if there is none. A damaged stamp
// is made again if the streams that it describes are all there: they are checked on their
// own, and hold their version too.
func (e *embedded) readStamp() (s stamp, ok bool, err error) {
	ok, checked, err := readFile(e.dir, stampFile, &s)
	if err == nil && ok {
		err = e.checkStamp(s)
		e.stale = !checked
	}
	if !errors.Is(err, ErrDamaged) || !e.hasAll() {
		return s, ok, err
	}
	e.log.Warn("jobs: a damaged file is made again from the streams that it describes", "file", filepath.Join(e.dir, stampFile), "error", err)
	e.stale = true
	return stamp{Format: format, Prefix: e.prefix}, true, nil
}

// checkStamp reports damage that a stamp without a checksum hides.
func (e *embedded) checkStamp(s stamp) error {
	switch {
	case s.Format > format: // its other fields may mean something else
	case s.Format < 1 || !token(s.Prefix):
		return fmt.Errorf("%w: %s: version %d and prefix %q cannot be", ErrDamaged, stampFile, s.Format, s.Prefix)
	case !s.Making && s.Prefix != e.prefix && !e.has(streamName(s.Prefix, bucketJobs)) && e.has(streamName(e.prefix, bucketJobs)):
		return fmt.Errorf("%w: %s names the prefix %q, and the streams have the prefix %q", ErrDamaged, stampFile, s.Prefix, e.prefix)
	}
	return nil
}

// streamDir is the folder of a stream.
func (e *embedded) streamDir(name string) string {
	return filepath.Join(e.dir, serverDir, server.DEFAULT_GLOBAL_ACCOUNT, "streams", name)
}

func (e *embedded) has(stream string) bool {
	info, err := os.Stat(e.streamDir(stream))
	return err == nil && info.IsDir()
}

// hasAll reports whether the directory has all streams that hold what cannot be computed
// again.
func (e *embedded) hasAll() bool {
	for _, b := range buckets {
		if b.name != bucketWindows && !e.has(streamName(e.prefix, b.name)) {
			return false
		}
	}
	return true
}
