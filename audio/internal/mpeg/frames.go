package mpeg

import "github.com/asr-backend/asr-backend/audio/internal/ahead"

// A Decoded is a frame with its sound.
type Decoded struct {
	Header
	Size    int   // of the frame in bytes
	Cut     bool  // the file ends within the frame
	Skipped int64 // bytes since the last frame that are neither frame nor tag
	// Samples has h.Samples() of each channel of the frame, and room for MaxSamples of two. They are the
	// caller's until the next call of Next.
	Samples [2][]float32
	Err     error // ErrStart or ErrFrame: there is silence
}

// Frames decodes the frames of a file in their order, on several cores if it has workers.
//
// A frame depends on those before it by main data, which may begin in them, and by the filter banks, which two
// frames bring up to date (see Decoder.Skip). So workers decode batches of frames, each with the main data
// before it and the last two frames of the batch before, whose sound is thrown away. The samples are those of
// a single Decoder, to the bit.
type Frames struct {
	scanner *Scanner
	workers int
	length  int // of a batch, in frames

	dec    Decoder
	frame  Frame // the next one, if peeked
	peeked bool
	buf    [2][]float32 // without workers

	// With workers, from the first call of Next on:
	batches *ahead.Queue[batch]
	most    int    // channels of a frame so far
	now     *batch // whose frames are given
	at      int    // the next of them
}

// batchFrames is many beside the two frames that are decoded twice, and 1.7 s at 44.1 kHz.
const batchFrames = 64

// WarmUp is how many frames must be decoded before one for its samples to be the same as if all had been: one for
// the overlap of the transform, one for the filter bank.
const WarmUp = 2

// NewFrames returns the frames of a scanner, which are decoded by so many workers ahead of Next. Without
// workers, Next decodes. Workers run from the first call of Next until Close, and use the scanner.
func NewFrames(s *Scanner, workers int) *Frames {
	return &Frames{scanner: s, workers: workers, length: batchFrames}
}

// Peek returns the frame that follows, before the first call of Next. Its Data are valid until then.
func (f *Frames) Peek() (Frame, error) {
	if f.peeked {
		return f.frame, nil
	}
	frame, err := f.scanner.Next()
	f.frame, f.peeked = frame, err == nil
	return frame, err
}

// Drop passes over the frame that Peek returned, as if it were not there.
func (f *Frames) Drop() { f.peeked = false }

// Pass passes over it without decoding it, see Decoder.Skip.
func (f *Frames) Pass() {
	f.dec.Skip(f.frame.Header, f.frame.Data)
	f.Drop()
}

// Next decodes the next frame. An error is the scanner's, io.EOF at the end.
func (f *Frames) Next() (Decoded, error) {
	if f.workers > 0 {
		return f.ahead()
	}
	frame, err := f.Peek()
	if err != nil {
		return Decoded{}, err
	}
	f.Drop()
	if f.buf[0] == nil {
		f.buf = [2][]float32{make([]float32, MaxSamples), make([]float32, MaxSamples)}
	}
	d := undecoded(&frame)
	d.Samples = f.buf
	d.Err = f.dec.Decode(frame.Header, frame.Data, f.buf)
	return d, nil
}

func undecoded(f *Frame) Decoded {
	return Decoded{Header: f.Header, Size: len(f.Data), Cut: f.Cut, Skipped: f.Skipped}
}

// Close stops the workers and waits for their end.
func (f *Frames) Close() {
	if f.batches != nil {
		f.batches.Close()
		f.batches = nil
	}
}

// ahead returns the next frame that workers have decoded.
func (f *Frames) ahead() (Decoded, error) {
	if f.now == nil {
		f.batches = ahead.Start(f.workers, ahead.Steps[batch]{New: f.newBatch, Fill: f.fill, Decode: (*batch).decode})
	}
	for f.now == nil || f.at == len(f.now.frames) {
		if f.now != nil && f.now.err != nil {
			return Decoded{}, f.now.err
		}
		f.now = f.batches.Next()
		f.at = f.now.warm
	}
	d := f.now.frames[f.at].Decoded
	d.Err = f.now.errs[f.at]
	f.at++
	return d, nil
}

// fill fills a batch and reports whether another one follows.
func (f *Frames) fill(b, before *batch, done <-chan struct{}) (more bool) {
	b.reset()
	switch {
	case before == nil:
		b.dec = f.dec
	case before.bringsUpToDate(f.most):
		b.dec = Decoder{reservoir: before.main}
		b.warm = WarmUp
		for _, frame := range before.last() {
			b.add(frame.Decoded, before.bytes[frame.from:][:frame.Size])
		}
	default:
		<-done
		b.dec = before.dec
	}
	for n := range f.length {
		if n == f.length-WarmUp {
			b.main = f.dec.reservoir
		}
		frame, err := f.Peek()
		if err != nil {
			b.err = err
			return false
		}
		b.add(undecoded(&frame), frame.Data)
		f.most = max(f.most, frame.Channels())
		f.Pass()
	}
	return true
}

// batch is frames that one worker decodes.
type batch struct {
	dec     Decoder // as it is before the first frame, and behind the last when decoded
	frames  []undone
	errs    []error   // of the decoder
	warm    int       // frames whose sound is not given
	main    reservoir // before the last WarmUp frames
	bytes   []byte    // of all frames
	samples [2][]float32
	err     error // of the scanner behind the frames
}

// undone is a frame whose bytes are at a place of its batch's; its error is in the batch.
type undone struct {
	Decoded
	from int
}

func (f *Frames) newBatch() *batch {
	n := (f.length + WarmUp) * MaxSamples
	return &batch{samples: [2][]float32{make([]float32, n), make([]float32, n)}}
}

func (b *batch) reset() {
	b.frames, b.errs, b.bytes, b.warm, b.err = b.frames[:0], b.errs[:0], b.bytes[:0], 0, nil
}

func (b *batch) add(frame Decoded, data []byte) {
	at := len(b.frames) * MaxSamples
	for c := range frame.Samples {
		frame.Samples[c] = b.samples[c][at:][:MaxSamples]
	}
	b.frames = append(b.frames, undone{frame, len(b.bytes)})
	b.bytes = append(b.bytes, data...)
}

func (b *batch) last() []undone { return b.frames[len(b.frames)-WarmUp:] }

// bringsUpToDate reports whether the last frames of a batch bring all filter banks up to date that were in use:
// a frame of two channels goes on where the last one was, even if that is long ago.
func (b *batch) bringsUpToDate(channels int) bool {
	for _, frame := range b.last() {
		if frame.Channels() < channels {
			return false
		}
	}
	return true
}

func (b *batch) decode() {
	for i := range b.frames {
		f := &b.frames[i] // which the scanner reads too
		b.errs = append(b.errs, b.dec.Decode(f.Header, b.bytes[f.from:][:f.Size], f.Samples))
	}
}
