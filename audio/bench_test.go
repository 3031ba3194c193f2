package audio_test

import (
	"bytes"
	"io"
	"testing"
	"time"

	"github.com/asr-backend/asr-backend/audio"
	"github.com/asr-backend/asr-backend/timeline"
)

// seconds reads a stream to its end and returns how long it was.
func seconds(b *testing.B, s *audio.Stream, err error) float64 {
	b.Helper()
	if err != nil {
		b.Fatal(err)
	}
	for {
		if _, err := s.Next(); err == io.EOF {
			break
		} else if err != nil {
			b.Fatal(err)
		}
	}
	n := s.Length()
	if err := s.Close(); err != nil {
		b.Fatal(err)
	}
	return float64(n) / timeline.SampleRate
}

// BenchmarkWAV reads ten minutes; the sound is made up by the reader in little time.
func BenchmarkWAV(b *testing.B) {
	for _, c := range []struct {
		name           string
		rate, channels int
	}{{"16 kHz mono", 16000, 1}, {"44.1 kHz stereo", 44100, 2}, {"48 kHz mono", 48000, 1}, {"8 kHz mono", 8000, 1}} {
		b.Run(c.name, func(b *testing.B) {
			w := newEndlessWAV(c.rate, c.channels, 10*time.Minute)
			file, err := io.ReadAll(w)
			if err != nil {
				b.Fatal(err)
			}
			total := 0.0
			for b.Loop() {
				s, err := audio.OpenReader(b.Context(), bytes.NewReader(file), c.name, builtIn)
				total += seconds(b, s, err)
			}
			b.ReportMetric(total/b.Elapsed().Seconds(), "audio-s/s")
		})
	}
}

// BenchmarkFile reads real recordings from the first byte to 16 kHz.
func BenchmarkFile(b *testing.B) {
	for _, elem := range [][]string{
		{"formats-jfk", "jfk.wav"}, {"formats-jfk", "jfk.mp3"}, {"formats-jfk", "jfk.opus"}, {"formats-jfk", "jfk.m4a"},
		{"odd-audio", "minimp3-vectors", "l3-sin1k0db.bit"},
		{"formats-bitdepths", "audio-stereo-16-bit-44100Hz.flac"},
	} {
		b.Run(elem[len(elem)-1], func(b *testing.B) {
			path, o := data(b, elem...), options(b)
			b.ReportAllocs()
			total := 0.0
			for b.Loop() {
				s, err := audio.Open(b.Context(), path, o)
				total += seconds(b, s, err)
			}
			b.ReportMetric(total/b.Elapsed().Seconds(), "audio-s/s")
		})
	}
}
