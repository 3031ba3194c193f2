package clips_test

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"math"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/asr-backend/asr-backend/audio"
	"github.com/asr-backend/asr-backend/internal/clips"
	"github.com/asr-backend/asr-backend/internal/oracle"
	"github.com/asr-backend/asr-backend/internal/output"
	"github.com/asr-backend/asr-backend/internal/wavfile"

	"go.uber.org/goleak"
	"pgregory.net/rapid"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// cut cuts regions into files of a new folder, named by their index.
func cut(t testing.TB, path string, regions []clips.Region, o clips.Options) (string, []clips.Clip, []audio.Diagnostic, error) {
	t.Helper()
	dir := t.TempDir()
	w := output.New(os.Stdout)
	got, found, err := clips.Cut(t.Context(), path, regions, func(i int) (*output.File, error) {
		target, err := w.Claim(clip(dir, i))
		if err != nil {
			return nil, err
		}
		return target.Create(t.Context())
	}, o)
	if left, _ := filepath.Glob(filepath.Join(dir, ".*")); len(left) > 0 {
		t.Errorf("left behind: %v", left)
	}
	return dir, got, found, err
}

func clip(dir string, i int) string { return filepath.Join(dir, fmt.Sprintf("%d.wav", i)) }

// pcm is what ffmpeg makes of a file, as 16 bit samples.
func pcm(t testing.TB, path, filter string) []byte {
	t.Helper()
	var errs bytes.Buffer
	cmd := exec.Command(oracle.FFmpeg(t), "-nostdin", "-v", "error", "-i", path, "-af", filter, "-f", "s16le", "pipe:1")
	cmd.Stderr = &errs
	out, err := cmd.Output()
	if err != nil {
		t.Fatalf("ffmpeg: %v\n%s", err, errs.String())
	}
	return out
}

const ms = time.Millisecond

// What ffmpeg cuts at the same samples of a 16 kHz recording, and of one of 44.1 kHz at
// its own rate, is the same to the bit: they have 16 bits to begin with.
func TestClipsAreWhatFFmpegCuts(t *testing.T) {
	regions := []clips.Region{
		{Start: 0, End: 250 * ms, Channel: clips.Mixed}, {Start: 250 * ms, End: 500 * ms, Channel: clips.Mixed},
		{Start: 123456789, End: 456789123, Channel: clips.Mixed}, // overlaps the others
		{Start: 600 * ms, End: 600*ms + 62500, Channel: clips.Mixed}, {Start: 100 * ms, End: 800 * ms, Channel: 0},
	}
	for _, c := range []struct {
		file     []string
		rate     float64
		original bool
	}{
		{[]string{"formats-jfk", "jfk.wav"}, 16000, false}, {[]string{"formats-jfk", "jfk.wav"}, 16000, true},
		{[]string{"formats-bitdepths", "audio-mono-16-bit-44100Hz.wav"}, 44100, true},
		{[]string{"formats-bitdepths", "audio-mono-16-bit-44100Hz.aiff"}, 44100, true}, // decoded by ffmpeg
	} {
		path := oracle.Data(t, append([]string{"audio"}, c.file...)...)
		dir, got, found, err := cut(t, path, regions, clips.Options{OriginalRate: c.original, FFmpeg: oracle.FFmpeg(t)})
		if err != nil || len(found) > 0 {
			t.Fatalf("%s: %v, %v", path, err, found)
		}
		for i, r := range regions {
			from, to := int64(r.Start.Seconds()*c.rate+0.5), int64(r.End.Seconds()*c.rate+0.5)
			want := pcm(t, path, fmt.Sprintf("atrim=start_sample=%d:end_sample=%d", from, to))
			have := pcm(t, clip(dir, i), "anull")
			if !bytes.Equal(have, want) || got[i].Frames != to-from || got[i].Rate != int(c.rate) || got[i].Missing != 0 {
				t.Errorf("%s %v: %d bytes, want %d; %+v", path, r, len(have), len(want), got[i])
			}
		}
	}
}

// A sine of its own on each channel shows which one a clip has.
func TestClipsHaveTheirChannel(t *testing.T) {
	path := filepath.Join(t.TempDir(), "a.flac")
	make2 := exec.Command(oracle.FFmpeg(t), "-nostdin", "-v", "error", "-f", "lavfi", "-i", "sine=400:r=48000:d=2", "-f", "lavfi", "-i", "sine=1000:r=48000:d=2",
		"-filter_complex", "[0][1]amerge", path)
	if out, err := make2.CombinedOutput(); err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	regions := []clips.Region{{500 * ms, 900 * ms, 0}, {500 * ms, 900 * ms, 1}, {500 * ms, 900 * ms, clips.Mixed}}
	dir, got, _, err := cut(t, path, regions, clips.Options{OriginalRate: true, FFmpeg: audio.NoFFmpeg})
	if err != nil {
		t.Fatal(err)
	}
	for i, filter := range []string{"pan=mono|c0=c0", "pan=mono|c0=c1", "pan=mono|c0=0.5*c0+0.5*c1"} {
		want, have := pcm(t, path, filter+",atrim=start_sample=24000:end_sample=43200"), pcm(t, clip(dir, i), "anull")
		if len(have) != len(want) || got[i].Rate != 48000 {
			t.Fatalf("clip %d: %d bytes, want %d; %+v", i, len(have), len(want), got[i])
		}
		for n := 0; n < len(have); n += 2 {
			if d := int(int16(uint16(have[n])|uint16(have[n+1])<<8)) - int(int16(uint16(want[n])|uint16(want[n+1])<<8)); d < -1 || d > 1 {
				t.Fatalf("clip %d differs from ffmpeg's by %d at %d", i, d, n/2)
			}
		}
	}
	_, got, _, err = cut(t, path, []clips.Region{{0, 100 * ms, 7}, {0, 100 * ms, 1}}, clips.Options{FFmpeg: audio.NoFFmpeg})
	if err == nil || !strings.Contains(err.Error(), "no channel 7: the recording has 2") || got[0] != (clips.Clip{}) || got[1].Frames != 1600 {
		t.Errorf("a channel that is not there: %+v, %v", got, err)
	}
}

// Whatever the regions are, a clip is that part of the whole recording, and what lies
// beyond its end is missing.
func TestClipsArePartsOfTheWhole(t *testing.T) {
	const rate, seconds = 22050, 3
	samples := make([]float32, rate*seconds)
	for i := range samples {
		samples[i] = float32(int16(i*7919)) / 32768
	}
	content, err := wavfile.Encode(samples, rate, 1)
	if err != nil {
		t.Fatal(err)
	}
	path := filepath.Join(t.TempDir(), "a.wav")
	if err := os.WriteFile(path, content, 0o600); err != nil {
		t.Fatal(err)
	}
	whole := map[bool][]float32{true: samples, false: decoded(t, path)}
	at := rapid.Custom(func(rt *rapid.T) clips.Region {
		start := rapid.Int64Range(0, int64(4*time.Second)).Draw(rt, "start")
		length := rapid.Int64Range(0, int64(time.Second)).Draw(rt, "length")
		return clips.Region{Start: time.Duration(start), End: time.Duration(start + length), Channel: rapid.IntRange(clips.Mixed, 0).Draw(rt, "channel")}
	})
	rapid.Check(t, func(rt *rapid.T) {
		regions := rapid.SliceOfN(at, 1, 8).Draw(rt, "regions")
		original := rapid.Bool().Draw(rt, "original")
		r := 16000.0
		if original {
			r = rate
		}
		dir, got, _, err := cut(t, path, regions, clips.Options{OriginalRate: original, FFmpeg: audio.NoFFmpeg})
		if err != nil {
			rt.Fatal(err)
		}
		for i, region := range regions {
			all := whole[original]
			from, to := int(region.Start.Seconds()*r+0.5), int(region.End.Seconds()*r+0.5)
			have := max(min(to, len(all))-from, 0)
			if (region.End-region.Start).Seconds()*16000 < 2 {
				continue // about a sample, which may not be one at 16 kHz
			}
			if got[i].Frames != int64(have) || have > 0 && got[i].Missing != int64(to-from-have) {
				rt.Fatalf("region %v: %+v, want %d of %d", region, got[i], have, to-from)
			}
			if have == 0 {
				if _, err := os.Stat(clip(dir, i)); !errors.Is(err, os.ErrNotExist) {
					rt.Fatalf("a file without sound: %v", err)
				}
				continue
			}
			want, err := wavfile.Encode(all[from:from+have], int(r), 1)
			if err != nil {
				rt.Fatal(err)
			}
			if file, err := os.ReadFile(clip(dir, i)); err != nil || !bytes.Equal(file, want) {
				rt.Fatalf("region %v is not that of the whole (%v)", region, err)
			}
			if n := int64(math.Round(got[i].Duration().Seconds() * r)); n != got[i].Frames {
				rt.Fatalf("%v gives %d frames, want %d", got[i].Duration(), n, got[i].Frames)
			}
		}
	})
}

// decoded is a recording at 16 kHz.
func decoded(t *testing.T, path string) (samples []float32) {
	t.Helper()
	s, err := audio.Open(t.Context(), path, audio.Options{FFmpeg: audio.NoFFmpeg})
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	for {
		b, err := s.Next()
		if err == io.EOF {
			return samples
		}
		if err != nil {
			t.Fatal(err)
		}
		samples = append(samples, b.Channels[0]...)
	}
}

// Python's wave module and ours agree on lengths.
func TestPythonReadsTheClips(t *testing.T) {
	regions := []clips.Region{{1234567890, 3 * time.Second, clips.Mixed}, {3 * time.Second, 10*time.Second + 1, clips.Mixed}}
	for _, original := range []bool{false, true} {
		dir, got, _, err := cut(t, oracle.Data(t, "audio", "formats-jfk", "jfk.mp3"), regions, clips.Options{OriginalRate: original, FFmpeg: audio.NoFFmpeg})
		if err != nil {
			t.Fatal(err)
		}
		var read [][4]int
		out := oracle.RunPython(t, nil, `
import json, sys, wave
print(json.dumps([[w.getframerate(), w.getnframes(), w.getnchannels(), w.getsampwidth()] for w in map(wave.open, sys.argv[1:])]))
`, clip(dir, 0), clip(dir, 1))
		if err := json.Unmarshal(out, &read); err != nil {
			t.Fatal(err)
		}
		for i, c := range got {
			if want := [4]int{c.Rate, int(c.Frames), 1, 2}; read[i] != want {
				t.Errorf("Python reads %v, want %v", read[i], want)
			}
		}
	}
}

// What cannot be written costs its clip and those after it, not those before.
func TestUnfinishedClipsAreNotLeft(t *testing.T) {
	path := oracle.Data(t, "audio", "formats-jfk", "jfk.wav")
	regions := []clips.Region{{0, time.Second, clips.Mixed}, {time.Second, 2 * time.Second, clips.Mixed}, {2 * time.Second, 3 * time.Second, clips.Mixed}}
	full := errors.New("disk full")
	dir := t.TempDir()
	w := output.New(os.Stdout)
	got, _, err := clips.Cut(t.Context(), path, regions, func(i int) (*output.File, error) {
		if i == 1 {
			return nil, full
		}
		target, err := w.Claim(clip(dir, i))
		if err != nil {
			return nil, err
		}
		return target.Create(t.Context())
	}, clips.Options{})
	files, _ := filepath.Glob(filepath.Join(dir, "*"))
	if !errors.Is(err, full) || got[0].Frames != 16000 || got[1] != (clips.Clip{}) || got[2] != (clips.Clip{}) || !slices.Equal(files, []string{clip(dir, 0)}) {
		t.Errorf("got %+v, %v, files %v", got, err, files)
	}
}
