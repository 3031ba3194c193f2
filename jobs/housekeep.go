package jobs

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"math"
	"slices"
	"strings"
	"time"

	"github.com/nats-io/nats.go/jetstream"
)

// orphanAge is how long windows and results without a job are kept: a record may be about
// to refer to them.
const orphanAge = time.Hour

// housekeep ends attempts without heartbeats and removes what has expired.
func (q *Queue) housekeep(ctx context.Context) {
	leases := time.NewTicker(q.o.Lease / 2)
	defer leases.Stop()
	tidy := time.NewTicker(q.o.tidy)
	defer tidy.Stop()
	q.listKept(ctx)
	swept := time.Now()
	for {
		select {
		case <-ctx.Done():
			return
		case <-leases.C:
			// Half a lease more, for the delay of the watch. The clocks of other machines
			// do not matter: the index uses its own.
			if q.gate(false) == nil {
				if err := q.reclaim(ctx, time.Now().Add(-q.o.Lease*3/2)); err != nil && ctx.Err() == nil {
					q.log.Warn("jobs: ending attempts without heartbeats", "error", err)
				}
			}
		case <-tidy.C:
			q.retain(ctx)
			q.trimKept(ctx)
			if time.Since(swept) >= orphanAge {
				swept = time.Now()
				q.sweep(ctx, orphanAge)
			}
		}
	}
}

// reclaim ends the attempts that have had no heartbeat after since.
func (q *Queue) reclaim(ctx context.Context, since time.Time) error {
	q.mu.Lock()
	held := make(map[string]bool, len(q.held))
	for key := range q.held {
		held[key] = true
	}
	q.mu.Unlock()
	var errs []error
	for _, e := range q.index.staleLeases(since, held) {
		if err := q.reclaimOne(ctx, e.job.Key, e); err != nil {
			errs = append(errs, fmt.Errorf("job %q: %w", e.job.Key, err))
		}
	}
	return errors.Join(errs...)
}

func (q *Queue) reclaimOne(ctx context.Context, key string, seen *entry) error {
	windows, err := q.countWindows(ctx, seen.id)
	if err != nil {
		return err
	}
	why := fmt.Sprintf("the heartbeats of the attempt begun at %s stopped", seen.job.Attempted.Format(time.RFC3339))
	j, err := q.change(ctx, key, func(r record) (record, error) {
		switch {
		case r.Lease != seen.lease || r.Updated != seen.job.Updated:
			return r, fmt.Errorf("%w: there was a heartbeat meanwhile", ErrState)
		case r.Owner == q.owner:
			// A claim whose answer came too late: no worker runs the job.
			return r.release(now())
		}
		most := q.o.MaxCrashes
		if slices.Contains(q.o.Tireless, r.Kind) {
			most = math.MaxInt
		}
		return r.crash(now(), windows, most, q.o.cooldown, why)
	})
	switch {
	case errors.Is(err, ErrState), errors.Is(err, ErrNotFound):
		return nil
	case err != nil:
		return err
	}
	level, what := slog.LevelInfo, "jobs: an attempt was broken off, as when its process is killed or cut off; the job goes on from what it has stored"
	if j.Crashes > 1 || j.State == Discarded {
		level, what = slog.LevelWarn, "jobs: an attempt crashed, as did the one before; the job may be the cause"
	}
	q.log.Log(ctx, level, what, "job", key, "project", j.Project, "state", j.State.String(), "crashes", j.Crashes, "reason", j.Reason)
	if j.State == Discarded {
		if q.o.GivenUp != nil {
			q.o.GivenUp(j)
		}
		return q.purge(ctx, bucketWindows, seen.id+".>")
	}
	return nil
}

// retain removes ended jobs beyond the limits of Options.
func (q *Queue) retain(ctx context.Context) {
	for _, e := range q.index.expired(&q.o, time.Now()) {
		if ctx.Err() != nil || q.gate(false) != nil {
			return
		}
		q.expire(ctx, e)
	}
}

// expire removes an ended job, unless it has changed since it was chosen, for example been
// requeued. The record goes first, so that no record refers to data that is gone.
func (q *Queue) expire(ctx context.Context, e *entry) {
	actx, cancel := q.attempt(ctx)
	err := q.jobs.Purge(actx, escape(e.job.Key), jetstream.LastRevision(e.rev), jetstream.PurgeTTL(goneFor))
	cancel()
	if err != nil {
		return // the next round tries again
	}
	level := q.log.Debug
	if e.job.State == Discarded {
		level = q.log.Info
	}
	level("jobs: an ended job has expired", "job", e.job.Key, "project", e.job.Project, "state", e.job.State.String(), "reason", e.job.Reason)
	if err := q.discard(ctx, e.id, e.result); err != nil && ctx.Err() == nil {
		q.log.Warn("jobs: the data of an expired job is left for later", "job", e.job.Key, "error", err)
	}
}

// sweep removes windows and results without a job, which crashes leave behind, once they have
// been orphans for the given time. When a data directory is opened no write can be in
// progress, and the time is zero.
func (q *Queue) sweep(ctx context.Context, age time.Duration) {
	if err := q.sweepAll(ctx, age); err != nil && ctx.Err() == nil {
		q.log.Warn("jobs: removing orphans", "error", err)
	}
}

func (q *Queue) sweepAll(ctx context.Context, age time.Duration) error {
	if q.gate(false) != nil {
		return nil
	}
	before := q.orphans
	q.orphans = make(map[string]time.Time)
	ripe := func(what string) bool {
		since, ok := before[what]
		if !ok {
			since = time.Now()
		}
		q.orphans[what] = since
		return time.Since(since) >= age
	}
	_, seen := q.index.extent()
	// Listed before the index is read, so that everything listed is older.
	windows, err1 := q.subjects(ctx, bucketWindows, q.subject(bucketWindows, ">"))
	results, err2 := q.subjects(ctx, bucketResults, q.subject(bucketResults, ">"))
	chunks, err3 := q.subjects(ctx, bucketBlobs, q.subject(bucketBlobs, "C.>"))
	blobs, err4 := q.listBlobs(ctx)
	errs := []error{err1, err2, err3, err4}
	if err := errors.Join(errs...); err != nil {
		return err
	}
	ids := q.windowIDs(windows)
	q.index.forgetKept(ids, seen)
	live, used := q.index.inUse()

	gone := make(map[string]bool)
	for id := range ids {
		if !live[id] && !gone[id] && ripe("windows of "+id) {
			gone[id] = true
			errs = append(errs, q.purge(ctx, bucketWindows, id+".>"))
		}
	}
	for s := range results {
		name := s[len(q.subject(bucketResults, "")):]
		if !used[name] && ripe("result "+name) {
			errs = append(errs, q.purge(ctx, bucketResults, name))
		}
	}
	whole := make(map[string]bool)
	for _, b := range blobs {
		whole[b.NUID] = true
		if !used[b.Name] && ripe("blob "+b.Name) {
			errs = append(errs, q.deleteBlob(ctx, b))
		}
	}
	for s := range chunks {
		// The chunks of an incomplete object.
		if nuid := s[len(q.subject(bucketBlobs, "C.")):]; !whole[nuid] && ripe("chunks "+nuid) {
			errs = append(errs, q.purge(ctx, bucketBlobs, "C."+nuid))
		}
	}
	return errors.Join(errs...)
}

// windowIDs returns the IDs of the jobs that subjects of windows belong to.
func (q *Queue) windowIDs(subjects map[string]uint64) map[string]bool {
	ids := make(map[string]bool)
	for s := range subjects {
		id, _, _ := strings.Cut(s[len(q.subject(bucketWindows, "")):], ".")
		ids[id] = true
	}
	return ids
}

// listKept forgets windows that records call kept and that are gone, as sweep does, which a process
// of a cluster does not do when it starts.
func (q *Queue) listKept(ctx context.Context) {
	if q.embedded != nil {
		return
	}
	_, seen := q.index.extent()
	if windows, err := q.windowSubjects(ctx, ">"); err == nil {
		q.index.forgetKept(q.windowIDs(windows), seen)
	}
}
