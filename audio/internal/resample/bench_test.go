package resample

import (
	"fmt"
	"math/rand/v2"
	"testing"
)

func BenchmarkResample(b *testing.B) {
	for _, rate := range []int{8000, 11127, 22050, 44100, 48000, 96000} {
		b.Run(fmt.Sprintf("%dHz", rate), func(b *testing.B) {
			f, err := New(rate)
			if err != nil {
				b.Fatal(err)
			}
			r := f.Resampler()
			src := make([]float32, rate)
			for i := range src {
				src[i] = rand.Float32() - 0.5
			}
			dst := make([]float32, 0, 2*Rate)
			for b.Loop() {
				dst = r.Append(dst[:0], src)
			}
			b.ReportMetric(float64(b.N)/b.Elapsed().Seconds(), "audio-s/s")
		})
	}
}

func BenchmarkNew(b *testing.B) {
	for _, rate := range []int{11127, 44100} {
		b.Run(fmt.Sprintf("%dHz", rate), func(b *testing.B) {
			for b.Loop() {
				if _, err := New(rate); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}
