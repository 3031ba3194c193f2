package flac

import (
	"bytes"
	"crypto/md5"
	"encoding/binary"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"testing"
	"testing/iotest"

	mewkiz "github.com/mewkiz/flac"

	"github.com/asr-backend/asr-backend/internal/oracle"
)

// files are the FLAC recordings in testdata whose description is right.
func files(t testing.TB) []string {
	t.Helper()
	names, err := filepath.Glob(oracle.Data(t, "audio", "*", "*.flac"))
	if err != nil {
		t.Fatal(err)
	}
	names = slices.DeleteFunc(names, func(name string) bool { return filepath.Base(filepath.Dir(name)) == "odd-headers" })
	more, err := filepath.Glob(oracle.Data(t, "audio", "*", "formats", "*.flac"))
	if err != nil || len(names)+len(more) < 3 {
		t.Fatalf("found %d and %d recordings: %v", len(names), len(more), err)
	}
	return append(names, more...)
}

func read(t testing.TB, name string) []byte {
	t.Helper()
	b, err := os.ReadFile(name)
	if err != nil {
		t.Fatal(err)
	}
	return b
}

// decode decodes a whole file.
func decode(t testing.TB, r io.Reader) (info Info, channels [][]int64, frames []Frame) {
	t.Helper()
	info, err := ReadInfo(r)
	if err != nil {
		t.Fatal(err)
	}
	channels = make([][]int64, info.Channels)
	d := NewDecoder(r, info, 0)
	for {
		f, err := d.Next()
		if err == io.EOF {
			return info, channels, frames
		}
		if err != nil {
			t.Fatal(err)
		}
		for c := range channels {
			channels[c] = append(channels[c], f.Channels[c]...)
		}
		frames = append(frames, Frame{Bits: f.Bits, Start: f.Start, Skipped: f.Skipped})
	}
}

// digest is the checksum that encoders put into the stream's description.
func digest(info Info, channels [][]int64) [16]byte {
	h := md5.New()
	width := (info.Bits + 7) / 8
	var b []byte
	for i := range channels[0] {
		for _, c := range channels {
			for k := range width {
				b = append(b, byte(c[i]>>(8*k)))
			}
		}
	}
	h.Write(b)
	return [16]byte(h.Sum(nil))
}

func TestDecodedSamplesHaveTheChecksumOfTheirEncoder(t *testing.T) {
	for _, name := range files(t) {
		if filepath.Base(name) == "p001.flac" {
			continue // its last frame, of 391 samples, is damaged
		}
		info, channels, _ := decode(t, bytes.NewReader(read(t, name)))
		if got := digest(info, channels); got != info.MD5 {
			t.Errorf("%s: got %x, want %x", filepath.Base(name), got, info.MD5)
		}
	}
}

// The checksum is of the samples that libFLAC encoded, whatever was changed afterwards.
func TestSamplesBehindAWrongDescriptionHaveTheChecksumOfTheirEncoder(t *testing.T) {
	names, err := filepath.Glob(oracle.Data(t, "audio", "odd-headers", "*.flac"))
	if err != nil || len(names) < 2 {
		t.Fatalf("found %d recordings: %v", len(names), err)
	}
	for _, name := range names {
		info, channels, frames := decode(t, bytes.NewReader(read(t, name)))
		info.Bits = frames[0].Bits
		if got := digest(info, channels); got != info.MD5 {
			t.Errorf("%s: got %x, want %x", filepath.Base(name), got, info.MD5)
		}
	}
}

// ffmpeg's encoder reaches what the recordings at hand do not: every predictor, wasted
// bits, many channels, odd block lengths and rates.
func TestEveryKindOfStreamHasTheChecksumOfItsEncoder(t *testing.T) {
	ffmpeg := oracle.FFmpeg(t)
	for _, c := range []struct {
		name, source string
		args         []string
	}{
		{"verbatim and constant", "aevalsrc=if(lt(t\\,0.5)\\,random(0)*2-1\\,0.25):s=16000", nil},
		{"fixed predictors", "sine=f=300:r=44100", []string{"-compression_level", "0"}},
		{"linear predictors of order 32", "sine=f=300:r=44100", []string{"-compression_level", "12", "-max_prediction_order", "32", "-min_prediction_order", "20", "-strict", "-2"}},
		{"24 bits", "sine=f=300:r=48000", []string{"-sample_fmt", "s32", "-bits_per_raw_sample", "24"}},
		{"wasted bits", "sine=f=300:r=8000,aeval=floor(val(0)*512)/512", []string{"-sample_fmt", "s16"}},
		{"left and side", "aevalsrc=sin(900*t)|sin(900*t)*0.9:s=22050", []string{"-ch_mode", "left_side"}},
		{"side and right", "aevalsrc=sin(900*t)|sin(900*t)*0.9:s=22050", []string{"-ch_mode", "right_side"}},
		{"middle and side", "aevalsrc=sin(900*t)|sin(900*t)*0.9:s=22050", []string{"-ch_mode", "mid_side"}},
		{"six channels", "aevalsrc=sin(900*t)|sin(800*t)|0|sin(600*t)|0.1|sin(500*t):s=32000", nil},
		{"blocks of 777 samples", "sine=f=300:r=44100", []string{"-frame_size", "777"}},
		{"an odd rate", "sine=f=300:r=11127", nil},
		{"24 kHz", "sine=f=300:r=24000", nil},
		{"32 bits", "aevalsrc=sin(900*t)|sin(900*t)*0.9:s=48000", []string{"-sample_fmt", "s32", "-bits_per_raw_sample", "32", "-strict", "experimental", "-ch_mode", "mid_side"}},
	} {
		t.Run(c.name, func(t *testing.T) {
			args := append([]string{"-v", "error", "-f", "lavfi", "-t", "1.3", "-i", c.source, "-c:a", "flac"}, c.args...)
			path := filepath.Join(t.TempDir(), "x.flac")
			if out, err := exec.Command(ffmpeg, append(args, path)...).CombinedOutput(); err != nil {
				if c.name == "32 bits" {
					t.Skip("this ffmpeg does not encode 32 bits")
				}
				t.Fatalf("ffmpeg: %v\n%s", err, out)
			}
			info, channels, _ := decode(t, iotest.HalfReader(bytes.NewReader(read(t, path))))
			if c.name == "32 bits" && info.Bits != 32 {
				t.Skip("this ffmpeg does not encode 32 bits")
			}
			if info.MD5 == [16]byte{} {
				t.Fatal("the encoder gave no checksum")
			}
			if got := digest(info, channels); got != info.MD5 || int64(len(channels[0])) != info.Samples {
				t.Errorf("got %d samples with checksum %x, want %d with %x", len(channels[0]), got, info.Samples, info.MD5)
			}
		})
	}
}

func TestAnotherDecoderGivesTheSameSamples(t *testing.T) {
	for _, name := range files(t) {
		_, channels, _ := decode(t, bytes.NewReader(read(t, name)))
		if filepath.Base(name) == "p001.flac" {
			continue // its last frame is damaged, where the other decoder stops
		}
		s, err := mewkiz.New(bytes.NewReader(read(t, name)))
		if err != nil {
			t.Fatal(err)
		}
		at := 0
		for {
			f, err := s.ParseNext()
			if err == io.EOF {
				break
			}
			if err != nil {
				t.Fatal(err)
			}
			for c, sub := range f.Subframes {
				for i, v := range sub.Samples {
					if got := channels[c][at+i]; got != int64(v) {
						t.Fatalf("%s: channel %d, sample %d: got %d, want %d", filepath.Base(name), c, at+i, got, v)
					}
				}
			}
			at += int(f.BlockSize)
		}
		if at != len(channels[0]) {
			t.Errorf("%s: got %d samples, want %d", filepath.Base(name), len(channels[0]), at)
		}
	}
}

func TestADamagedFrameCostsItselfAlone(t *testing.T) {
	file := read(t, oracle.Data(t, "audio", "formats-bitdepths", "audio-stereo-16-bit-44100Hz.flac"))
	_, whole, frames := decode(t, bytes.NewReader(file))
	if len(frames) < 10 {
		t.Fatalf("only %d frames", len(frames))
	}
	lost := 0
	for at := len(file) / 3; at < len(file)*2/3; at += 3001 {
		broken := bytes.Clone(file)
		broken[at] ^= 0x55
		_, _, left := decode(t, bytes.NewReader(broken))
		if len(left) == len(frames) {
			t.Errorf("byte %d: nothing is missing", at)
		}
		if len(left) < len(frames)-2 {
			t.Errorf("byte %d: %d of %d frames are left", at, len(left), len(frames))
		}
		lost += len(frames) - len(left)
		for _, f := range left {
			if !slices.ContainsFunc(frames, func(g Frame) bool { return g.Start == f.Start }) {
				t.Errorf("byte %d: a frame begins at sample %d, where none did", at, f.Start)
			}
		}
	}
	if lost == 0 || len(whole[0]) == 0 {
		t.Error("nothing was ever damaged")
	}
}

func TestACutFileGivesItsWholeFrames(t *testing.T) {
	file := read(t, files(t)[0])
	_, whole, _ := decode(t, bytes.NewReader(file))
	for _, n := range []int{len(file) - 1, len(file) * 2 / 3, len(file) / 2} {
		_, part, _ := decode(t, bytes.NewReader(file[:n]))
		if len(part[0]) == 0 || len(part[0]) >= len(whole[0]) {
			t.Errorf("cut to %d bytes: %d of %d samples", n, len(part[0]), len(whole[0]))
		}
		if !slices.Equal(part[0], whole[0][:len(part[0])]) {
			t.Errorf("cut to %d bytes: the samples differ", n)
		}
	}
}

// A frame that is not all there yet must ask for more, whatever bytes follow it in the
// buffer, or a slow reader would lose frames.
func TestAFrameCutAnywhereIsShortAndNotDamaged(t *testing.T) {
	file := read(t, oracle.Data(t, "audio", "formats-bitdepths", "audio-stereo-16-bit-44100Hz.flac"))
	r := bytes.NewReader(file)
	info, err := ReadInfo(r)
	if err != nil {
		t.Fatal(err)
	}
	b := append(file[len(file)-r.Len():], make([]byte, slack)...)
	var room store
	_, size, err := decodeFrame(b, len(b)-slack, &info, &room)
	if err != nil {
		t.Fatal(err)
	}
	for _, fill := range []byte{0, 0x55, 0xff} {
		for n := range size {
			cut := append(bytes.Clone(b[:n]), bytes.Repeat([]byte{fill}, slack)...)
			if _, _, err := decodeFrame(cut, n, &info, &room); err != errShort {
				t.Fatalf("%d of %d bytes, then %#02x: got %v, want %v", n, size, fill, err, errShort)
			}
		}
	}
}

func TestDescriptionsThatCannotBeAreRefused(t *testing.T) {
	file := read(t, files(t)[0])
	for name, change := range map[string]func([]byte){
		"no mark":                func(b []byte) { b[0] = 'F' },
		"another block first":    func(b []byte) { b[4] = 4 },
		"a description too long": func(b []byte) { b[7] = 35 },
	} {
		broken := bytes.Clone(file)
		change(broken)
		if info, err := ReadInfo(bytes.NewReader(broken)); err == nil {
			t.Errorf("%s: got %+v", name, info)
		}
	}
	for n := range 42 {
		if _, err := ReadInfo(bytes.NewReader(file[:n])); err == nil {
			t.Errorf("cut to %d bytes: got no error", n)
		}
	}
}

// change sets bits [from, to) of a number of 64 bits in big-endian order.
func change(b []byte, from, to int, v uint64) {
	mask := (uint64(1)<<(to-from) - 1) << (64 - to)
	binary.BigEndian.PutUint64(b, binary.BigEndian.Uint64(b)&^mask|v<<(64-to)&mask)
}

// libFLAC 1.4.2 (flac -dF) gives every sample of these, too; what is wrong is what only
// the description says, for each frame says it again.
func TestTheFramesCountWhereTheDescriptionIsWrong(t *testing.T) {
	for _, name := range files(t) {
		if filepath.Base(name) == "p001.flac" {
			continue // its last frame is damaged
		}
		file := read(t, name)
		info, want, frames := decode(t, bytes.NewReader(file))
		for name, spoil := range map[string]func([]byte){
			"no longest block":        func(b []byte) { b[10], b[11] = 0, 0 },
			"longest block too short": func(b []byte) { b[10], b[11] = 2, 0 },
			"longest block too long":  func(b []byte) { b[10], b[11] = 0xff, 0xff },
			"no rate":                 func(b []byte) { change(b[18:], 0, 20, 0) },
			"another rate":            func(b []byte) { change(b[18:], 0, 20, 8000) },
			"another depth":           func(b []byte) { change(b[18:], 23, 28, 20-1) },
			"no depth":                func(b []byte) { change(b[18:], 23, 28, 0) },
			"more channels":           func(b []byte) { change(b[18:], 20, 23, 7) },
			"fewer samples":           func(b []byte) { change(b[18:], 28, 64, 100) },
		} {
			broken := bytes.Clone(file)
			spoil(broken)
			r := bytes.NewReader(broken)
			said, err := ReadInfo(r)
			if err != nil {
				t.Errorf("%s: %v", name, err)
				continue
			}
			d := NewDecoder(r, said, 0)
			at := int64(0)
			for i := 0; ; i++ {
				f, err := d.Next()
				if err == io.EOF {
					break
				}
				if err != nil {
					t.Fatal(err)
				}
				if f.Rate != info.Rate || f.Bits != info.Bits || f.Start != frames[i].Start || len(f.Channels) != info.Channels {
					t.Fatalf("%s, frame %d: got %d Hz, %d bits, %d channels from sample %d", name, i, f.Rate, f.Bits, len(f.Channels), f.Start)
				}
				for c := range f.Channels {
					if n := int64(len(f.Channels[c])); !slices.Equal(f.Channels[c], want[c][at:at+n]) {
						t.Fatalf("%s, frame %d: the samples differ", name, i)
					}
				}
				at += int64(len(f.Channels[0]))
			}
			if at != int64(len(want[0])) {
				t.Errorf("%s: got %d samples, want %d", name, at, len(want[0]))
			}
		}
	}
}

func BenchmarkDecode(b *testing.B) {
	for _, name := range []string{"audio-stereo-16-bit-44100Hz.flac", "audio-mono-24-bit-44100Hz.flac"} {
		b.Run(name, func(b *testing.B) {
			file := read(b, oracle.Data(b, "audio", "formats-bitdepths", name))
			samples := 0
			for b.Loop() {
				r := bytes.NewReader(file)
				info, err := ReadInfo(r)
				if err != nil {
					b.Fatal(err)
				}
				d := NewDecoder(r, info, 0)
				for {
					f, err := d.Next()
					if err != nil {
						break
					}
					samples += len(f.Channels[0])
				}
			}
			b.ReportMetric(float64(samples)/44100/b.Elapsed().Seconds(), "audio-s/s")
		})
	}
}

// FuzzDecode decodes anything: no panic, and no more samples than the bytes can hold.
func FuzzDecode(f *testing.F) {
	for _, name := range files(f) {
		b := read(f, name)
		f.Add(b[:min(len(b), 20000)])
	}
	f.Fuzz(func(t *testing.T, b []byte) {
		r := bytes.NewReader(b)
		info, err := ReadInfo(r)
		if err != nil {
			return
		}
		d := NewDecoder(r, info, 0)
		for frames := 0; ; frames++ {
			fr, err := d.Next()
			if err == io.EOF {
				return
			}
			if err != nil {
				t.Fatal(err)
			}
			if frames > len(b)/9 {
				t.Fatal("more frames than bytes for them")
			}
			if n := len(fr.Channels); n < 1 || n > 8 || len(fr.Channels[0]) > 1<<16 || fr.Start < 0 || fr.Rate < 1 || fr.Bits < minBits || fr.Bits > maxBits {
				t.Fatal(fmt.Sprint(n, " channels, ", len(fr.Channels[0]), " samples of ", fr.Bits, " bits at ", fr.Rate, " Hz from ", fr.Start))
			}
		}
	})
}
