package jobs

import (
	"context"
	"errors"
	"fmt"
	"strconv"
	"strings"
	"sync"

	"github.com/nats-io/nats.go/jetstream"
)

// PutWindow stores a partial result, so that the attempt after a crash need not repeat it.
// data may have up to MaxValue bytes and replaces the previous data of the index. Windows are
// deleted when the job ends, unless it ends with Note.Keep. If there is no room, windows that jobs
// have kept make way.
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
	for {
		actx, cancel := l.q.attempt(ctx)
		_, err := l.q.windows.Put(actx, l.jobID+"."+strconv.Itoa(index), data)
		cancel()
		if err = l.q.answer(ctx, err); err == nil {
			l.stored.put(index, len(data))
		}
		if !errors.Is(err, ErrFull) || !l.q.makeRoom(ctx) {
			return err
		}
	}
}

// Windows returns what PutWindow stored for this job, in this attempt and earlier ones.
func (l *Lease) Windows(ctx context.Context) (map[int][]byte, error) {
	w, err := l.q.getWindows(ctx, l.jobID)
	if err == nil {
		l.stored.found(w)
	}
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

// windowSizes are the sizes of the windows that a job has stored, by index.
type windowSizes struct {
	mu    sync.Mutex // guards all fields below
	sizes map[int]int
	all   bool // those of earlier attempts as well
}

func (w *windowSizes) put(index, size int) {
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.sizes == nil {
		w.sizes = make(map[int]int)
	}
	w.sizes[index] = size
}

// found adds the windows that were read, but for those that were put meanwhile.
func (w *windowSizes) found(windows map[int][]byte) {
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.all = true; w.sizes == nil {
		w.sizes = make(map[int]int, len(windows))
	}
	for index, data := range windows {
		if _, ok := w.sizes[index]; !ok {
			w.sizes[index] = len(data)
		}
	}
}

func (w *windowSizes) known() bool {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.all
}

// sum returns what all windows come to.
func (w *windowSizes) sum() (k kept) {
	w.mu.Lock()
	defer w.mu.Unlock()
	for _, size := range w.sizes {
		k.Windows, k.Bytes = k.Windows+1, k.Bytes+int64(size)+windowOverhead
	}
	return k
}
