package asr

import (
	"context"
	"errors"
	"slices"

	"asr-backend/asr/ctc"
	"asr-backend/asr/mel"
	"asr-backend/timeline"
)

// errClosed is what a recording gets when the recognizer is closed under it.
var errClosed = errors.New("asr: the recognizer is closed")

// track follows one channel of one recording: samples become frames, frames become
// windows, and windows come back as rows, in order. It belongs to one goroutine.
type track struct {
	r       *Recognizer
	job     *Job
	channel int
	earlier []*track // those of the channels before, which are pushed first
	mel     *mel.Extractor
	origin  timeline.Row // the recording's row at which this stretch begins
	raw     []float32    // frames from base on
	base    timeline.Frame
	frames  timeline.Frame // frames so far, from origin on
	next    timeline.Row   // start of the next window, from origin on
	cut     bool           // at least one window was cut
	flying  []*window      // cut and not yet stitched, in order
	stitch  stitcher
	result  *Result
}

func newTrack(r *Recognizer, job *Job, channel int, origin timeline.Row) *track {
	t := &track{r: r, job: job, channel: channel, origin: origin, mel: mel.NewExtractor(r.bank, r.melWorkers)}
	t.result = &Result{First: origin}
	t.stitch = stitcher{blank: r.vocabulary.Blank(), width: r.contract.Width, result: t.result}
	if job.LogProbs != nil {
		t.stitch.emit = func(row timeline.Row, logProbs []float32) error { return job.LogProbs(channel, row, logProbs) }
	}
	return t
}

// push takes the next samples and starts the windows they complete.
func (t *track) push(ctx context.Context, samples []float32) error {
	at := len(t.raw)
	t.raw = t.mel.Append(t.raw, samples)
	return t.grown(ctx, at)
}

func (t *track) grown(ctx context.Context, at int) error {
	bands := t.r.contract.Bands
	for k := at; k < len(t.raw); k += bands {
		t.result.Levels = append(t.result.Levels, mel.LevelOf(t.raw[k:k+bands]))
	}
	t.frames += timeline.Frame((len(t.raw) - at) / bands)
	for t.frames >= t.next.Frame()+t.r.window.frames() {
		if err := t.start(ctx, t.next, t.r.window.frames()); err != nil {
			return err
		}
		t.next += t.r.window.step()
	}
	return nil
}

// end starts what is left at the end of the stretch.
func (t *track) end(ctx context.Context) error {
	at := len(t.raw)
	t.raw = t.mel.Finish(t.raw)
	if err := t.grown(ctx, at); err != nil {
		return err
	}
	t.result.Samples = t.mel.Samples()
	covered := timeline.Row(0)
	if t.cut {
		covered = t.next - t.r.window.step() + t.r.window.Rows
	}
	if timeline.RowsIn(t.frames) > covered {
		from := t.r.window.last(t.frames)
		if err := t.start(ctx, from, t.frames-from.Frame()); err != nil {
			return err
		}
	}
	return nil
}

// finish waits for all windows.
func (t *track) finish() error {
	for len(t.flying) > 0 {
		if err := t.land(); err != nil {
			return err
		}
	}
	return t.stitch.finish()
}

// start cuts the window of n frames at row from and queues it. Once as many windows are
// in flight as keep the workers busy, it waits for the oldest.
func (t *track) start(ctx context.Context, from timeline.Row, n timeline.Frame) error {
	bands := t.r.contract.Bands
	lo := int(from.Frame()-t.base) * bands
	w := &window{ctx: ctx, owner: t, priority: t.job.Priority, start: t.origin + from,
		raw: t.raw[lo : lo+int(n)*bands], logProbs: t.job.LogProbs != nil, done: make(chan struct{})}
	t.cut = true
	t.result.Windows++
	rows := timeline.RowsIn(n)
	switch saved := t.saved(w.start, rows); {
	case saved != nil:
		w.rows, w.raw = saved, nil
		close(w.done)
	case !hearable(t.result.Levels[from.Frame():][:n]):
		t.result.Skipped++
		w.rows = silentRows(rows, t.r.vocabulary.Blank())
		if w.logProbs {
			w.full = silentLogProbs(rows, t.r.contract.Width, t.r.vocabulary.Blank())
		}
		w.raw = nil
		close(w.done)
	default:
		if w.same = t.twin(w); w.same != nil {
			w.raw, w.done = w.same.raw, w.same.done
			break
		}
		w.raw = slices.Clone(w.raw)
		if !t.r.queue.put(w) {
			return errClosed
		}
	}
	t.flying = append(t.flying, w)
	t.forget(from)
	for len(t.flying) > t.r.inFlight {
		if err := t.land(); err != nil {
			return err
		}
	}
	return nil
}

// twin returns the window of an earlier channel that holds the same frames as w, so that
// the model need not see them twice; nil if there is none.
func (t *track) twin(w *window) *window {
	for _, e := range t.earlier {
		if len(e.flying) == 0 {
			continue
		}
		last := e.flying[len(e.flying)-1]
		if last.same == nil && last.start == w.start && last.raw != nil && slices.Equal(last.raw, w.raw) {
			return last
		}
	}
	return nil
}

// forget drops frames before a window's start: no later window begins before it.
func (t *track) forget(from timeline.Row) {
	drop := int(from.Frame()-t.base) * t.r.contract.Bands
	t.raw = t.raw[:copy(t.raw, t.raw[drop:])]
	t.base = from.Frame()
}

func (t *track) saved(start, rows timeline.Row) []ctc.Row {
	if t.job.Load == nil || t.job.LogProbs != nil {
		return nil
	}
	saved := t.job.Load(t.channel, start)
	if timeline.Row(len(saved)) != rows {
		return nil
	}
	return saved
}

// land waits for the oldest window in flight and stitches it on.
func (t *track) land() error {
	w := t.flying[0]
	t.flying = t.flying[1:]
	<-w.done
	if w.same != nil {
		w.rows, w.full, w.err = w.same.rows, w.same.full, w.same.err
	}
	if w.err != nil {
		return w.err
	}
	if w.raw != nil && t.job.Save != nil {
		t.job.Save(t.channel, w.start, w.rows)
	}
	w.raw = nil
	return t.stitch.add(w.start-t.origin, w.rows, w.full)
}

// drain waits for windows in flight whose rows nobody wants any more: the model may
// still be reading them.
func (t *track) drain() {
	for _, w := range t.flying {
		<-w.done
	}
	t.flying = nil
}
