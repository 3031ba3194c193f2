package asr

import (
	"context"
	"errors"
	"hash/maphash"
	"unsafe"

	"github.com/asr-backend/asr-backend/asr/ctc"
	"github.com/asr-backend/asr-backend/asr/mel"
	"github.com/asr-backend/asr-backend/timeline"
)

// errClosed is the error of a recording when the recognizer is closed before its end.
var errClosed = errors.New("asr: the recognizer is closed")

// track follows one channel of one recording: samples become frames, frames become
// windows, and windows come back as rows, in order. It belongs to one goroutine.
type track struct {
	r        *Recognizer
	req      *Request
	channel  int
	earlier  []*track // those of the channels before, which are pushed first
	several  bool     // the recording has several channels
	mel      *mel.Extractor
	origin   timeline.Row // the recording's row at which its part begins
	raw      []float32    // frames from base on
	base     timeline.Frame
	frames   timeline.Frame // frames so far, from origin on
	next     timeline.Row   // start of the next window, from origin on
	started  bool           // at least one window was cut
	inFlight []*window      // cut and not yet stitched, in order
	stitch   stitcher
	decoding *decoding // of a transducer; else nil
	result   *Result
}

func newTrack(r *Recognizer, req *Request, channel int, origin timeline.Row) (_ *track, err error) {
	t := &track{r: r, req: req, channel: channel, origin: origin, mel: mel.NewExtractor(r.bank, r.melWorkers)}
	t.result = &Result{Output: ctc.Output{Vocabulary: r.vocabulary, First: origin, Shift: r.identity.Shift}}
	t.stitch = stitcher{blank: r.vocabulary.Blank(), width: r.contract.Width, result: t.result}
	switch {
	case r.transducer == nil:
	case req.LogProbs == nil:
		if t.decoding, err = r.newDecoding(t.result, req.Bias); err != nil {
			return nil, err
		}
		t.stitch.decode, t.stitch.context = t.decoding.push, r.window.Context
		return t, nil
	case !r.Aligns():
		return nil, ErrNoCTC
	default:
		t.stitch.width = r.vocabulary.Width()
	}
	if req.LogProbs != nil {
		t.stitch.emit = func(row timeline.Row, logProbs []float32) error { return req.LogProbs(channel, row, logProbs) }
	}
	if req.Search != nil {
		t.stitch.search = func(row timeline.Row, r *ctc.Row, pieces []ctc.Candidate, sure float32) error {
			return req.Search(channel, row, r, pieces, sure)
		}
	}
	return t, nil
}

// push takes the next samples and starts the windows they complete.
func (t *track) push(ctx context.Context, samples []float32) error {
	t.raw = t.mel.Append(t.raw, samples)
	return t.cutWindows(ctx)
}

// cutWindows counts the frames that were appended to raw, and starts the windows they complete.
func (t *track) cutWindows(ctx context.Context) error {
	t.result.Levels = append(t.result.Levels, t.mel.Levels()...)
	t.frames += timeline.Frame(len(t.mel.Levels()))
	for t.frames >= t.next.Frame()+t.r.window.frames() {
		if err := t.start(ctx, t.next, t.r.window.frames()); err != nil {
			return err
		}
		t.next += t.r.window.step()
	}
	return nil
}

// end starts the last window, if any frames are left.
func (t *track) end(ctx context.Context) error {
	t.raw = t.mel.Finish(t.raw)
	if err := t.cutWindows(ctx); err != nil {
		return err
	}
	t.result.Samples = t.mel.Samples()
	covered := timeline.Row(0)
	if t.started {
		covered = t.next - t.r.window.step() + t.r.window.Rows
	}
	if timeline.RowsIn(t.frames) > covered {
		from := t.r.window.last(t.frames, t.next)
		if err := t.start(ctx, from, t.frames-from.Frame()); err != nil {
			return err
		}
	}
	return nil
}

// finish waits for all windows.
func (t *track) finish() error {
	for len(t.inFlight) > 0 {
		if err := t.await(); err != nil {
			return err
		}
	}
	if err := t.stitch.finish(); err != nil {
		return err
	}
	if t.decoding != nil {
		t.decoding.end()
	}
	return nil
}

// start cuts the window of n frames at row from and queues it. Once as many windows are
// in flight as keep the workers busy, it waits for the oldest.
func (t *track) start(ctx context.Context, from timeline.Row, n timeline.Frame) error {
	bands := t.r.contract.Bands
	lo := int(from.Frame()-t.base) * bands
	raw := t.raw[lo : lo+int(n)*bands]
	w := &window{ctx: ctx, owner: t, priority: t.req.priority(), start: t.origin + from, frames: n,
		logProbs: t.req.LogProbs != nil, decode: t.decoding != nil, search: t.req.Search != nil || t.req.Candidates && t.decoding == nil, done: make(chan struct{})}
	t.started = true
	t.result.Windows++
	rows := timeline.RowsIn(n)
	saved, ok := t.saved(w.start, rows)
	if t.decoding != nil {
		w.kept = t.checkpointOf(w.start)
		w.skipped = w.kept != nil && t.checkpointOf(w.start+t.r.window.step()) != nil
	}
	switch {
	case w.skipped:
		close(w.done)
	case ok:
		w.Saved = saved
		close(w.done)
	case !audible(t.result.Levels[from.Frame():][:n]):
		t.result.Skipped++
		w.output = t.silence(rows)
		close(w.done)
	default:
		if t.several {
			w.sum = sum(t.r.seed, raw)
		}
		if w.same = t.twin(w); w.same != nil {
			w.done = w.same.done
			break
		}
		if err := t.r.room.enter(ctx, w, len(raw)); err != nil {
			return err
		}
		t.r.prepare(w.features, raw, bands, int(n))
		if !t.r.queue.put(w) {
			t.r.room.leave(w)
			return errClosed
		}
		w.run = true
	}
	t.inFlight = append(t.inFlight, w)
	t.forget(from)
	for len(t.inFlight) > t.r.maxInFlight {
		if err := t.await(); err != nil {
			return err
		}
	}
	return nil
}

// silence returns what stands for the output of a model that was not run.
func (t *track) silence(rows timeline.Row) output {
	blank := t.r.vocabulary.Blank()
	out := output{silent: true}
	out.Rows = silentRows(rows, blank)
	if t.req.Search != nil {
		out.Candidates.AppendSilent(int(rows))
	}
	switch {
	case t.decoding != nil:
		out.full = make([]float32, int(rows)*t.r.contract.Width)
		if t.r.Aligns() {
			out.head = silentLogProbs(rows, t.r.vocabulary.Width(), blank)
		}
	case t.req.LogProbs != nil:
		out.full = silentLogProbs(rows, t.r.vocabulary.Width(), blank)
	}
	return out
}

// twin returns the window of an earlier channel that holds the same frames as w, so that
// the model need not run twice; nil if there is none.
func (t *track) twin(w *window) *window {
	for _, e := range t.earlier {
		if len(e.inFlight) == 0 {
			continue
		}
		last := e.inFlight[len(e.inFlight)-1]
		if last.run && last.start == w.start && last.sum == w.sum {
			return last
		}
	}
	return nil
}

// sum returns a number that differs for different frames, but for one case in 2⁶⁴.
func sum(seed maphash.Seed, frames []float32) uint64 {
	return maphash.Bytes(seed, unsafe.Slice((*byte)(unsafe.Pointer(unsafe.SliceData(frames))), 4*len(frames)))
}

// forget drops frames before a window's start: no later window begins before it.
func (t *track) forget(from timeline.Row) {
	drop := int(from.Frame()-t.base) * t.r.contract.Bands
	t.raw = t.raw[:copy(t.raw, t.raw[drop:])]
	t.base = from.Frame()
}

func (t *track) saved(start, rows timeline.Row) (s ctc.Saved, ok bool) {
	if t.req.Load == nil || t.req.LogProbs != nil || t.decoding != nil {
		return s, false
	}
	s = t.req.Load(t.channel, start)
	if timeline.Row(len(s.Rows)) != rows || t.req.Search != nil && s.Candidates.Len() == 0 {
		return s, false
	}
	return s, true
}

// await waits for the oldest window in flight and stitches it on.
func (t *track) await() error {
	w := t.inFlight[0]
	t.inFlight = t.inFlight[1:]
	<-w.done
	if w.same != nil {
		w.output, w.err = w.same.output, w.same.err
	}
	if w.err != nil {
		return w.err
	}
	if t.decoding != nil {
		return t.decodeWindow(w)
	}
	if (w.run || w.same != nil) && t.req.Save != nil {
		t.req.Save(t.channel, w.start, &w.Saved)
	}
	return t.stitch.add(w.start-t.origin, w.output)
}

// decodeWindow stitches a window of a transducer on.
func (t *track) decodeWindow(w *window) error {
	if w.kept != nil {
		if err := t.resume(w.kept); err != nil {
			return err
		}
		if !w.skipped {
			return t.stitch.add(w.start-t.origin, w.output)
		}
		return nil
	}
	if err := t.stitch.add(w.start-t.origin, w.output); err != nil {
		return err
	}
	if w.run || w.same != nil {
		if t.req.Save != nil {
			t.req.Save(t.channel, w.start, &ctc.Saved{Checkpoint: t.checkpoint()})
		}
		t.decoding.mark()
	}
	return nil
}

// drain waits for windows in flight whose rows nobody needs any longer: the model may
// still be reading them.
func (t *track) drain() {
	for _, w := range t.inFlight {
		<-w.done
	}
	t.inFlight = nil
	if t.decoding != nil {
		_ = t.decoding.close() // tensors over memory of ours
	}
}
