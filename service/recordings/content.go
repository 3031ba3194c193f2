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

// copyAfter is how long a job waits between two looks at the one that transcribes.
const copyAfter = 10 * time.Second

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

// elsewhere returns a job that has transcribed a job's content; failing that it reports
// whether one does so now that is worth waiting for. Of two that run, the one that began later
// waits, unless it is more urgent.
func elsewhere(q *jobs.Queue, job jobs.Job) (done *jobs.Job, running bool) {
	for _, other := range q.Alike(job) {
		switch other.State {
		case jobs.Done:
			return &other, false
		case jobs.Running:
			first := cmp.Or(other.Attempted.Compare(job.Attempted), strings.Compare(other.Key, job.Key))
			running = running || first < 0 && other.Class >= job.Class
		}
	}
	return nil, running
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
