package recordings

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"sync/atomic"

	"github.com/asr-backend/asr-backend/asr"
	"github.com/asr-backend/asr-backend/asr/ctc"
	"github.com/asr-backend/asr-backend/jobs"
	"github.com/asr-backend/asr-backend/service/modelpool"
	"github.com/asr-backend/asr-backend/service/parts"
	"github.com/asr-backend/asr-backend/service/projects"
	"github.com/asr-backend/asr-backend/timeline"
	"github.com/asr-backend/asr-backend/transcribe"
)

// The rows that the model wrote stay with a transcription that is done, as far as there is room, so
// that a new version of a project's transcripts (other hotwords, another language model, other
// regions) is decoded from them. They are those of the same recording in the same project: jobs of
// all versions have a key of the same end. They count if the bytes of the file are the same and so is
// all that rows depend on; Summary.Rows names both. The version that was made last takes them over.

// ErrNoRows says that the rows of a recording are not kept, or not any more.
var ErrNoRows = errors.New("the rows of the recording are not kept")

// keptAs is the name under which the jobs of all versions of a recording keep its rows, given the key
// of one; see jobs.Note.
func keptAs(key string) string { return Kind + "/" + Recorded(key) }

// windows are those of a recording under way: what earlier attempts have stored, what other versions
// have kept, and what the model writes.
type windows struct {
	r      *Recordings
	a      *jobs.Attempt[Recording]
	ctx    context.Context
	width  int
	rows   string // names the rows, see Summary; empty: they are not kept
	stored func(channel int, start timeline.Row) ctc.Saved
	kept   map[int][]byte // of another version
	from   string         // the key of its job
	failed atomic.Bool    // to store one
	taken  int            // from kept
}

// windows returns those of a recording that was opened. content is that of an earlier attempt, or
// empty: what that has stored is of no use for other bytes.
func (r *Recordings) windows(ctx context.Context, q *jobs.Queue, a *jobs.Attempt[Recording], o *opened, content string) (*windows, error) {
	w := &windows{r: r, a: a, ctx: ctx, width: o.recognizer.Contract().Width}
	stored, err := a.Windows(ctx)
	if err != nil {
		return nil, err
	}
	if before := a.Job().Content; before == "" || before == content || len(stored) == 0 {
		w.rows = o.rows
	} else { // some would stay beside those of this attempt
		stored = nil
	}
	w.stored = parts.Stored(stored, w.width)
	if w.rows != "" {
		w.from, w.kept = r.keptRows(ctx, q, a.Job(), w.rows)
	}
	return w, nil
}

// keptRows returns the windows that another version of a job's recording has kept, and the key of its
// job. Without any, or if they cannot be read, the model runs.
func (r *Recordings) keptRows(ctx context.Context, q *jobs.Queue, job jobs.Job, rows string) (key string, windows map[int][]byte) {
	for _, other := range q.Kept(keptAs(job.Key)) {
		if s, _ := ParseSummary(other.Summary); other.Key == job.Key || other.Project != job.Project || s.Rows != rows {
			continue
		}
		windows, _, err := q.Windows(ctx, other.Key)
		if err != nil && ctx.Err() == nil {
			r.log.Warn("rows that were kept cannot be read", "job", other.Key, "error", err)
		}
		if len(windows) > 0 {
			return other.Key, windows
		}
	}
	return "", nil
}

// request keeps the rows of windows with the job, so that a crash costs a batch.
func (w *windows) request(recognizer *asr.Recognizer) transcribe.Request {
	kept := parts.Stored(w.kept, w.width)
	return transcribe.Request{Request: asr.Request{
		Priority:   w.a.Job().Class,
		Candidates: w.rows != "" && recognizer.WholeRows(),
		Load: func(channel int, start timeline.Row) ctc.Saved {
			rows := w.stored(channel, start)
			if rows.Rows != nil || rows.Checkpoint != nil || w.kept == nil {
				return rows
			}
			if rows = kept(channel, start); rows.Rows != nil {
				index := parts.Index(channel, start)
				w.put(index, w.kept[index])
				w.taken++
			}
			return rows
		},
		Save: func(channel int, start timeline.Row, rows *ctc.Saved) {
			w.put(parts.Index(channel, start), rows.Encode())
		},
	}}
}

func (w *windows) put(index int, data []byte) {
	err := w.a.PutWindow(w.ctx, index, data)
	if err != nil && w.ctx.Err() == nil && !w.failed.Swap(true) { // logged once
		w.r.log.Warn("windows are not stored: a crash would cost more than one", "job", w.a.Job().Key, "error", err)
	}
}

// again reports whether the recording was decoded from rows that were kept.
func (w *windows) again() bool { return w.taken > 0 }

// keep changes the note of a job that is done so that its windows stay.
func (w *windows) keep(n *jobs.Note, s Summary) {
	if w.rows == "" || w.failed.Load() || w.r.noKeptRows {
		return
	}
	s.Rows = w.rows
	n.Summary, n.Keep = s.Text(), keptAs(w.a.Job().Key)
}

// release drops the rows that other versions of a job's recording have kept, if the job keeps them now.
func (r *Recordings) release(ctx context.Context, q *jobs.Queue, job jobs.Job) {
	var others []string
	mine := false
	for _, other := range q.Kept(keptAs(job.Key)) {
		switch {
		case other.Key == job.Key:
			mine = true
		case other.Project == job.Project:
			others = append(others, other.Key)
		}
	}
	if mine {
		r.drop(ctx, q, others...)
	}
}

// drop drops the rows that jobs keep. If that fails they go in time, see jobs.Options.
func (r *Recordings) drop(ctx context.Context, q *jobs.Queue, keys ...string) {
	for _, key := range keys {
		if err := q.DropWindows(ctx, key); err != nil {
			r.log.Warn("rows that were kept are left for later", "job", key, "error", err)
		}
	}
}

// KeptRows returns the rows of a channel of a recording as a search takes them, without the recording and
// without running the model. The key is that of a transcription's job of a project, of whichever
// version: the rows are those of the version that was made last. Channels count as the model gets them, so
// that a mixed one is 0. ErrNoRows says that the rows are not kept, or are those of another model than
// the project's present one; the model has to run for them.
func (r *Recordings) KeptRows(ctx context.Context, p *projects.Project, key string, channel int) (*asr.KeptRows, error) {
	q, err := r.queue.Get()
	if err != nil {
		return nil, err
	}
	for _, job := range q.Kept(keptAs(key)) {
		if job.Project != projects.Name(p.ID) {
			continue
		}
		k, err := r.stitch(ctx, q, job, p.Settings.ModelKey(), channel)
		if err == nil || !errors.Is(err, ErrNoRows) {
			return k, err
		}
	}
	return nil, ErrNoRows
}

// stitch returns the rows that a job has kept of a channel, if a model wrote them.
func (r *Recordings) stitch(ctx context.Context, q *jobs.Queue, job jobs.Job, model modelpool.Key, channel int) (*asr.KeptRows, error) {
	args, err := q.Get(ctx, job.Key)
	if jobs.Overtaken(err) {
		return nil, ErrNoRows
	}
	if err != nil {
		return nil, err
	}
	rec, err := parseRecording(args.Payload)
	if err != nil {
		return nil, err
	}
	if rec.Settings.ModelKey() != model {
		return nil, ErrNoRows
	}
	recognizer, release, err := r.models.Use(ctx, model)
	if err != nil {
		return nil, err
	}
	defer release()
	o := rec.Settings.Transcription(rec.Split, r.ffmpeg)
	s, _ := ParseSummary(args.Summary)
	if version, _, _ := strings.Cut(s.Rows, "-"); version == "" || version != o.RowsVersion(recognizer.Identity()) {
		return nil, ErrNoRows // of a model that has changed
	}
	stored, all, err := q.Windows(ctx, job.Key)
	if jobs.Overtaken(err) || err == nil && !all {
		return nil, ErrNoRows
	}
	if err != nil {
		return nil, err
	}
	saved, err := parts.Channel(stored, channel, recognizer.Contract().Width)
	if err != nil {
		return nil, fmt.Errorf("%w: %w", ErrNoRows, err) // damaged
	}
	k, err := recognizer.Stitch(saved)
	if err != nil {
		return nil, fmt.Errorf("%w: %w", ErrNoRows, err)
	}
	return k, nil
}
