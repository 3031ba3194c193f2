// Package resample converts sound of any sample rate to the 16 kHz of the time line.
//
// The method is the textbook one: a band-limited interpolation of the input by a
// windowed sinc, evaluated only where an output sample lies. Output sample n lies at
// input position n·rate/16000, a rational number, so its integer part and its phase are
// kept as integers and never drift: the last sample of a day is as exact as the first.
// The filter is symmetric about that position, which leaves no group delay to correct.
//
//	kernel      sinc · Kaiser(β = 9), 40 zero crossings to each side
//	cut-off     0.928 of the lower of the two Nyquist frequencies
//	passband    within 0.1 dB up to 7 kHz (of 8)
//	stop band   below -90 dB from 8 kHz on, so that nothing folds back
//
// When the rate shares enough factors with 16000 (44100 needs 160 phases, 48000 one) every
// phase that occurs has coefficients, and outputs of the same phase are made side by side;
// see tile.go. Odd rates such as 11127 Hz interpolate linearly between neighbours of a
// table of at most 1024 rows, with an error far below the stop band.
//
// Sums are made in float32 in a fixed order, by AVX on amd64 and by Go elsewhere, with the
// same bits as the result. As every output depends only on its absolute position, cutting
// the input into other blocks changes nothing.
//
// J. O. Smith, Digital Audio Resampling Home Page, is the classic description.
package resample

import (
	"fmt"
	"slices"
)

// Rate is the output rate in samples per second.
const Rate = 16000

// The rates that New accepts. Below, speech is gone; above, the header is wrong.
const (
	MinRate = 1000
	MaxRate = 768000
)

// A Resampler converts one channel. It is not safe for concurrent use.
type Resampler struct {
	f *Filter

	buf  []float32 // input not yet used up
	base int64     // input index of buf[0]; negative in the silence before the start
	in   int64     // input samples seen, counted from the start of the recording

	next  int64 // index of the next output sample
	pos   int64 // floor(next · down / up), its position in the input
	phase int   // next · down mod up
	skip  int64 // outputs from next on that nobody asked for

	scratch []float32 // of a block of tiles
}

// Resampler returns a converter whose first input is input sample 0 of a recording and
// whose first output is output sample 0.
func (f *Filter) Resampler() *Resampler {
	r := &Resampler{f: f}
	if f.tiling != nil {
		r.scratch = make([]float32, f.tiling.rows*width)
	}
	r.StartAt(0)
	return r
}

// StartAt makes out the next output sample and returns the index of the input sample that
// must be written next. Outputs are the same as if everything before had been written.
func (r *Resampler) StartAt(out int64) (in int64) {
	f := r.f
	r.next, r.skip = out, 0
	if f.tiling != nil {
		r.skip = out % int64(f.tiling.period.outputs)
		r.next -= r.skip
	}
	r.pos = r.next / int64(f.up) * int64(f.down)
	rest := r.next % int64(f.up) * int64(f.down)
	r.pos += rest / int64(f.up)
	r.phase = int(rest % int64(f.up))

	// The first output reads half-1 samples before its position.
	r.base = r.pos
	if f.taps > 0 {
		r.base -= int64(f.taps/2 - 1)
	}
	r.buf = r.buf[:0]
	if r.base < 0 {
		r.buf = append(r.buf, make([]float32, -r.base)...)
	}
	r.in = r.base + int64(len(r.buf))
	return r.in
}

// Append resamples src, the next samples of the input, and appends to dst the output
// samples that are determined. It may hold some back, a fraction of a second, to compute
// them together with later ones.
func (r *Resampler) Append(dst, src []float32) []float32 {
	r.in += int64(len(src))
	if r.f.taps == 0 {
		r.next += int64(len(src))
		return append(dst, src...)
	}
	for len(src) > 0 {
		// Bounded pieces keep the working set in the cache, and buf small.
		n := min(len(src), 4096)
		r.buf = append(r.buf, src[:n]...)
		src = src[n:]
		if r.f.tiling != nil {
			dst = r.drainTiles(dst)
		} else {
			dst = r.drain(dst, 1<<62)
		}
	}
	return dst
}

// Finish appends the outputs that reach past the last input sample, with silence after
// it, so that there are Length(rate, n) of them for n input samples in all.
func (r *Resampler) Finish(dst []float32) []float32 {
	if r.f.taps == 0 {
		return dst
	}
	end := Length(r.f.rate, r.in)
	if r.f.tiling == nil {
		if r.next >= end {
			return dst
		}
		r.buf = append(r.buf, make([]float32, r.f.taps)...)
		return r.drain(dst, end)
	}
	from := len(dst)
	for r.next < end {
		r.buf = append(r.buf, make([]float32, max(0, r.f.tiling.need()-len(r.buf)))...)
		dst = r.drainTiles(dst)
	}
	// The last block goes on in the silence.
	extra := int(r.next - end)
	r.next = end
	return dst[:max(from, len(dst)-extra)]
}

// drainTiles computes all whole blocks of tiles.
func (r *Resampler) drainTiles(dst []float32) []float32 {
	t, at := r.f.tiling, 0
	for ; len(r.buf)-at >= t.need(); at += width * t.inputs {
		n, from := width*t.outputs, len(dst)
		dst = slices.Grow(dst, n)[:from+n]
		t.block(dst[from:], r.buf[at:], r.scratch)
		r.next += int64(n)
		if skip := min(int(r.skip), n); skip > 0 {
			dst = dst[:from+copy(dst[from:], dst[from+skip:])]
			r.skip -= int64(skip)
		}
	}
	r.drop(at)
	return dst
}

// drain computes outputs before end one by one while all their taps are in buf.
func (r *Resampler) drain(dst []float32, end int64) []float32 {
	f := r.f
	at := int(r.pos - int64(f.taps/2-1) - r.base) // first tap's index in buf
	n := 0
	if room := len(r.buf) - f.taps - at; room >= 0 {
		// Output k from here lies (phase + k·down)/up inputs on.
		n = int(min(int64(((room+1)*f.up-1-r.phase)/f.down+1), end-r.next))
	}
	from := len(dst)
	dst = slices.Grow(dst, n)[:from+n]
	first, phase := at, r.phase
	for i := range dst[from:] {
		dst[from+i] = f.at(r.buf[at:at+f.taps], phase)
		at += f.step
		if phase += f.rest; phase >= f.up {
			phase -= f.up
			at++
		}
	}
	r.next += int64(n)
	r.pos += int64(at - first)
	r.phase = phase
	r.drop(min(at, len(r.buf)))
	return dst
}

// drop leaves out the first n samples of buf, which no later output needs.
func (r *Resampler) drop(n int) {
	r.buf = r.buf[:copy(r.buf, r.buf[n:])]
	r.base += int64(n)
}

// Length returns how many output samples n input samples give: n·16000/rate rounded to
// the nearest integer, halves up.
func Length(rate int, n int64) int64 {
	// Split to stay clear of overflow at any length and rate.
	whole, rest := n/int64(rate), n%int64(rate)
	return whole*Rate + (2*rest*Rate+int64(rate))/(2*int64(rate))
}

func checkRate(rate int) error {
	if rate < MinRate || rate > MaxRate {
		return fmt.Errorf("sample rate %d Hz is outside %d to %d Hz", rate, MinRate, MaxRate)
	}
	return nil
}
