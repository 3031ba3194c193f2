package asr

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/asr-backend/asr-backend/asr/ort"
	"github.com/asr-backend/asr-backend/audio"
	"github.com/asr-backend/asr-backend/samples"
	"github.com/asr-backend/asr-backend/timeline"
)

// compare runs windows of speech on the CPU and in every session of a worker on a GPU, and
// refuses a GPU that computes something else. It notes the difference, and how fast the largest
// batch is.
func (r *Recognizer) compare(ctx context.Context, rt *ort.Runtime, cpu *ort.Session, w *worker) error {
	windows, want, err := r.speechRows(ctx, rt, cpu)
	if err != nil {
		return err
	}
	bound := r.device.Precision.bound()
	all := agreement{logits: r.contract.Unnormalised}
	err = w.each(w.lanes(), func(l *lane, s *ort.Session, b *ort.Buffers) error {
		each := b.Bands * b.Frames
		for j := range b.Batch {
			win := windows[j%len(windows)]
			if l.full && win.frames < r.window.frames() {
				win = windows[0] // and nothing is compared
			}
			win.copyTo(b.Features[j*each:(j+1)*each], b.Bands, b.Frames)
			b.Lengths[j] = int64(win.frames)
		}
		start := time.Now()
		if err := s.Run(ctx, b); err != nil {
			return err
		}
		took := time.Since(start)
		r.device.Speed = (time.Duration(b.Batch) * r.window.step().Duration()).Seconds() / max(took, time.Microsecond).Seconds()
		for j := range b.Batch {
			rows := want[j%len(windows)]
			switch {
			case l.full && b.Lengths[j] != int64(windows[j%len(windows)].frames):
			case r.contract.Encoder:
				all.difference = max(all.difference, distance(rows, b.LogProbs[j*b.Rows*b.Width:][:len(rows)]))
			case l.sums:
				all.compareSums(rows, b, j, r.vocabulary.Blank(), bound)
			default:
				all.compare(rows, b.LogProbs[j*b.Rows*b.Width:][:len(rows)], b.Width, bound)
			}
		}
		return nil
	})
	if err != nil {
		return err
	}
	r.device.Difference = all.difference
	err = all.check(bound)
	if r.contract.Encoder && !(all.difference <= encoderBound*bound/FP32.bound()) {
		err = fmt.Errorf("values of rows differ by %.2g", all.difference)
	}
	if err != nil {
		return &ort.CUDAError{Err: fmt.Errorf("GPU %d computes something else than the CPU: %w", r.device.Index, err),
			Hint: "use --provider cpu or another --precision; a GPU that errs in fp32 is broken, or its driver is"}
	}
	return nil
}

// SpeechRows returns what every session of a GPU has to write for the speech that is compared: the
// log-probabilities of two or three full windows, which come again and again up to the size of
// the batch. It is for tests of GPUs, of a Recognizer on a CPU.
func (r *Recognizer) SpeechRows(ctx context.Context, rt *ort.Runtime) ([]float32, error) {
	_, want, err := r.speechRows(ctx, rt, r.sessions[0])
	if err != nil {
		return nil, err
	}
	each := int(r.window.Rows) * r.contract.Width
	all := make([]float32, each*len(want))
	for i, rows := range want {
		copy(all[i*each:], rows)
	}
	return all, nil
}

// speechRows returns the windows of speech that are compared, and their rows as a session
// computes them.
func (r *Recognizer) speechRows(ctx context.Context, rt *ort.Runtime, s *ort.Session) ([]*window, [][]float32, error) {
	windows, err := r.speech(ctx)
	if err != nil {
		return nil, nil, err
	}
	rows := make([][]float32, len(windows))
	for i, win := range windows {
		values := make([]float32, r.contract.Bands*int(r.window.frames()))
		win.copyTo(values, r.contract.Bands, int(r.window.frames()))
		one, err := r.contract.rows(ctx, rt, s, values, int(win.frames))
		if err != nil {
			return nil, nil, err
		}
		rows[i] = one.values
	}
	return windows, rows, nil
}

// speech returns two full windows of speech and, if a batch may mix lengths, a shorter one.
func (r *Recognizer) speech(ctx context.Context) (_ []*window, err error) {
	stream, err := audio.OpenReader(ctx, bytes.NewReader(samples.Address), "address.mp3", audio.Options{FFmpeg: "off"})
	if err != nil {
		return nil, fmt.Errorf("asr: the sample of speech: %w", err)
	}
	defer func() { err = errors.Join(err, stream.Close()) }()
	raw, err := r.frames(stream)
	if err != nil {
		return nil, fmt.Errorf("asr: the sample of speech: %w", err)
	}
	bands := r.contract.Bands
	cut := func(from, n timeline.Frame) *window {
		frames := make([]float32, 0, int(n)*bands)
		for rest := raw[int(from)*bands:]; len(frames) < cap(frames); rest = raw {
			frames = append(frames, rest[:min(len(rest), cap(frames)-len(frames))]...)
		}
		w := &window{frames: n, features: make([]float32, len(frames))}
		r.prepare(w.features, frames, bands, int(n))
		return w
	}
	const later timeline.Frame = 100 // a second
	full := r.window.frames()
	windows := []*window{cut(0, full), cut(later, full)}
	if r.contract.Padding {
		windows = append(windows, cut(0, full/2+3))
	}
	return windows, nil
}
