package recordings

import (
	"cmp"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"
	"time"

	"github.com/asr-backend/asr-backend/jobs"
	"github.com/asr-backend/asr-backend/service/projects"
	"github.com/asr-backend/asr-backend/transcript"
)

// Jobs of several projects, or of several addresses, may turn out to be about the same bytes.
// Whoever has fetched them may have the transcript of them, so the model runs over them once:
// the first job transcribes, the others wait for it and copy.

// content identifies what a version of a transcript is made of: the bytes of a file, and the
// suffix of its name, at which decoders look. It is empty for a file that may be incomplete.
func (o *opened) content(ctx context.Context, version string) (string, error) {
	if len(o.Warnings) > 0 {
		return "", nil
	}
	f, err := os.Open(o.Path)
	if err != nil {
		return "", fmt.Errorf("read the recording: %w", err)
	}
	defer f.Close()
	h := sha256.New()
	fmt.Fprintf(h, "%s\n%s\n", version, strings.ToLower(filepath.Ext(o.Path)))
	if _, err := io.Copy(h, reader{ctx, f}); err != nil {
		return "", fmt.Errorf("read the recording: %w", err)
	}
	return hex.EncodeToString(h.Sum(nil)), nil
}

// reader ends with its context.
type reader struct {
	ctx context.Context
	io.Reader
}

func (r reader) Read(p []byte) (int, error) {
	if err := r.ctx.Err(); err != nil {
		return 0, err
	}
	return r.Reader.Read(p)
}

// elsewhere returns a job that has transcribed a job's content; failing that, how long to wait
// before the next look at one that does so now, and zero if there is none worth waiting for. Of
// two that run, the one that began later waits, unless it is more urgent.
func elsewhere(q *jobs.Queue, job jobs.Job) (done *jobs.Job, wait time.Duration) {
	for _, other := range q.Alike(job) {
		switch other.State {
		case jobs.Done:
			return &other, 0
		case jobs.Running:
			first := cmp.Or(other.Attempted.Compare(job.Attempted), strings.Compare(other.Key, job.Key))
			if first < 0 && other.Class >= job.Class {
				wait = min(max(time.Since(other.Attempted)/2, time.Second), 30*time.Second)
			}
		}
	}
	return nil, wait
}

// copied returns the transcript of a job of the same content, or nil if it cannot be read.
func (r *Recordings) copied(ctx context.Context, job *jobs.Job) *transcript.Transcript {
	t, err := r.Transcript(ctx, projects.ParseName(job.Project), job.Key)
	if err != nil {
		r.log.Warn("a transcript of the same content cannot be read", "job", job.Key, "error", err)
		return nil
	}
	return t
}
