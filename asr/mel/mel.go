// Package mel computes the log-mel spectrogram that NVIDIA NeMo's FastConformer models
// were trained on, as AudioToMelSpectrogramPreprocessor of NeMo 2.5 and later defines it.
//
// For samples x at 16 kHz in -1..1, over the whole recording:
//
//  1. Pre-emphasis: y[0] = x[0], y[n] = x[n] - 0.97·x[n-1].
//  2. Short-time Fourier transform: frame k is centred on sample 160·k and sees 400
//     samples of y (zero outside the recording) under a symmetric Hann window; 512
//     points, so 257 bins of 31.25 Hz.
//  3. Power |X|², summed by triangular filters on Slaney's mel scale from 0 to 8 kHz,
//     each of unit area (librosa.filters.mel with norm="slaney", htk=False).
//  4. Natural logarithm of (energy + 2⁻²⁴). Digital silence is -16.6355.
//
// N samples give floor(N/160) frames; the transform has one more, which NeMo masks.
// Then, over what the model sees in one run (see Normalize): per band, subtract the
// mean and divide by the unbiased standard deviation plus 1e-5.
//
// Arithmetic is float64 inside and float32 at the edges. NeMo computes in float32 and
// is itself 5e-5 away from these values on speech and 1e-4 on telephone speech; where a
// band hardly varies, normalising multiplies that by 1/std. Shapes: raw frames are
// frame-major, frames × bands; the model's input is band-major, bands × frames.
//
// With AVX2, four frames are computed at once, one in each lane of the vector registers. A frame
// has the same bits with and without it.
//
// References: nemo/collections/asr/parts/preprocessing/features.py (FilterbankFeatures),
// librosa.filters.mel; Slaney, Auditory Toolbox (1998).
package mel

import (
	"fmt"
	"math"
	"sync"

	"github.com/asr-backend/asr-backend/timeline"
)

const (
	windowSize  = 400 // samples under the Hann window, 25 ms
	fftSize     = 512
	bins        = fftSize/2 + 1
	preEmphasis = 0.97
	reach       = windowSize / 2                                  // a frame sees samples [centre-reach, centre+reach)
	fourSize    = windowSize + (lanes-1)*timeline.SamplesPerFrame // samples that four frames see
)

// mostBands is how many bands a Bank may have.
const mostBands = 256

// logGuard keeps the logarithm of silence finite. Adding it, rather than taking the
// larger of the two, is what makes quiet recordings come out as in training.
const logGuard = 1.0 / (1 << 24)

// Silence is the raw log-mel value of digital silence.
var Silence = float32(math.Log(logGuard))

// Bank computes log-mel frames with a given number of bands. It holds tables only and
// may be shared by goroutines.
type Bank struct {
	bands   int
	filters []filter
	fft     *fft
	log     *logTable
}

// filter is one triangular band: weights of the FFT bins from first on.
type filter struct {
	first   int
	weights []float64
}

// NewBank returns a bank of 80 or 128 bands (any number from 1 to 256 is computed).
func NewBank(bands int) (*Bank, error) {
	if bands < 1 || bands > mostBands {
		return nil, fmt.Errorf("mel: %d bands; a model takes 80 or 128", bands)
	}
	b := &Bank{bands: bands, filters: slaneyFilters(bands), fft: newFFT(), log: newLogTable()}
	return b, nil
}

// Bands returns the number of values in a frame.
func (b *Bank) Bands() int { return b.bands }

// frame writes the log-mel values of the window of pre-emphasised samples y to dst, and returns
// their level.
func (b *Bank) frame(dst []float32, y *[windowSize]float64, s *spectrum) Level {
	b.fft.power(y, s)
	for i := range b.filters {
		f := &b.filters[i]
		p := s.power[f.first : f.first+len(f.weights)]
		var energy float64
		for j, w := range f.weights {
			energy += float64(w * p[j])
		}
		s.energies[i] = energy + logGuard
	}
	b.log.logs(dst, s.energies[:b.bands])
	return levelOf(loudness(s.energies[:b.bands]), b.bands)
}

// lanes is how many frames one call of four computes, each in a lane of the vector registers.
const lanes = 4

// workspace is the working memory of a goroutine.
type workspace struct {
	four vectors // first, where a large block of memory is aligned for it
	one  spectrum
}

// frames fills dst, a whole number of frames, and levels from y, whose first sample is the first
// that the first frame sees. It shares them among as many goroutines as there are workspaces.
func (b *Bank) frames(dst []float32, levels []Level, y []float64, work []*workspace) {
	part := func(from, to int, w *workspace) {
		for k := from; k < to; {
			y, dst := y[k*timeline.SamplesPerFrame:], dst[k*b.bands:]
			if k+lanes <= to && b.four(dst[:lanes*b.bands], (*[lanes]Level)(levels[k:]), (*[fourSize]float64)(y), &w.four) {
				k += lanes
				continue
			}
			levels[k] = b.frame(dst[:b.bands], (*[windowSize]float64)(y), &w.one)
			k++
		}
	}
	n := len(levels)
	if len(work) == 1 {
		part(0, n, work[0])
		return
	}
	var wg sync.WaitGroup
	for i, w := range work {
		wg.Go(func() { part(n*i/len(work), n*(i+1)/len(work), w) })
	}
	wg.Wait()
}

// slaneyFilters returns librosa's mel filter bank for 16 kHz and 512 points, rounded to
// float32 as librosa does.
func slaneyFilters(bands int) []filter {
	edges := make([]float64, bands+2) // in Hz
	top := hertzToMel(timeline.SampleRate / 2)
	for i := range edges {
		edges[i] = melToHertz(top * float64(i) / float64(bands+1))
	}
	filters := make([]filter, bands)
	for m := range filters {
		lo, mid, hi := edges[m], edges[m+1], edges[m+2]
		area := 2 / (hi - lo)
		f := filter{first: -1}
		for k := range bins {
			hz := float64(k) * timeline.SampleRate / fftSize
			w := math.Min((hz-lo)/(mid-lo), (hi-hz)/(hi-mid)) * area
			if w <= 0 {
				continue
			}
			if f.first < 0 {
				f.first = k
			}
			f.weights = append(f.weights, float64(float32(w)))
		}
		f.first = max(f.first, 0)
		filters[m] = f
	}
	return filters
}

// Slaney's scale is linear below 1 kHz and logarithmic above.
const (
	melBreak   = 1000.0    // Hz
	linearStep = 200.0 / 3 // Hz per mel below the break
	melAtBreak = melBreak * 3 / 200
)

var logStep = math.Log(6.4) / 27 // natural log of the ratio per mel above the break

func hertzToMel(hz float64) float64 {
	if hz < melBreak {
		return hz / linearStep
	}
	return melAtBreak + math.Log(hz/melBreak)/logStep
}

func melToHertz(mel float64) float64 {
	if mel < melAtBreak {
		return mel * linearStep
	}
	return melBreak * math.Exp(logStep*(mel-melAtBreak))
}
