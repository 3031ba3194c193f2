package jobs

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/nats-io/nats.go/jetstream"
)

// orphanAge is how long windows and results that belong to no job are left alone: a job
// may be about to point to them.
const orphanAge = time.Hour

// housekeep takes jobs from silent workers and removes what is kept no longer.
func (q *Queue) housekeep(ctx context.Context) {
	leases := time.NewTicker(q.o.Lease / 2)
	defer leases.Stop()
	tidy := time.NewTicker(q.o.tidy)
	defer tidy.Stop()
	swept := time.Now()
	for {
		select {
		case <-ctx.Done():
			return
		case <-leases.C:
			// Half a lease more than promised, for the clocks of other machines do not
			// come into it but the delay of the watch does.
			if q.gate(false) == nil {
				if err := q.reclaim(ctx, time.Now().Add(-q.o.Lease*3/2)); err != nil && ctx.Err() == nil {
					q.log.Warn("jobs: taking jobs from silent workers", "error", err)
				}
			}
		case <-tidy.C:
			q.retain(ctx)
			if time.Since(swept) >= orphanAge {
				swept = time.Now()
				q.sweep(ctx, orphanAge)
			}
		}
	}
}

// reclaim ends the leases of which nothing was heard after since.
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
	why := fmt.Sprintf("the worker that had the job since %s ended without a word", seen.job.Taken.Format(time.RFC3339))
	j, err := q.change(ctx, key, func(r record) (record, error) {
		switch {
		case r.Lease != seen.lease || r.Updated != seen.job.Updated:
			return r, fmt.Errorf("%w: it was heard of meanwhile", ErrState)
		case r.Owner == q.owner:
			// A claim whose answer came too late for anybody to work on the job.
			return r.release(now())
		}
		return r.crash(now(), windows, q.o.MaxDeliver, q.o.cooldown, why)
	})
	switch {
	case errors.Is(err, ErrState), errors.Is(err, ErrNotFound):
		return nil
	case err != nil:
		return err
	}
	q.log.Warn("jobs: a worker ended without a word", "job", key, "project", j.Project, "state", j.State.String(), "losses", j.Losses, "reason", j.Reason)
	if j.State == Dead {
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

// expire removes an ended job, only at the revision that was judged: one that was requeued
// meanwhile stays whole. The record goes first, so that none points to what is gone.
func (q *Queue) expire(ctx context.Context, e *entry) {
	actx, cancel := q.attempt(ctx)
	err := q.jobs.Purge(actx, escape(e.job.Key), jetstream.LastRevision(e.rev), jetstream.PurgeTTL(goneFor))
	cancel()
	if err != nil {
		return // the next round judges anew
	}
	level := q.log.Debug
	if e.job.State == Dead {
		level = q.log.Info
	}
	level("jobs: an ended job is kept no longer", "job", e.job.Key, "project", e.job.Project, "state", e.job.State.String(), "reason", e.job.Reason)
	if err := q.discard(ctx, e.id, e.result); err != nil && ctx.Err() == nil {
		q.log.Warn("jobs: what belonged to a removed job is left for later", "job", e.job.Key, "error", err)
	}
}

// sweep removes windows and results that belong to no job, which crashes leave behind, once
// they have been seen so for the given time. At the start of a process that has the data
// directory for itself nothing can be under way, and the time is zero.
func (q *Queue) sweep(ctx context.Context, age time.Duration) {
	if err := q.sweepAll(ctx, age); err != nil && ctx.Err() == nil {
		q.log.Warn("jobs: sweeping up after crashes", "error", err)
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
	// Listed before the index is asked: what is new since then is not in the lists.
	windows, err1 := q.subjects(ctx, bucketWindows, q.subject(bucketWindows, ">"))
	results, err2 := q.subjects(ctx, bucketResults, q.subject(bucketResults, ">"))
	chunks, err3 := q.subjects(ctx, bucketBlobs, q.subject(bucketBlobs, "C.>"))
	blobs, err4 := q.listBlobs(ctx)
	errs := []error{err1, err2, err3, err4}
	if err := errors.Join(errs...); err != nil {
		return err
	}
	live, used := q.index.inUse()

	gone := make(map[string]bool)
	for s := range windows {
		id, _, _ := strings.Cut(s[len(q.subject(bucketWindows, "")):], ".")
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
		// The chunks of an object that was never completed.
		if nuid := s[len(q.subject(bucketBlobs, "C.")):]; !whole[nuid] && ripe("chunks "+nuid) {
			errs = append(errs, q.purge(ctx, bucketBlobs, "C."+nuid))
		}
	}
	return errors.Join(errs...)
}
