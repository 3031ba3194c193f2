package jobs

import (
	"context"
	"errors"
	"fmt"
	"strconv"
	"strings"

	"github.com/nats-io/nats.go/jetstream"
)

// PutWindow stores a partial result, so that the attempt after a crash need not repeat it.
// data may have up to MaxValue bytes and replaces the previous data of the index. Windows are
// deleted when the job ends.
//
// The worker may go on after any error but ErrLeaseLost: only a crash would cost more.
func (l *Lease) PutWindow(ctx context.Context, index int, data []byte) error {
	return fail("store window "+strconv.Itoa(index)+" of", l.job.Key, l.putWindow(ctx, index, data))
}

func (l *Lease) putWindow(ctx context.Context, index int, data []byte) error {
	if err := l.check(); err != nil {
		return err
	}
	switch {
	case index < 0:
		return fmt.Errorf("the index is negative")
	case len(data) > MaxValue:
		return tooLarge("window result", len(data), MaxValue)
	}
	if err := l.q.gate(true); err != nil {
		return err
	}
	actx, cancel := l.q.attempt(ctx)
	defer cancel()
	_, err := l.q.windows.Put(actx, l.jobID+"."+strconv.Itoa(index), data)
	return l.q.answer(ctx, err)
}

// Windows returns what PutWindow stored for this job, in this attempt and earlier ones.
func (l *Lease) Windows(ctx context.Context) (map[int][]byte, error) {
	w, err := l.q.getWindows(ctx, l.jobID)
	return w, fail("read the windows of", l.job.Key, err)
}

// getWindows asks the leader for each window: a watch may be served by a replica that is out
// of date.
func (q *Queue) getWindows(ctx context.Context, id string) (map[int][]byte, error) {
	subjects, err := q.windowSubjects(ctx, id+".*")
	if err != nil {
		return nil, err
	}
	found := make(map[int][]byte, len(subjects))
	for subject := range subjects {
		name := subject[strings.LastIndexByte(subject, '.')+1:]
		i, err := strconv.Atoi(name)
		if err != nil || i < 0 {
			continue
		}
		actx, cancel := q.attempt(ctx)
		e, err := q.windows.Get(actx, id+"."+name)
		cancel()
		switch {
		case errors.Is(err, jetstream.ErrKeyNotFound): // it has just expired
		case err != nil:
			return nil, q.answer(ctx, err)
		default:
			found[i] = e.Value()
		}
	}
	return found, nil
}

// countWindows returns how many window results a job has.
func (q *Queue) countWindows(ctx context.Context, id string) (int, error) {
	subjects, err := q.windowSubjects(ctx, id+".*")
	return len(subjects), err
}

func (q *Queue) windowSubjects(ctx context.Context, filter string) (map[string]uint64, error) {
	return q.subjects(ctx, bucketWindows, q.subject(bucketWindows, filter))
}

// subjects returns the subjects of a stream that match, with their numbers of messages.
func (q *Queue) subjects(ctx context.Context, bucket, filter string) (map[string]uint64, error) {
	actx, cancel := q.attempt(ctx)
	defer cancel()
	info, err := q.streams[bucket].Info(actx, jetstream.WithSubjectFilter(filter))
	if err != nil {
		return nil, q.answer(ctx, err)
	}
	return info.State.Subjects, nil
}
