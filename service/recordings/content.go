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

// identify finds out what a transcript is made of: the bytes of a file, and the suffix of its name, at
// which decoders look. content identifies them for a version of the transcript, and rows, see
// Summary.Rows, for all versions whose rows are the same. Both are empty for a file that may be
// incomplete, and rows for a model of which none are kept.
func (o *opened) identify(ctx context.Context, version string) (content, rows string, err error) {
	if len(o.Warnings) > 0 {
		return "", "", nil
	}
	f, err := os.Open(o.Path)
	if err != nil {
		return "", "", fmt.Errorf("read the recording: %w", err)
	}
	defer f.Close()
	made, file := sha256.New(), sha256.New()
	both := io.MultiWriter(made, file)
	fmt.Fprintf(made, "%s\n", version)
	fmt.Fprintf(both, "%s\n", strings.ToLower(filepath.Ext(o.Path)))
	if _, err := io.Copy(both, reader{ctx, f}); err != nil {
		return "", "", fmt.Errorf("read the recording: %w", err)
	}
	if of := o.transcriber.RowsVersion(); of != "" {
		rows = of + "-" + hex.EncodeToString(file.Sum(nil)[:16])
	}
	return hex.EncodeToString(made.Sum(nil)), rows, nil
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
