package audio_test

import (
	"bytes"
	"io"
	"os"
	"path/filepath"
	"slices"
	"testing"

	goaudio "github.com/go-audio/audio"
	"github.com/go-audio/wav"
	"pgregory.net/rapid"

	"github.com/asr-backend/asr-backend/audio"
	"github.com/asr-backend/asr-backend/audio/internal/resample"
)

// to16k is the mean of the channels of interleaved integers, resampled.
func to16k(t testing.TB, rate, channels, bits int, samples []int) []float32 {
	t.Helper()
	scale := 1 / float32(int64(1)<<(bits-1))
	mono := make([]float32, len(samples)/channels)
	for i := range mono {
		for c := range channels {
			v := samples[i*channels+c]
			if bits == 8 {
				v -= 128
			}
			mono[i] += float32(v) * scale
		}
		if channels > 1 {
			mono[i] *= 1 / float32(channels)
		}
	}
	f, err := resample.New(rate)
	if err != nil {
		t.Fatal(err)
	}
	r := f.Resampler()
	return r.Finish(r.Append(nil, mono))
}

// go-audio/wav reads plain PCM rightly from a file, but for an odd number of bytes.
func TestAnotherReaderOfWAVFindsTheSameSamples(t *testing.T) {
	for _, elem := range [][]string{
		{"odd-audio", "go-audio-wav", "8bit.wav"}, {"odd-audio", "go-audio-wav", "bass.wav"},
		{"odd-audio", "go-audio-wav", "bwf.wav"}, {"odd-audio", "go-audio-wav", "dirty-kick-24b441k.wav"},
		{"odd-audio", "go-audio-wav", "kick-16b441k.wav"}, {"odd-audio", "go-audio-wav", "kick.wav"},
		{"odd-audio", "go-audio-wav", "listChunkInHeader.wav"},
		{"formats-jfk", "jfk.wav"}, {"formats-bitdepths", "audio-mono-24-bit-44100Hz.wav"},
	} {
		f, err := os.Open(data(t, elem...))
		if err != nil {
			t.Fatal(err)
		}
		defer f.Close()
		buf, err := wav.NewDecoder(f).FullPCMBuffer()
		if err != nil {
			t.Fatal(err)
		}
		want := to16k(t, buf.Format.SampleRate, buf.Format.NumChannels, buf.SourceBitDepth, buf.Data)
		got := mustOpen(t, data(t, elem...), builtIn)
		if !slices.Equal(got.channels[0], want) {
			t.Errorf("%s: %.1f dB of signal to difference", elem[len(elem)-1], similarity(got.channels[0], want))
		}
	}
}

func TestWhatAnotherWriterWritesIsRead(t *testing.T) {
	dir := t.TempDir()
	rapid.Check(t, func(rt *rapid.T) {
		rate := rapid.SampledFrom([]int{8000, 11025, 16000, 44100, 48000}).Draw(rt, "rate")
		bits := rapid.SampledFrom([]int{8, 16, 24, 32}).Draw(rt, "bits")
		channels := rapid.IntRange(1, 4).Draw(rt, "channels")
		low, high := -1<<(bits-1), 1<<(bits-1)-1
		if bits == 8 {
			low, high = 0, 255
		}
		samples := make([]int, channels*rapid.IntRange(8, 900).Draw(rt, "frames"))
		value := rapid.IntRange(low, high)
		for i := range samples {
			samples[i] = value.Draw(rt, "sample")
		}
		path := filepath.Join(dir, "x.wav")
		f, err := os.Create(path)
		if err != nil {
			t.Fatal(err)
		}
		w := wav.NewEncoder(f, rate, bits, channels, 1)
		format := &goaudio.Format{NumChannels: channels, SampleRate: rate}
		if err := w.Write(&goaudio.IntBuffer{Format: format, Data: samples, SourceBitDepth: bits}); err != nil {
			t.Fatal(err)
		}
		if err := w.Close(); err != nil {
			t.Fatal(err)
		}
		if err := f.Close(); err != nil {
			t.Fatal(err)
		}
		got := mustOpen(t, path, builtIn)
		if want := to16k(t, rate, channels, bits, samples); !slices.Equal(got.channels[0], want) {
			rt.Fatalf("%.1f dB of signal to difference", similarity(got.channels[0], want))
		}
	})
}

// FuzzOpen opens and reads anything in this process alone: no panic, an end, and blocks
// that keep their promises.
func FuzzOpen(f *testing.F) {
	seeds := slices.Clone(builtInFiles)
	for _, name := range []string{
		"block-align-4-mono.wav", "data-before-fmt.wav", "two-data-chunks.wav", "antiphase-stereo.wav",
		"flac-24-bits-said-16-are.flac", "flac-max-block-too-small.flac",
	} {
		seeds = append(seeds, []string{"odd-headers", name})
	}
	for _, elem := range seeds {
		b := readFile(f, elem...)
		f.Add(b[:min(len(b), 8000)])
	}
	f.Add(slices.Concat(wavFile(), chunk("data", make([]byte, 99)), wavFormat(1, 3, 1000, 6, 16)))
	for _, name := range []string{"page.html", "list.m3u8"} {
		f.Add([]byte("<html><body>" + name + "</body></html>"))
	}
	f.Fuzz(func(t *testing.T, b []byte) {
		r, o := io.Reader(bytes.NewReader(b)), builtIn
		if len(b)%2 == 1 {
			o.Channels = audio.Split
		}
		if len(b)/2%2 == 1 {
			r = seekless{r}
		}
		s, err := audio.OpenReader(t.Context(), r, "fuzz", o)
		if err != nil {
			return
		}
		defer s.Close()
		at := s.Info().Declared * 0
		for range 600 { // ten minutes; a few bytes can be hours of one tone
			block, err := s.Next()
			if err != nil {
				return
			}
			if block.Start != at || len(block.Channels[0]) == 0 {
				t.Fatalf("block of %d at %d, want it at %d", len(block.Channels[0]), block.Start, at)
			}
			at = block.End()
		}
	})
}
