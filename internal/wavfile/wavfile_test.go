package wavfile_test

import (
	"bytes"
	"encoding/binary"
	"errors"
	"io"
	"math"
	"os"
	"os/exec"
	"path/filepath"
	"testing"

	"github.com/asr-backend/asr-backend/audio"
	"github.com/asr-backend/asr-backend/internal/oracle"
	"github.com/asr-backend/asr-backend/internal/wavfile"

	"pgregory.net/rapid"
)

// raw returns what ffmpeg decodes a WAV file to, as 16 bit samples.
func raw(t *testing.T, content []byte) []int16 {
	t.Helper()
	cmd := exec.Command(oracle.FFmpeg(t), "-nostdin", "-v", "error", "-i", "pipe:0", "-f", "s16le", "pipe:1")
	cmd.Stdin = bytes.NewReader(content)
	out, err := cmd.Output()
	if err != nil {
		t.Fatal(err)
	}
	samples := make([]int16, len(out)/2)
	if _, err := binary.Decode(out, binary.LittleEndian, samples); err != nil {
		t.Fatal(err)
	}
	return samples
}

func TestFFmpegReadsEverySampleBack(t *testing.T) {
	var samples []float32
	for v := math.MinInt16; v <= math.MaxInt16; v++ {
		samples = append(samples, float32(v)/32768)
	}
	for _, channels := range []int{1, 2} {
		content, err := wavfile.Encode(samples, 44100, channels)
		if err != nil {
			t.Fatal(err)
		}
		got := raw(t, content)
		if len(got) != len(samples) {
			t.Fatalf("%d channels: got %d samples, want %d", channels, len(got), len(samples))
		}
		for i, v := range got {
			if int(v) != math.MinInt16+i {
				t.Fatalf("%d channels: sample %d is %d, want %d", channels, i, v, math.MinInt16+i)
			}
		}
	}
}

func TestSamplesBeyondFullScaleAreClipped(t *testing.T) {
	content, err := wavfile.Encode([]float32{1, 1.5, -1, -2, float32(math.Inf(1)), float32(math.NaN()), 0.4 / 32768, 0.6 / 32768}, 16000, 1)
	if err != nil {
		t.Fatal(err)
	}
	want := []int16{32767, 32767, -32768, -32768, 32767, 0, 0, 1}
	got := make([]int16, len(want))
	if _, err := binary.Decode(content[44:], binary.LittleEndian, got); err != nil {
		t.Fatal(err)
	}
	for i := range want {
		if got[i] != want[i] {
			t.Errorf("sample %d is %d, want %d", i, got[i], want[i])
		}
	}
}

// What the reader of this project makes of a file is what was written, however it was cut
// into calls, and in a file as in memory.
func TestHowSamplesAreCutIntoCallsDoesNotMatter(t *testing.T) {
	dir := t.TempDir()
	rapid.Check(t, func(t *rapid.T) {
		channels := rapid.IntRange(1, 3).Draw(t, "channels")
		samples := make([]float32, channels*rapid.IntRange(1, 6000).Draw(t, "frames"))
		for i := range samples {
			samples[i] = float32(int16(i*7919)) / 32768
		}
		want, err := wavfile.Encode(samples, 16000, channels)
		if err != nil {
			t.Fatal(err)
		}
		path := filepath.Join(dir, "a.wav")
		f, err := os.Create(path)
		if err != nil {
			t.Fatal(err)
		}
		defer f.Close()
		w, err := wavfile.NewWriter(f, 16000, channels)
		for rest := samples; len(rest) > 0 && err == nil; {
			n := channels * rapid.IntRange(0, len(rest)/channels).Draw(t, "n")
			err = w.Write(rest[:n])
			rest = rest[n:]
		}
		if err := errors.Join(err, w.Close()); err != nil {
			t.Fatal(err)
		}
		if got, err := os.ReadFile(path); err != nil || !bytes.Equal(got, want) {
			t.Fatalf("%d bytes differ from %d in memory, %v", len(got), len(want), err)
		}
		s, err := audio.Open(t.Context(), path, audio.Options{Channels: audio.Split, FFmpeg: audio.NoFFmpeg})
		if err != nil {
			t.Fatal(err)
		}
		defer s.Close()
		block, err := s.Next()
		if err != nil {
			t.Fatal(err)
		}
		for c, got := range block.Channels {
			for i := range got {
				if got[i] != samples[i*channels+c] {
					t.Fatalf("channel %d, sample %d is %v, want %v", c, i, got[i], samples[i*channels+c])
				}
			}
		}
		if d := s.Diagnostics(); len(d) > 0 {
			t.Fatalf("diagnostics %v", d)
		}
	})
}

func TestAFileWithoutSoundHasAHeader(t *testing.T) {
	content, err := wavfile.Encode(nil, 16000, 1)
	if err != nil || len(content) != 44 || binary.LittleEndian.Uint32(content[4:]) != 36 || binary.LittleEndian.Uint32(content[40:]) != 0 {
		t.Errorf("got % x, %v", content, err)
	}
}

// seeker counts bytes and keeps none.
type seeker struct{}

func (seeker) Write(p []byte) (int, error)    { return len(p), nil }
func (seeker) Seek(int64, int) (int64, error) { return 0, nil }

var _ io.WriteSeeker = seeker{}

func TestWhatAFileCannotHoldIsAnError(t *testing.T) {
	for _, c := range [][2]int{{0, 1}, {-1, 1}, {16000, 0}, {16000, -1}, {1 << 31, 1}, {16000, 1 << 16}} {
		if _, err := wavfile.NewWriter(seeker{}, c[0], c[1]); err == nil {
			t.Errorf("%d Hz, %d channels: no error", c[0], c[1])
		}
	}
	w, err := wavfile.NewWriter(seeker{}, 16000, 2)
	if err != nil {
		t.Fatal(err)
	}
	if err := w.Write(make([]float32, 3)); err == nil {
		t.Error("half a frame: no error")
	}
}
