package jobs

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"

	"github.com/nats-io/nats.go/jetstream"
)

// lostStream is a stream that the server could not recover from its files.
type lostStream struct{ name, text string }

func (e *lostStream) Error() string        { return ErrDamaged.Error() + ": " + e.text }
func (e *lostStream) Is(target error) bool { return target == ErrDamaged }

// start starts the server. Window results that it cannot recover are removed first: they only
// save work after a crash, and must not keep the jobs from being opened. Streams that hold
// more than that are left as they are, and start fails.
func (e *embedded) start() error {
	faults := e.launch()
	if err := errors.Join(faults...); err == nil || !e.onlyWindows(faults) {
		return err
	}
	windows := e.streamDir(streamName(e.prefix, bucketWindows))
	e.log.Warn("jobs: damaged window results are removed; recordings that were in progress are transcribed from their beginning",
		"folder", windows, "bytes", folderSize(windows), "error", errors.Join(faults...))
	if err := os.RemoveAll(windows); err != nil {
		return diskError(err)
	}
	return errors.Join(e.launch()...)
}

func (e *embedded) onlyWindows(faults []error) bool {
	for _, err := range faults {
		lost, ok := errors.AsType[*lostStream](err)
		if !ok || lost.name != streamName(e.prefix, bucketWindows) {
			return false
		}
	}
	return true
}

func folderSize(dir string) (bytes int64) {
	_ = filepath.WalkDir(dir, func(_ string, d fs.DirEntry, err error) error {
		if err != nil {
			return nil // for the log only
		}
		if info, err := d.Info(); err == nil && info.Mode().IsRegular() {
			bytes += info.Size()
		}
		return nil
	})
	return bytes
}

// restoreWindows makes the window results usable, as open and a restart of the server find
// them: it reads each, and starts over with none if one cannot be read. The server does not
// notice such damage until the result is replaced; then it refuses all writes.
func (q *Queue) restoreWindows(ctx context.Context) error {
	name := streamName(q.o.Prefix, bucketWindows)
	if !q.embedded.has(name) { // removed by start
		return q.makeWindows(ctx)
	}
	all, err := q.windowSubjects(ctx, ">")
	if err == nil {
		err = q.readAll(ctx, all)
	}
	if err == nil || ctx.Err() != nil {
		return err
	}
	q.log.Warn("jobs: damaged window results are removed; recordings that were in progress are transcribed from their beginning",
		"stream", name, "windows", len(all), "error", err)
	actx, cancel := q.attempt(ctx)
	defer cancel()
	if err := q.js.DeleteStream(actx, name); err != nil {
		return q.answer(ctx, err)
	}
	return q.makeWindows(ctx)
}

// readAll returns an error if a window result that the server counts cannot be read.
func (q *Queue) readAll(ctx context.Context, subjects map[string]uint64) error {
	prefix := len(q.subject(bucketWindows, ""))
	for subject := range subjects {
		actx, cancel := q.attempt(ctx)
		_, err := q.windows.Get(actx, subject[prefix:])
		cancel()
		if errors.Is(err, jetstream.ErrKeyNotFound) {
			var left map[string]uint64
			if left, err = q.windowSubjects(ctx, subject[prefix:]); err == nil && left[subject] > 0 {
				err = fmt.Errorf("%w: the window result %s cannot be read", ErrDamaged, subject[prefix:])
			}
		}
		if err != nil {
			return err
		}
	}
	return nil
}

func (q *Queue) makeWindows(ctx context.Context) error {
	actx, cancel := q.attempt(ctx)
	defer cancel()
	_, err := q.js.CreateOrUpdateStream(actx, *q.stream(bucketWindows, windowsDescription))
	return q.answer(ctx, err)
}
