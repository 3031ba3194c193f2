package audio

import (
	"context"
	"errors"
	"fmt"
	"io"
	"math"
	"slices"
	"time"
)

// A NativeStream is an open recording whose sound is given at its own rate, mixed to one
// channel or as one of its channels. Frame n of a recording of rate r lies n/r seconds
// after its beginning. It is not safe for concurrent use.
type NativeStream struct {
	ctx   context.Context
	in    *input
	dec   decoder
	opts  Options
	rate  int
	mixer *mixer

	at, end int64 // frames: the next to give, and that behind the last; end is large if open
	discard int64 // frames of the decoder to come that are not needed
	trim    int64 // mixed frames to come that lie before at
	drained bool
	err     error // sticky
}

// OpenNative opens the recording at path as Open does, without resampling. Its channels
// cannot be Split.
func OpenNative(ctx context.Context, path string, o Options) (*NativeStream, error) {
	if o.Channels == Split {
		return nil, &Error{Op: "open", Name: path, Err: errors.New("channels are not split at the recording's own rate")}
	}
	return openPath(ctx, path, o, newNative)
}

func newNative(ctx context.Context, in *input, d decoder, o Options) (*NativeStream, error) {
	info := d.info()
	if err := o.Channels.among(info.Channels); err != nil {
		return nil, err
	}
	s := &NativeStream{ctx: ctx, in: in, dec: d, opts: o, rate: info.SampleRate, end: math.MaxInt64}
	s.at = frameAt(s.rate, o.Start)
	if o.End > 0 {
		s.end = frameAt(s.rate, o.End)
	}
	s.discard = s.at
	if o.Channels == Mix && info.Channels > 1 {
		s.mixer = newMixer(info.Channels)
		s.discard = s.mixer.begin(s.rate, 0, s.at)
		s.trim = s.at - s.discard
	}
	if sk, ok := d.(skipper); ok && s.discard > 0 {
		n, err := sk.skip(s.discard)
		if err != nil {
			return nil, err
		}
		s.discard -= n
	}
	return s, nil
}

func frameAt(rate int, d time.Duration) int64 {
	whole, rest := int64(d/time.Second), int64(d%time.Second)
	return whole*int64(rate) + (2*rest*int64(rate)+int64(time.Second))/(2*int64(time.Second))
}

// Info returns what the recording's head says.
func (s *NativeStream) Info() Info { return s.dec.info() }

// Rate returns how many samples a second has.
func (s *NativeStream) Rate() int { return s.rate }

// FrameAt returns the frame nearest to a time, halves up.
func (s *NativeStream) FrameAt(d time.Duration) int64 { return frameAt(s.rate, d) }

// Next returns the samples that follow and the frame at which they begin. They are valid
// until the next call. io.EOF means that the part asked for, or the recording, is at its
// end. A recording whose rate changes on the way is an error.
func (s *NativeStream) Next() (samples []float32, start int64, err error) {
	for s.err == nil {
		if samples, s.err = s.fill(); s.err != nil && s.err != io.EOF {
			s.err = s.in.wrap("read", s.err)
		}
		if len(samples) > 0 {
			start = s.at
			s.at += int64(len(samples))
			return samples, start, nil
		}
	}
	return nil, s.at, s.err
}

// fill takes one step of the decoder and returns what it gives, which may be nothing.
func (s *NativeStream) fill() ([]float32, error) {
	switch {
	case s.ctx.Err() != nil:
		return nil, context.Cause(s.ctx)
	case s.drained || s.at >= s.end:
		return nil, io.EOF
	}
	f, err := s.dec.next()
	if err == io.EOF {
		s.drained = true
		if s.mixer == nil {
			return nil, io.EOF
		}
		return s.cut(s.mixer.flush()), nil
	}
	switch {
	case err != nil:
		return nil, err
	case f.rate != s.rate:
		return nil, &Error{
			Err:  fmt.Errorf("the rate changes at %s, from %d to %d Hz", at16k(s.rate, s.at).Clock(), s.rate, f.rate),
			Hint: "resample it: such a recording has no rate of its own",
		}
	}
	if n := min(s.discard, int64(f.len())); n > 0 {
		s.discard -= n
		f = f.drop(int(n))
	}
	if s.mixer != nil {
		return s.cut(s.mixer.mix(f.channels)), nil
	}
	return s.cut(f.channels[max(int(s.opts.Channels)-1, 0)]), nil
}

// cut leaves out what is not asked for.
func (s *NativeStream) cut(samples []float32) []float32 {
	n := min(s.trim, int64(len(samples)))
	s.trim -= n
	samples = samples[n:]
	return samples[:min(int64(len(samples)), s.end-s.at)]
}

// Diagnostics returns what was found wrong so far; all of it after io.EOF.
func (s *NativeStream) Diagnostics() []Diagnostic {
	list := slices.Clone(s.dec.diagnostics())
	if s.mixer != nil && s.err == io.EOF {
		if d, ok := s.mixer.diagnostic(); ok {
			list = append(list, d)
		}
	}
	return list
}

// Close ends the stream and closes the file. It waits for whatever the decoder started.
func (s *NativeStream) Close() error {
	if s.err == nil {
		s.err = &Error{Op: "read", Name: s.in.name, Err: errors.New("stream is closed")}
	}
	return errors.Join(s.dec.close(), s.in.close())
}
