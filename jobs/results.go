package jobs

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/base64"
	"errors"
	"fmt"

	"github.com/nats-io/nats.go/jetstream"
)

// MaxResult is the largest result of a job, in bytes.
const MaxResult = 64 << 20

// inlineResult is the largest result that is stored as one message. It is the chunk size of
// an object store, so a larger result takes several messages anyway.
const inlineResult = 128 << 10

func tooLarge(what string, n, most int) error {
	return fmt.Errorf("%w: the %s has %d bytes, at most %d fit", ErrTooLarge, what, n, most)
}

// putResult stores a result and returns a revision of the bucket that contains it.
func (q *Queue) putResult(ctx context.Context, ref resultRef, data []byte) (uint64, error) {
	if !ref.Blob {
		actx, cancel := q.attempt(ctx)
		defer cancel()
		seq, err := q.results.Put(actx, ref.Name, data)
		return seq, q.answer(ctx, err)
	}
	// A result of many messages takes longer than one request.
	actx, cancel := context.WithTimeout(ctx, q.o.attempt*10)
	defer cancel()
	if _, err := q.blobs.Put(actx, jetstream.ObjectMeta{Name: ref.Name}, bytes.NewReader(data)); err != nil {
		return 0, q.answer(ctx, err)
	}
	info, err := q.streams[bucketBlobs].Info(actx)
	if err != nil {
		return 0, q.answer(ctx, err)
	}
	return info.State.LastSeq, nil
}

// Result returns the result of a done job. For a job that is not done it returns ErrState.
func (q *Queue) Result(ctx context.Context, key string) ([]byte, error) {
	data, err := q.result(ctx, key)
	return data, fail("result", key, err)
}

func (q *Queue) result(ctx context.Context, key string) ([]byte, error) {
	if err := checkName("key", key); err != nil {
		return nil, err
	}
	r, _, err := q.read(ctx, key)
	if err != nil {
		return nil, err
	}
	if err := r.expect(Done); err != nil {
		return nil, err
	}
	return q.readResult(ctx, r)
}

// readResult reads the result of a done job. Damage is noted for Health.
func (q *Queue) readResult(ctx context.Context, r record) ([]byte, error) {
	data, err := q.currentResult(ctx, *r.Result)
	if errors.Is(err, ErrNotFound) || err == nil && int64(len(data)) != r.Result.Size {
		err = fmt.Errorf("%w: the result of %d bytes is gone", ErrDamaged, r.Result.Size)
	}
	if errors.Is(err, ErrDamaged) {
		// The job may have expired between the two reads.
		if _, _, again := q.read(ctx, r.Key); errors.Is(again, ErrNotFound) {
			return nil, again
		}
		q.setDamaged(r.Key, err)
		return nil, err
	}
	return data, err
}

// Redo queues a done job again if its result is damaged, and returns ErrState otherwise. It is
// for callers who know that the result can be computed again. Windows that the job has kept are
// those of the next attempt.
func (q *Queue) Redo(ctx context.Context, key string) (Job, error) {
	j, err := q.redo(ctx, key)
	return j, fail("redo", key, err)
}

func (q *Queue) redo(ctx context.Context, key string) (Job, error) {
	if err := checkName("key", key); err != nil {
		return Job{}, err
	}
	if err := q.gate(true); err != nil {
		return Job{}, err
	}
	r, _, err := q.read(ctx, key)
	if err != nil {
		return Job{}, err
	}
	if err := r.expect(Done); err != nil {
		return r.Job, err
	}
	lost := *r.Result
	_, why := q.readResult(ctx, r)
	switch {
	case why == nil:
		return r.Job, fmt.Errorf("%w: its result can be read", ErrState)
	case !errors.Is(why, ErrDamaged):
		return r.Job, why
	}
	j, err := q.change(ctx, key, func(r record) (record, error) { return r.redo(now(), lost, why) })
	if err != nil {
		return j, err
	}
	q.setDamaged(key, nil)
	q.log.Warn("jobs: a damaged result is computed again", "job", key, "project", j.Project, "error", why)
	return j, nil
}

// currentResult is getResult, but accepts "not found" only from a leader that has applied the
// revision with the result; see read.
func (q *Queue) currentResult(ctx context.Context, ref resultRef) ([]byte, error) {
	data, err := q.getResult(ctx, ref)
	if !errors.Is(err, ErrNotFound) || ref.Seq == 0 {
		return data, err
	}
	bucket := bucketResults
	if ref.Blob {
		bucket = bucketBlobs
	}
	actx, cancel := q.attempt(ctx)
	defer cancel()
	if err := q.catchUp(actx, bucket, ref.Seq); err != nil {
		return nil, q.answer(ctx, err)
	}
	return q.getResult(ctx, ref)
}

func (q *Queue) getResult(ctx context.Context, ref resultRef) ([]byte, error) {
	if !ref.Blob {
		actx, cancel := q.attempt(ctx)
		defer cancel()
		e, err := q.results.Get(actx, ref.Name)
		if err != nil {
			return nil, q.answer(ctx, err)
		}
		return e.Value(), nil
	}
	actx, cancel := context.WithTimeout(ctx, q.o.attempt*10)
	defer cancel()
	data, err := q.readBlob(actx, ref.Name)
	if errors.Is(err, ErrDamaged) {
		return nil, err
	}
	if err != nil {
		return nil, q.answer(ctx, err)
	}
	return data, nil
}

// readBlob reads an object chunk by chunk. A consumer, as the library uses one, waits for ever
// at a chunk that the server cannot read; a request for the chunk fails.
func (q *Queue) readBlob(ctx context.Context, name string) ([]byte, error) {
	info, err := q.blobs.GetInfo(ctx, name)
	if err != nil {
		return nil, err
	}
	subject, digest := q.subject(bucketBlobs, "C."+info.NUID), sha256.New()
	data := make([]byte, 0, min(info.Size, MaxResult))
	for next := uint64(1); uint64(len(data)) < info.Size; {
		chunk, err := q.streams[bucketBlobs].GetMsg(ctx, next, jetstream.WithGetMsgSubject(subject))
		if err != nil {
			return nil, err
		}
		data, next = append(data, chunk.Data...), chunk.Sequence+1
		digest.Write(chunk.Data)
	}
	want, err := jetstream.DecodeObjectDigest(info.Digest)
	if err != nil || !bytes.Equal(want, digest.Sum(nil)) {
		return nil, fmt.Errorf("%w: the digest of the result does not match", ErrDamaged)
	}
	return data, nil
}

func (q *Queue) discardBlob(ctx context.Context, name string) error {
	actx, cancel := q.attempt(ctx)
	defer cancel()
	o, err := q.blobs.GetInfo(actx, name)
	if errors.Is(err, jetstream.ErrObjectNotFound) {
		return nil
	}
	if err != nil {
		return q.answer(ctx, err)
	}
	return q.deleteBlob(ctx, o)
}

func (q *Queue) listBlobs(ctx context.Context) ([]*jetstream.ObjectInfo, error) {
	actx, cancel := q.attempt(ctx)
	defer cancel()
	list, err := q.blobs.List(actx)
	if errors.Is(err, jetstream.ErrNoObjectsFound) {
		return nil, nil
	}
	return list, q.answer(ctx, err)
}

// deleteBlob removes an object without a delete marker. The library would leave one for every
// name for ever, and names are never reused.
func (q *Queue) deleteBlob(ctx context.Context, o *jetstream.ObjectInfo) error {
	return errors.Join(
		q.purge(ctx, bucketBlobs, "M."+base64.URLEncoding.EncodeToString([]byte(o.Name))),
		q.purge(ctx, bucketBlobs, "C."+o.NUID),
	)
}
