package audio

import (
	"context"
	"errors"
	"fmt"
	"io"
	"math"
	"slices"

	"github.com/asr-backend/asr-backend/audio/internal/resample"
	"github.com/asr-backend/asr-backend/timeline"
)

// BlockSamples is the length of every block of a stream but the last: one second.
const BlockSamples = timeline.SampleRate

// Info holds the facts of a recording that its head gives.
type Info struct {
	Container     string // "WAV", "MP3", "Ogg", ...
	Codec         string // "PCM s16le", "MPEG-1 layer III", "Opus", ...
	Decoder       string // what decodes it: "built-in", or ffmpeg with its version
	SampleRate    int    // of the sound in the file
	Channels      int    // of the sound in the file
	BitsPerSample int    // 0 where samples have no width of their own
	// Declared is the length that the header claims, -1 if it claims none.
	Declared timeline.Sample
	// Estimate is the length to expect, good for a progress bar: Declared, or what size
	// and bit rate or the last page give; -1 if nothing does.
	Estimate timeline.Sample
}

const builtIn = "built-in"

// A Block is a stretch of sound at 16 kHz.
type Block struct {
	Start timeline.Sample // of the recording, also when a part is cut out
	// Channels has one slice for Mix and Only, and one for each channel for Split. The
	// samples are valid until the next call of Next.
	Channels [][]float32
}

// End returns the position after the block's last sample.
func (b Block) End() timeline.Sample { return b.Start + timeline.Sample(len(b.Channels[0])) }

// A Stream is an open recording. It is not safe for concurrent use.
type Stream struct {
	ctx  context.Context
	in   *input
	dec  decoder
	info Info
	opts Options

	start, end timeline.Sample // the part to give; end is large if open

	// A segment is sound of one rate: all of it, unless files were joined.
	rate       int
	segment    timeline.Sample // where it begins
	frames     int64           // of it that the decoder has given or skipped
	discard    int64           // frames to come that are not needed
	resamplers []*resample.Resampler

	mixer *mixer          // for Mix, of several channels
	twins *comparison     // for Split
	trim  int64           // mixed samples to come that lie before the resampler's first input
	out   [][]float32     // resampled, not given yet
	given int             // of out, by the last call
	at    timeline.Sample // position of out[c][0]
	block [][]float32     // of the last call

	length  timeline.Sample
	drained bool  // the decoder is at its end
	err     error // sticky: io.EOF or what went wrong
	notes
}

func newStream(ctx context.Context, in *input, d decoder, o Options) (*Stream, error) {
	s := &Stream{ctx: ctx, in: in, dec: d, info: d.info(), opts: o, length: -1}
	if err := o.Channels.among(s.info.Channels); err != nil {
		return nil, err
	}
	s.start, s.end = timeline.SampleAt(o.Start), math.MaxInt64
	if o.End > 0 {
		s.end = timeline.SampleAt(o.End)
	}
	s.at = s.start
	outputs := 1
	if o.Channels == Split {
		outputs = s.info.Channels
	}
	s.twins = newComparison(outputs)
	s.resamplers = make([]*resample.Resampler, outputs)
	s.out, s.block = make([][]float32, outputs), make([][]float32, outputs)
	if o.Channels == Mix && s.info.Channels > 1 {
		s.mixer = newMixer(s.info.Channels)
	}
	if err := s.beginSegment(s.info.SampleRate); err != nil {
		return nil, err
	}
	if sk, ok := d.(skipper); ok && s.discard > 0 {
		n, err := sk.skip(s.discard)
		if err != nil {
			return nil, err
		}
		s.discard -= n
		s.frames += n
	}
	return s, nil
}

// beginSegment sets up resamplers for sound of the given rate that begins at s.segment.
func (s *Stream) beginSegment(rate int) error {
	f, err := resample.New(rate)
	if err != nil {
		return &Error{Err: fmt.Errorf("%w: %w", ErrUnsupported, err)}
	}
	s.rate, s.frames = rate, 0
	for c := range s.resamplers {
		s.resamplers[c] = f.Resampler()
		s.discard = s.resamplers[c].StartAt(int64(max(0, s.start-s.segment)))
	}
	if s.mixer != nil {
		from := s.mixer.begin(rate, s.segment, s.discard)
		s.discard, s.trim = from, s.discard-from
	}
	return nil
}

// endSegment lets the resamplers give what they hold back.
func (s *Stream) endSegment() {
	s.segment += at16k(s.rate, s.frames)
	if s.discard > 0 {
		return // it ended before the part to give, so they saw nothing of it
	}
	if s.mixer != nil {
		s.mono(s.mixer.flush())
		if s.trim > 0 {
			return
		}
	}
	for c, r := range s.resamplers {
		s.out[c] = r.Finish(s.out[c])
	}
}

// Info returns what the recording's head says.
func (s *Stream) Info() Info { return s.info }

// Next returns the sound that follows the last block. Every block has BlockSamples
// samples but the last, which may be shorter and is never empty. io.EOF after it means
// that the recording was read to its end, and only that; Diagnostics then says how good
// it was.
func (s *Stream) Next() (Block, error) {
	if s.err != nil {
		return Block{}, s.err
	}
	for c, out := range s.out {
		s.out[c] = out[:copy(out, out[s.given:])]
	}
	s.at += timeline.Sample(s.given)
	s.given = 0
	want := int(min(BlockSamples, s.end-s.at))
	for len(s.out[0]) < want && !s.drained {
		if err := s.fill(); err != nil {
			s.err = s.in.wrap("read", err)
			return Block{}, s.err
		}
	}
	s.given = min(want, len(s.out[0]))
	if s.given == 0 {
		s.err = s.finish()
		return Block{}, s.err
	}
	for c, out := range s.out {
		s.block[c] = out[:s.given]
	}
	s.twins.add(s.block)
	return Block{Start: s.at, Channels: s.block}, nil
}

// fill takes one step of the decoder.
func (s *Stream) fill() error {
	if err := s.ctx.Err(); err != nil {
		return context.Cause(s.ctx)
	}
	f, err := s.dec.next()
	if err == io.EOF {
		s.drained = true
		s.endSegment()
		return nil
	}
	if err != nil {
		return err
	}
	if f.rate != s.rate {
		s.endSegment()
		if err := s.beginSegment(f.rate); err != nil {
			return err
		}
	}
	s.frames += int64(f.len())
	if n := min(s.discard, int64(f.len())); n > 0 {
		s.discard -= n
		f = f.drop(int(n))
	}
	switch {
	case s.opts.Channels == Split:
		for c, r := range s.resamplers {
			s.out[c] = r.Append(s.out[c], f.channels[c])
		}
	case s.mixer != nil:
		s.mono(s.mixer.mix(f.channels))
	case s.opts.Channels == Mix:
		s.mono(f.channels[0])
	default:
		s.out[0] = s.resamplers[0].Append(s.out[0], f.channels[s.opts.Channels-1])
	}
	return nil
}

// mono takes mixed samples.
func (s *Stream) mono(samples []float32) {
	n := min(s.trim, int64(len(samples)))
	s.trim -= n
	s.out[0] = s.resamplers[0].Append(s.out[0], samples[n:])
}

// finish is called once, when there is no more to give: it returns io.EOF, or what
// keeps the end from being a good one.
func (s *Stream) finish() error {
	if s.mixer != nil {
		if d, ok := s.mixer.diagnostic(); ok {
			s.list = append(s.list, d)
		}
	}
	s.list = append(s.list, s.twins.diagnostics()...)
	if !s.drained {
		s.length = s.at // the end asked for
		return io.EOF
	}
	s.length = s.segment
	switch {
	case s.length == 0:
		return s.in.wrap("read", &Error{Err: ErrEmpty, Hint: "the file has a header but no sound"})
	case s.start >= s.length && s.start > 0:
		s.note(Outside, s.length, fmt.Sprintf("The part asked for begins at %s, the recording ends at %s.", s.start.Clock(), s.length.Clock()))
	case s.opts.End > 0 && s.end > s.length:
		s.note(Outside, s.length, fmt.Sprintf("The part asked for ends at %s, the recording at %s.", s.end.Clock(), s.length.Clock()))
	}
	return io.EOF
}

// Length returns how long the recording was found to be, -1 before Next has returned
// io.EOF. Where Options.End cut it short, it is the end of the last block.
func (s *Stream) Length() timeline.Sample { return s.length }

// Twin returns the first channel that carries the same sound as channel n, at whatever level
// and either way up, and comes before it; -1 if there is none. Only Split compares
// channels, and the answer holds for all blocks given so far.
func (s *Stream) Twin(n int) int { return s.twins.twin(n) }

// Diagnostics returns what was found wrong so far; all of it after io.EOF.
func (s *Stream) Diagnostics() []Diagnostic {
	return slices.Concat(s.dec.diagnostics(), s.list)
}

// Close ends the stream and, if it came from Open, closes the file. It waits for
// whatever the decoder started.
func (s *Stream) Close() error {
	if s.err == nil {
		s.err = &Error{Op: "read", Name: s.in.name, Err: errors.New("stream is closed")}
	}
	return errors.Join(s.dec.close(), s.in.close())
}
