// Package timeline holds the units in which asr-backend measures time in a recording.
//
// There is one clock: the sample index at 16 kHz, counted from the first sample of the
// file as a player shows it. Everything coarser is a fixed multiple of it:
//
//	Sample   62.5 µs            int64, exact for any length
//	Frame    160 samples, 10 ms  one column of the log-mel spectrogram
//	Row      8 frames, 80 ms     one output step of the encoder, 1280 samples
//
// A recording of N samples has floor(N/160) frames and ceil(frames/8) rows. Frame k is
// centred on sample 160·k and row r on sample 1280·r (the centre of its receptive field),
// so a position is always a product and never a sum of durations: a word at hour ten is
// as exact as a word at second ten.
//
// The types are distinct on purpose: adding a frame to a sample does not compile. Wall
// clock forms are time.Duration, which holds a sample exactly (62,500 ns).
package timeline

import "time"

// SampleRate is the rate of the clock, in samples per second.
const SampleRate = 16000

// The grid of the clock. FastConformer subsamples its features by eight.
const (
	SamplesPerFrame = 160
	FramesPerRow    = 8
	SamplesPerRow   = SamplesPerFrame * FramesPerRow
)

// RowDuration is the time from one row to the next.
const RowDuration = SamplesPerRow * sampleDuration

const sampleDuration = time.Second / SampleRate

// Sample is a position or a length in samples at 16 kHz.
type Sample int64

// Frame is a position or a length in mel frames of 10 ms.
type Frame int64

// Row is a position or a length in encoder rows of 80 ms.
type Row int64

// SampleAt returns the sample nearest to d.
func SampleAt(d time.Duration) Sample {
	if d < 0 {
		return -SampleAt(-d)
	}
	return Sample((d + sampleDuration/2) / sampleDuration)
}

// FramesIn returns how many mel frames a recording of n samples has: floor(n/160).
func FramesIn(n Sample) Frame { return Frame(n / SamplesPerFrame) }

// RowsIn returns how many rows f frames give: ceil(f/8).
func RowsIn(f Frame) Row { return Row((f + FramesPerRow - 1) / FramesPerRow) }

// Duration returns the exact time of s after sample zero.
func (s Sample) Duration() time.Duration { return time.Duration(s) * sampleDuration }

// Seconds returns s in seconds; use it for display and ratios, not for arithmetic.
func (s Sample) Seconds() float64 { return float64(s) / SampleRate }

// Sample returns the sample on which frame f is centred.
func (f Frame) Sample() Sample { return Sample(f) * SamplesPerFrame }

// Sample returns the sample on which row r is centred.
func (r Row) Sample() Sample { return Sample(r) * SamplesPerRow }

// Frame returns the mel frame on which row r is centred.
func (r Row) Frame() Frame { return Frame(r) * FramesPerRow }

// Duration returns the exact time of the centre of row r after sample zero.
func (r Row) Duration() time.Duration { return r.Sample().Duration() }
