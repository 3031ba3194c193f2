package jobs

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"time"

	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"
)

// Health returns nil while jobs can be accepted and stored, and otherwise an *Error with a
// hint that wraps ErrNoSpace, ErrReadOnly, ErrUnavailable or ErrDamaged. Reads continue as
// far as possible; workers with a finished result wait. Except for ErrDamaged, the queue
// recovers by itself when the cause is gone.
func (q *Queue) Health() error {
	q.condMu.Lock()
	defer q.condMu.Unlock()
	if q.cond != nil {
		return q.cond
	}
	for key, err := range q.damaged {
		return &Error{Op: "read", About: key, Err: err, Advice: "check the disk, and restore the data directory from a backup if more is missing; a damaged job or transcript is made again when it is asked for, as by opening its task"}
	}
	return nil
}

// broken returns the condition if no write can succeed.
func (q *Queue) broken() error {
	q.condMu.Lock()
	defer q.condMu.Unlock()
	var low *lowSpace
	if errors.As(q.cond, &low) {
		return nil // gate measures again, and decides by what is to be written
	}
	return q.cond
}

// recovered returns a channel that is closed when the store is healthy again.
func (q *Queue) recovered() <-chan struct{} {
	q.condMu.Lock()
	defer q.condMu.Unlock()
	return q.healed
}

func (q *Queue) setHealth(err error) {
	var cond error
	if err != nil {
		cond = &Error{Op: "store", About: q.o.Dir, Err: err, Advice: q.advice(err)}
	}
	q.condMu.Lock()
	before := q.cond
	q.cond = cond
	if cond == nil {
		close(q.healed)
		q.healed = make(chan struct{})
	}
	q.condMu.Unlock()
	switch {
	case cond != nil && before == nil:
		q.log.Error("jobs: the store is unhealthy", "error", cond, "hint", q.advice(err))
	case cond == nil && before != nil:
		q.log.Info("jobs: the store is healthy again")
	}
}

// setDamaged records that the data of a job cannot be read, or, with nil, that the job is
// gone.
func (q *Queue) setDamaged(key string, err error) {
	q.condMu.Lock()
	defer q.condMu.Unlock()
	if err == nil {
		delete(q.damaged, key)
		return
	}
	if q.damaged[key] == nil {
		q.log.Error("jobs: stored data cannot be read", "job", key, "error", err)
	}
	q.damaged[key] = err
}

// supervise checks the store regularly, and after requests that got no answer.
func (q *Queue) supervise(ctx context.Context) {
	tick := time.NewTicker(q.o.check)
	defer tick.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-tick.C:
		case <-q.recheck:
		}
		q.check(ctx)
	}
}

func (q *Queue) check(ctx context.Context) {
	var err error
	if q.embedded != nil {
		err = q.checkEmbedded(ctx)
	} else {
		err = q.checkCluster(ctx)
	}
	if ctx.Err() != nil {
		return
	}
	if err == nil {
		q.measure(ctx)
		if q.embedded != nil {
			q.mark(ctx)
		}
	}
	q.setHealth(err)
}

// checkEmbedded checks the embedded server and restarts it if that can help: after one failed
// write to disk, a stream refuses all further writes until the server restarts, which is of
// use only once the disk accepts writes again.
func (q *Queue) checkEmbedded(ctx context.Context) error {
	free, err := q.o.free(q.o.Dir)
	if err != nil {
		return diskError(err)
	}
	q.condMu.Lock()
	q.free = free
	q.condMu.Unlock()
	if free < q.o.Reserve {
		return &lowSpace{free, q.o.Reserve}
	}
	err = q.embedded.health()
	if err == nil || errors.Is(err, ErrDamaged) {
		return err
	}
	if disk := probeDisk(q.o.Dir); disk != nil {
		return disk
	}
	if wait := time.Until(q.restart); wait > 0 {
		return err
	}
	q.log.Warn("jobs: restarting the store", "after", err)
	q.restart = time.Now().Add(5 * q.o.check)
	q.embedded.stop()
	if err := q.embedded.start(); err != nil {
		return err
	}
	if err := q.awaitConnection(ctx); err != nil {
		return err
	}
	return q.restoreWindows(ctx)
}

// awaitConnection waits until the client has reconnected to the new server.
func (q *Queue) awaitConnection(ctx context.Context) error {
	actx, cancel := q.attempt(ctx)
	defer cancel()
	status := q.nc.StatusChanged(nats.CONNECTED)
	defer q.nc.RemoveStatusListener(status)
	for !q.nc.IsConnected() {
		select {
		case <-status:
		case <-actx.Done():
			return fmt.Errorf("%w: no connection to the new server", ErrUnavailable)
		}
	}
	return nil
}

func (q *Queue) checkCluster(ctx context.Context) error {
	if !q.nc.IsConnected() {
		if err := q.nc.LastError(); err != nil {
			return q.o.connectFault(err)
		}
		return fmt.Errorf("%w: no connection to the NATS server", ErrUnavailable)
	}
	actx, cancel := q.attempt(ctx)
	defer cancel()
	// Answered by the leader of the bucket, so this checks more than one server.
	_, err := q.streams[bucketJobs].Info(actx)
	return q.explain(translate(ctx, q.o.scrub(err)))
}

// measure updates the sizes of the buckets.
func (q *Queue) measure(ctx context.Context) {
	bytes := make(map[string]int64, len(q.streams))
	for b, s := range q.streams {
		actx, cancel := q.attempt(ctx)
		info, err := s.Info(actx)
		cancel()
		if err != nil {
			return
		}
		bytes[q.o.Prefix+b] = int64(info.State.Bytes)
	}
	q.condMu.Lock()
	q.bytes = bytes
	q.condMu.Unlock()
}

// watermark returns the current content of the directory.
func (q *Queue) watermark(ctx context.Context) (watermark, error) {
	jobs, seen := q.index.extent()
	actx, cancel := q.attempt(ctx)
	defer cancel()
	info, err := q.streams[bucketProjects].Info(actx)
	if err != nil {
		return watermark{}, q.answer(ctx, err)
	}
	return watermark{Jobs: jobs, Seq: seen, Values: info.State.Msgs, Changes: info.State.LastSeq}, nil
}

// mark writes the watermark if it has changed.
func (q *Queue) mark(ctx context.Context) {
	w, err := q.watermark(ctx)
	if err != nil || w == q.marked {
		return
	}
	if err := writeFile(q.o.Dir, markFile, w); err != nil {
		q.log.Warn("jobs: the watermark was not written", "error", err)
		return
	}
	q.marked = w
}

// checkMark compares the directory with the watermark of the previous process.
func (q *Queue) checkMark(ctx context.Context) error {
	var before watermark
	ok, _, err := readFile(q.o.Dir, markFile, &before)
	if err != nil || !ok {
		return err
	}
	now, err := q.watermark(ctx)
	if err != nil {
		return err
	}
	if lost := before.missing(now); lost != "" {
		return fmt.Errorf("%w: %s", ErrDamaged, lost)
	}
	return nil
}

// restoreWindows makes the window results usable, as open and a restart of the server find
// them: it reads each, and starts over with none if one cannot be read. The server does not
// notice such damage until the result is replaced; then it refuses all writes.
func (q *Queue) restoreWindows(ctx context.Context) error {
	name := streamName(q.o.Prefix, bucketWindows)
	if !hasStream(q.o.Dir, name) { // removed by start
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

// readAll returns an error if a window result that the server counts cannot be read. What is kept of done
// jobs may be a hundred thousand of them, so a watch reads them in one go first. It does not show, or
// waits for ever at, what the server cannot read; that is asked for by itself.
func (q *Queue) readAll(ctx context.Context, all map[string]uint64) error {
	subjects := maps.Clone(all)
	if err := q.readStream(ctx, subjects); err != nil {
		return err
	}
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

// readStall is how long readStream waits for the next window result.
const readStall = 2 * time.Second

// readStream takes out the subjects of window results that a watch shows.
func (q *Queue) readStream(ctx context.Context, subjects map[string]uint64) error {
	wctx, stop := context.WithCancel(ctx)
	defer stop()
	w, err := q.windows.WatchAll(wctx)
	if err != nil {
		return q.answer(ctx, err)
	}
	defer func() {
		_ = w.Stop()
		for range w.Updates() { // see watchOnce
		}
	}()
	stall := time.NewTimer(readStall)
	defer stall.Stop()
	for {
		select {
		case <-ctx.Done():
			return context.Cause(ctx)
		case <-stall.C:
			return nil
		case e, ok := <-w.Updates():
			if !ok || e == nil {
				return nil
			}
			stall.Reset(readStall)
			delete(subjects, q.subject(bucketWindows, e.Key()))
		}
	}
}

func (q *Queue) makeWindows(ctx context.Context) error {
	actx, cancel := q.attempt(ctx)
	defer cancel()
	_, err := q.js.CreateOrUpdateStream(actx, *q.stream(bucketWindows, windowsDescription))
	return q.answer(ctx, err)
}
