package audio_test

import (
	"encoding/binary"
	"errors"
	"io"
	"math"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/asr-backend/asr-backend/audio"
	"github.com/asr-backend/asr-backend/internal/oracle"
)

// native reads a recording at its own rate, and where it begins.
func native(t *testing.T, path string, o audio.Options) (samples []float32, first int64, rate int, err error) {
	t.Helper()
	s, err := audio.OpenNative(t.Context(), path, o)
	if err != nil {
		return nil, 0, 0, err
	}
	defer s.Close()
	first = -1
	for {
		block, start, err := s.Next()
		if err == io.EOF {
			return samples, first, s.Rate(), nil
		}
		if err != nil {
			return samples, first, s.Rate(), err
		}
		if first < 0 {
			first = start
		}
		if want := first + int64(len(samples)); start != want || len(block) == 0 {
			t.Fatalf("%d samples begin at %d, want %d", len(block), start, want)
		}
		samples = append(samples, block...)
	}
}

func TestNativeSoundIsThatOfFFmpeg(t *testing.T) {
	for _, c := range []struct {
		file     []string
		channels audio.Channels
		filter   string
		off      float64
	}{
		{[]string{"formats-bitdepths", "audio-mono-24-bit-44100Hz.flac"}, audio.Mix, "anull", 0},
		{[]string{"formats-bitdepths", "audio-mono-16-bit-44100Hz.aiff"}, audio.Mix, "anull", 0}, // through ffmpeg
		{[]string{"formats-bitdepths", "audio-stereo-16-bit-44100Hz.flac"}, audio.Only(1), "pan=mono|c0=c1", 0},
		{[]string{"formats-bitdepths", "audio-stereo-16-bit-44100Hz.flac"}, audio.Mix, "pan=mono|c0=0.5*c0+0.5*c1", 1e-6},
		{[]string{"formats-jfk", "jfk.mp3"}, audio.Only(0), "pan=mono|c0=c0", 1e-4},
	} {
		path := data(t, c.file...)
		o := audio.Options{Channels: c.channels, FFmpeg: oracle.FFmpeg(t)}
		whole, first, rate, err := native(t, path, o)
		if err != nil || first != 0 {
			t.Fatalf("%s: %v, first %d", path, err, first)
		}
		out := ffmpeg(t, "-i", path, "-af", "aformat=sample_fmts=fltp,"+c.filter, "-f", "f32le", "pipe:1")
		if len(out)/4 != len(whole) {
			t.Errorf("%s: %d samples, ffmpeg has %d", path, len(whole), len(out)/4)
			continue
		}
		for i, got := range whole {
			want := math.Float32frombits(binary.LittleEndian.Uint32(out[4*i:]))
			if math.Abs(float64(got-want)) > c.off {
				t.Errorf("%s: sample %d is %v, ffmpeg's %v", path, i, got, want)
				break
			}
		}
		// A part is what lies there in the whole, to the sample.
		for _, part := range [][2]time.Duration{{0, 300 * time.Millisecond}, {123456789, 700 * time.Millisecond}, {500 * time.Millisecond, 0}} {
			o.Start, o.End = part[0], part[1]
			got, first, _, err := native(t, path, o)
			from := int64(math.Round(part[0].Seconds() * float64(rate)))
			to := int64(math.Round(part[1].Seconds() * float64(rate)))
			if part[1] == 0 || to > int64(len(whole)) {
				to = int64(len(whole))
			}
			if err != nil || first != from || int64(len(got)) != to-from {
				t.Errorf("%s %v: %d samples from %d, %v; want %d from %d", path, part, len(got), first, err, to-from, from)
				continue
			}
			for i := range got {
				if got[i] != whole[int(from)+i] {
					t.Errorf("%s %v: sample %d differs from the whole", path, part, i)
					break
				}
			}
		}
	}
}

func TestNativeSoundThatCannotBe(t *testing.T) {
	mono := data(t, "formats-jfk", "jfk.wav")
	if _, _, _, err := native(t, mono, audio.Options{Channels: audio.Split}); err == nil {
		t.Error("split: no error")
	}
	_, _, _, err := native(t, mono, audio.Options{Channels: audio.Only(1)})
	if err == nil || !strings.Contains(err.Error(), "no channel 1: the recording has 1") {
		t.Errorf("a channel that is not there: %v", err)
	}
	if _, _, _, err := native(t, data(t, "formats-jfk", "transcript.txt"), builtIn); !errors.Is(err, audio.ErrNotAudio) {
		t.Errorf("no audio: %v", err)
	}
	joined := filepath.Join(t.TempDir(), "joined.mp3")
	two := slices.Concat(readFile(t, "odd-audio", "minimp3-vectors", "l3-si_huff.bit"), readFile(t, "odd-audio", "minimp3-vectors", "M2L3_bitrate_24_all.bit"))
	if err := os.WriteFile(joined, two, 0o600); err != nil {
		t.Fatal(err)
	}
	if _, _, _, err := native(t, joined, builtIn); err == nil || !strings.Contains(err.Error(), "the rate changes at") {
		t.Errorf("files of two rates in one: %v", err)
	}
	samples, _, _, err := native(t, mono, audio.Options{Start: time.Hour, End: 2 * time.Hour})
	if err != nil || len(samples) > 0 {
		t.Errorf("beyond the end: %d samples, %v", len(samples), err)
	}
}
