package mel

import (
	"slices"

	"github.com/asr-backend/asr-backend/timeline"
)

// Extractor computes the raw log-mel frames of one recording from its samples as they
// come. The frames do not depend on how the samples were split. Its memory is constant.
type Extractor struct {
	bank    *Bank
	workers int
	last    float32   // previous sample, for pre-emphasis
	pending []float64 // pre-emphasised samples from the first that the next frame sees
	samples timeline.Sample
	emitted timeline.Frame
	levels  []Level
	work    []*workspace // of the goroutines
}

// NewExtractor returns an Extractor that uses up to workers goroutines inside a call.
func NewExtractor(bank *Bank, workers int) *Extractor {
	e := &Extractor{bank: bank, workers: workers}
	e.pending = append(e.pending, make([]float64, reach)...) // zeros before the recording
	return e
}

// Levels returns the levels of the frames that the last call of Append or Finish appended. They
// are valid until the next one.
func (e *Extractor) Levels() []Level { return e.levels }

// Append takes the next samples and appends the frames that are now complete to dst,
// frame-major.
func (e *Extractor) Append(dst, samples []float32) []float32 {
	e.levels = e.levels[:0]
	if len(samples) == 0 {
		return dst
	}
	at := len(e.pending)
	e.pending = slices.Grow(e.pending, len(samples))[:at+len(samples)]
	emphasize(e.pending[at:at+1], []float32{e.last, samples[0]}) // last is zero before the first sample
	emphasize(e.pending[at+1:], samples)
	e.last = samples[len(samples)-1]
	e.samples += timeline.Sample(len(samples))
	return e.emit(dst, (len(e.pending)-windowSize)/timeline.SamplesPerFrame+1)
}

// Finish appends the frames that reach beyond the end of the recording. The recording
// then has timeline.FramesIn(samples) frames in all.
func (e *Extractor) Finish(dst []float32) []float32 {
	e.levels = e.levels[:0]
	e.pending = append(e.pending, make([]float64, reach)...)
	return e.emit(dst, int(timeline.FramesIn(e.samples)-e.emitted))
}

func (e *Extractor) emit(dst []float32, n int) []float32 {
	if n <= 0 || len(e.pending) < windowSize {
		return dst
	}
	at := len(dst)
	dst = slices.Grow(dst, n*e.bank.bands)[:at+n*e.bank.bands]
	e.levels = slices.Grow(e.levels, n)[:n]
	e.bank.frames(dst[at:], e.levels, e.pending, e.workspaces(n))
	e.pending = e.pending[:copy(e.pending, e.pending[n*timeline.SamplesPerFrame:])]
	e.emitted += timeline.Frame(n)
	return dst
}

// workspaces returns those of the goroutines that compute n frames.
func (e *Extractor) workspaces(n int) []*workspace {
	const worthwhile = 64 // frames; below that starting a goroutine costs more than it saves
	workers := max(min(e.workers, n/worthwhile), 1)
	for len(e.work) < workers {
		e.work = append(e.work, new(workspace))
	}
	return e.work[:workers]
}

// Samples returns how many samples have been taken.
func (e *Extractor) Samples() timeline.Sample { return e.samples }

// emphasizeGo writes x[i+1] - 0.97·x[i] to dst, which has one element fewer than x.
func emphasizeGo(dst []float64, x []float32) {
	x = x[:len(dst)+1]
	for i := range dst {
		dst[i] = float64(x[i+1]) - float64(preEmphasis*float64(x[i]))
	}
}
