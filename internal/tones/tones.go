// Package tones makes recordings of which it is known what the toy model
// testdata/models/toys/tones recognizes in them, word by word: tests of everything around a
// model compare texts exactly with it.
//
// A recording holds short tones. Each says "one", "two", "three" or "four", in turns: the
// first after a second, the next ones every 0.8 s, with a pause of 1.6 s after each
// fourth, which ends a region.
package tones

import (
	"math"
	"strings"
	"time"

	"github.com/asr-backend/asr-backend/internal/wavfile"
	"github.com/asr-backend/asr-backend/timeline"
)

// Recording says how a recording is made.
type Recording struct {
	// Seconds is its length.
	Seconds int
	// First is the word it begins with, 0 for "one" to 3 for "four".
	First int
}

var (
	hertz = [...]float64{250, 900, 2000, 5000}
	words = [...]string{"one", "two", "three", "four"}
)

const (
	half   = 400              // samples on each side of a tone's centre
	first  = timeline.Row(12) // of the first tone
	apart  = timeline.Row(10) // from tone to tone
	region = 4                // tones in a region
	loud   = 16000            // of full
	full   = 32768
	period = apart*(region-1) + 2*apart
)

// centre is where the tone of an index lies.
func centre(i int) timeline.Sample {
	return (first + period*timeline.Row(i/region) + apart*timeline.Row(i%region)).Sample()
}

// count is how many tones a recording has.
func (r Recording) count() int {
	n := 0
	for centre(n)+half <= timeline.Sample(r.Seconds*timeline.SampleRate) {
		n++
	}
	return n
}

// WAV returns the recording: 16 kHz, 16 bit, one channel.
func (r Recording) WAV() []byte { return encode(r.samples(), 1) }

// Stereo returns two recordings of one length as the channels of one.
func Stereo(left, right Recording) []byte {
	l, r := left.samples(), right.samples()
	both := make([]float32, 0, 2*len(l))
	for i := range l {
		both = append(both, l[i], r[i])
	}
	return encode(both, 2)
}

func (r Recording) samples() []float32 {
	samples := make([]float32, r.Seconds*timeline.SampleRate)
	for i := range r.count() {
		hz := hertz[(i+r.First)%len(hertz)]
		for n := centre(i) - half; n < centre(i)+half; n++ {
			samples[n] = float32(int16(loud*math.Sin(2*math.Pi*hz*float64(n)/timeline.SampleRate))) / full
		}
	}
	return samples
}

func encode(samples []float32, channels int) []byte {
	content, err := wavfile.Encode(samples, timeline.SampleRate, channels)
	if err != nil {
		panic(err) // only a recording of days does not fit
	}
	return content
}

// Regions returns the texts of the tones, one a region.
func (r Recording) Regions() []string {
	var regions []string
	var said []string
	for i := range r.count() {
		said = append(said, words[(i+r.First)%len(words)])
		if i%region == region-1 || i == r.count()-1 {
			regions = append(regions, strings.Join(said, " "))
			said = nil
		}
	}
	return regions
}

// Text returns the text of all tones.
func (r Recording) Text() string { return strings.Join(r.Regions(), " ") }

// Duration returns the length.
func (r Recording) Duration() time.Duration { return time.Duration(r.Seconds) * time.Second }
