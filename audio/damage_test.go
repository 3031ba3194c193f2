package audio_test

import (
	"bufio"
	"bytes"
	"encoding/binary"
	"io"
	"math"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/asr-backend/asr-backend/audio"
	"github.com/asr-backend/asr-backend/audio/internal/mpeg"
	"github.com/asr-backend/asr-backend/timeline"
)

// kindsAre compares the kinds of diagnostics and shows them.
func kindsAre(t *testing.T, r recording, want ...audio.Kind) {
	t.Helper()
	if !slices.Equal(r.kinds(), want) {
		t.Errorf("got %v, want kinds %v", r.diagnostics, want)
	}
	for _, d := range r.diagnostics {
		if !strings.HasSuffix(d.Text, ".") || d.Text[0] < '0' || d.Text[0] > 'Z' {
			t.Errorf("not a sentence: %q", d.Text)
		}
		if d.At < 0 || d.At > r.length {
			t.Errorf("%q is at %d of %d", d.Text, d.At, r.length)
		}
	}
}

// silentStretch returns the bounds of the longest run of zeros.
func silentStretch(x []float32) (from, to int) {
	start := 0
	for i, v := range x {
		if v != 0 {
			start = i + 1
		} else if i+1-start > to-from {
			from, to = start, i+1
		}
	}
	return from, to
}

func TestACutFileGivesWhatIsThereAndSaysWhereItEnds(t *testing.T) {
	for _, elem := range [][]string{
		{"formats-jfk", "jfk.wav"}, {"formats-jfk", "jfk.mp3"}, {"formats-jfk", "jfk.opus"},
		{"formats-bitdepths", "audio-mono-24-bit-44100Hz.flac"},
	} {
		t.Run(elem[1], func(t *testing.T) {
			file := readFile(t, elem...)
			whole := mustOpen(t, data(t, elem...), builtIn)
			for _, n := range []int{len(file) / 3, len(file) / 2, len(file) - 300} {
				got, err := openBytes(t, file[:n], builtIn)
				if err != nil {
					t.Fatalf("%d of %d bytes: %v", n, len(file), err)
				}
				kindsAre(t, got, audio.Truncated)
				if got.length >= whole.length || got.length < whole.length/4 {
					t.Errorf("%d of %d bytes: %d of %d samples", n, len(file), got.length, whole.length)
				}
				if d := got.diagnostics[0]; d.At != got.length || !strings.Contains(d.Text, got.length.Clock()) {
					t.Errorf("%d of %d bytes: %+v, the sound ends at %d", n, len(file), d, got.length)
				}
				// Up to the reach of the resampler, nothing differs from the whole file.
				if same := int(got.length) - 200; !slices.Equal(got.channels[0][:same], whole.channels[0][:same]) {
					t.Errorf("%d of %d bytes: the sound differs", n, len(file))
				}
			}
		})
	}
}

func TestAWAVThatLiesAboutItsLengthIsReadAsItIs(t *testing.T) {
	file := readFile(t, "formats-jfk", "jfk.wav")
	at := bytes.Index(file, []byte("data")) + 4
	claim := func(n uint32, tail ...byte) []byte {
		b := append(bytes.Clone(file), tail...)
		binary.LittleEndian.PutUint32(b[at:], n)
		return b
	}
	list := []byte("LIST\x04\x00\x00\x00INFO")
	for _, c := range []struct {
		name  string
		file  []byte
		want  timeline.Sample
		kinds []audio.Kind
	}{
		{"a placeholder of ffmpeg", claim(0xffffffff), 176000, nil},
		{"a placeholder of SoX", claim(0x7ffff000), 176000, nil},
		{"a placeholder of zero", claim(0), 176000, nil},
		{"twice the length", claim(704000), 176000, []audio.Kind{audio.Truncated}},
		{"half the length, then more sound", claim(176000, list...), 88000, []audio.Kind{audio.Partial}},
		{"an odd number of bytes", claim(351999), 175999, nil},
	} {
		got, err := openBytes(t, c.file, builtIn)
		if err != nil {
			t.Errorf("%s: %v", c.name, err)
			continue
		}
		if got.length != c.want {
			t.Errorf("%s: got %d samples, want %d", c.name, got.length, c.want)
		}
		kindsAre(t, got, c.kinds...)
	}
	empty := append(bytes.Clone(file[:at]), 0, 0, 0, 0)
	if _, err := openBytes(t, append(empty, list...), builtIn); errorKind(err) != audio.ErrEmpty {
		t.Errorf("no sound, then other chunks: got %v, want %v", err, audio.ErrEmpty)
	}
}

// sparse is a WAV file of any size that holds its position as its sound.
type sparse struct {
	head []byte
	size int64
	at   int64
}

func (s *sparse) Seek(offset int64, whence int) (int64, error) {
	switch whence {
	case io.SeekCurrent:
		offset += s.at
	case io.SeekEnd:
		offset += s.size
	}
	s.at = offset
	return offset, nil
}

func (s *sparse) Read(p []byte) (int, error) {
	if s.at >= s.size {
		return 0, io.EOF
	}
	n := int(min(int64(len(p)), s.size-s.at))
	for i := range p[:n] {
		if at := s.at + int64(i); at < int64(len(s.head)) {
			p[i] = s.head[at]
		} else {
			p[i] = byte(at >> 16)
		}
	}
	s.at += int64(n)
	return n, nil
}

func TestAWAVBeyondFourGigabytesIsReadToItsEnd(t *testing.T) {
	const seconds = 150_000 // of 16 kHz in 16 bits: 4.8 GB
	head := newEndlessWAV(16000, 1, time.Second).head
	size := int64(len(head)) + seconds*32000
	binary.LittleEndian.PutUint32(head[len(head)-4:], uint32((seconds*32000)%(1<<32)))
	o := builtIn
	o.Start = (seconds - 2) * time.Second
	s, err := audio.OpenReader(t.Context(), &sparse{head: head, size: size}, "huge.wav", o)
	got, err := readAll(t, s, err)
	if err != nil {
		t.Fatal(err)
	}
	if got.length != seconds*16000 || got.start != (seconds-2)*16000 {
		t.Errorf("got %d to %d, want %d to %d", got.start, got.length, (seconds-2)*16000, seconds*16000)
	}
	kindsAre(t, got, audio.Mislabelled)
}

func TestSamplesThatAreNoNumbersBecomeSilenceAndAreCounted(t *testing.T) {
	b := []byte("RIFF\x00\x00\x00\x00WAVEfmt \x10\x00\x00\x00\x03\x00\x01\x00\x80\x3e\x00\x00\x00\xfa\x00\x00\x04\x00\x20\x00data\x0c\x00\x00\x00")
	for _, v := range []float32{0.5, float32(math.NaN()), float32(math.Inf(1))} {
		b = binary.LittleEndian.AppendUint32(b, math.Float32bits(v))
	}
	got, err := openBytes(t, b, builtIn)
	if err != nil {
		t.Fatal(err)
	}
	if want := []float32{0.5, 0, 0}; !slices.Equal(got.channels[0], want) {
		t.Errorf("got %v, want %v", got.channels[0], want)
	}
	kindsAre(t, got, audio.Damaged)
}

// mp3Frame returns where frame n of an MP3 file begins and ends.
func mp3Frame(t *testing.T, file []byte, n int) (from, to int) {
	t.Helper()
	s := mpeg.NewScanner(bufio.NewReaderSize(bytes.NewReader(file), 64<<10))
	for range n + 1 {
		f, err := s.Next()
		if err != nil {
			t.Fatal(err)
		}
		from = to + bytes.Index(file[to:], f.Data)
		to = from + len(f.Data)
	}
	return from, to
}

func TestDamagedMP3KeepsTheTimeLine(t *testing.T) {
	file := readFile(t, "formats-jfk", "jfk.mp3")
	whole := mustOpen(t, data(t, "formats-jfk", "jfk.mp3"), builtIn)
	const second = timeline.SampleRate
	at, next := mp3Frame(t, file, 150)
	for _, c := range []struct {
		name   string
		change func() []byte
		kinds  []audio.Kind
		lost   bool // sound is missing
	}{
		{"a frame overwritten by zeros", func() []byte {
			b := bytes.Clone(file)
			clear(b[at:next])
			return b
		}, []audio.Kind{audio.Damaged}, true},
		{"side information overwritten", func() []byte {
			b := bytes.Clone(file)
			copy(b[at+4:at+12], "\xff\xff\xff\xff\xff\xff\xff\xff")
			return b
		}, []audio.Kind{audio.Damaged}, true},
		{"junk put between frames", func() []byte {
			return slices.Concat(file[:at], bytes.Repeat([]byte("junk"), 10), file[at:])
		}, []audio.Kind{audio.Damaged}, false},
		{"an ID3 tag put between frames", func() []byte {
			return slices.Concat(file[:at], []byte("ID3\x03\x00\x00\x00\x00\x00\x04tags"), file[at:])
		}, nil, false},
	} {
		t.Run(c.name, func(t *testing.T) {
			got, err := openBytes(t, c.change(), builtIn)
			if err != nil {
				t.Fatal(err)
			}
			kindsAre(t, got, c.kinds...)
			if got.length != whole.length {
				t.Fatalf("got %d samples, want %d", got.length, whole.length)
			}
			first, last := len(whole.channels[0]), 0
			for i, v := range got.channels[0] {
				if v != whole.channels[0][i] {
					first, last = min(first, i), i
				}
			}
			if !c.lost && last > 0 {
				t.Errorf("samples %d to %d differ, want none", first, last)
			}
			if c.lost && (first < 4*second || last > 7*second || last-first > second/2) {
				t.Errorf("samples %d to %d differ, want less than half a second near the middle", first, last)
			}
			if d := got.diagnostics; len(d) > 0 && c.lost && (int(d[0].At) < first-second/10 || int(d[0].At) > first+second/10) {
				t.Errorf("%+v, the sound differs from %d on", d[0], first)
			}
		})
	}
}

func TestJoinedMP3GoesOn(t *testing.T) {
	a := mustOpen(t, data(t, "odd-audio", "minimp3-vectors", "l3-si_huff.bit"), builtIn)          // 44.1 kHz, mono
	b := mustOpen(t, data(t, "odd-audio", "minimp3-vectors", "M2L3_bitrate_24_all.bit"), builtIn) // 24 kHz, mono
	joined, err := openBytes(t, slices.Concat(readFile(t, "odd-audio", "minimp3-vectors", "l3-si_huff.bit"),
		readFile(t, "odd-audio", "minimp3-vectors", "M2L3_bitrate_24_all.bit")), builtIn)
	if err != nil {
		t.Fatal(err)
	}
	if joined.length != a.length+b.length {
		t.Errorf("got %d samples, want %d and %d", joined.length, a.length, b.length)
	}
	if got := similarity(joined.channels[0][:a.length], a.channels[0]); got < 100 {
		t.Errorf("the first part is %.1f dB from its file", got)
	}
	// The filter banks still ring with the first part where the second begins.
	from := int(a.length) + 8000
	if got := similarity(joined.channels[0][from:], b.channels[0][8000:]); got < 100 {
		t.Errorf("the second part is %.1f dB from its file", got)
	}
	// A part that begins after the change of rate must agree too.
	o := builtIn
	o.Start = (a.length + 16000).Duration()
	s, err := audio.OpenReader(t.Context(), bytes.NewReader(slices.Concat(readFile(t, "odd-audio", "minimp3-vectors", "l3-si_huff.bit"),
		readFile(t, "odd-audio", "minimp3-vectors", "M2L3_bitrate_24_all.bit"))), "joined", o)
	part, err := readAll(t, s, err)
	if err != nil {
		t.Fatal(err)
	}
	if part.length != joined.length || !slices.Equal(part.channels[0], joined.channels[0][a.length+16000:]) {
		t.Errorf("a part after the change of rate differs: %d samples to %d", len(part.channels[0]), part.length)
	}
}

func TestADamagedFLACFrameBecomesSilenceOfItsLength(t *testing.T) {
	for _, tagged := range []bool{false, true} {
		file := readFile(t, "formats-bitdepths", "audio-stereo-16-bit-44100Hz.flac")
		whole := mustOpen(t, data(t, "formats-bitdepths", "audio-stereo-16-bit-44100Hz.flac"), builtIn)
		file[len(file)/2] ^= 0x10
		if tagged {
			file = append([]byte("ID3\x03\x00\x00\x00\x00\x00\x04tags"), file...)
		}
		got, err := openBytes(t, file, builtIn)
		if err != nil {
			t.Fatal(err)
		}
		kindsAre(t, got, audio.Damaged)
		if got.length != whole.length {
			t.Fatalf("got %d samples, want %d", got.length, whole.length)
		}
		// Blocks of 4096 at 44.1 kHz are 1486 samples, less what the filter smears.
		from, to := silentStretch(got.channels[0])
		if n := to - from; n < 1300 || n > 1486 {
			t.Errorf("%d samples are silent, want about 1486", n)
		}
		if d := int(got.diagnostics[0].At); d < from-150 || d > from {
			t.Errorf("silence from %d on, the diagnostic says %d", from, d)
		}
		for i, v := range got.channels[0] {
			if (i < from-150 || i > to+150) && v != whole.channels[0][i] {
				t.Fatalf("sample %d, outside the damage: got %v, want %v", i, v, whole.channels[0][i])
			}
		}
	}
}

// oggPages cuts an Ogg file into its pages.
func oggPages(t testing.TB, file []byte) (pages [][]byte) {
	t.Helper()
	for len(file) > 0 {
		size := 27 + int(file[26])
		for _, n := range file[27:size] {
			size += int(n)
		}
		pages = append(pages, file[:size])
		file = file[size:]
	}
	return pages
}

func TestALostOpusPageBecomesSilenceOfItsLength(t *testing.T) {
	file := readFile(t, "formats-jfk", "jfk.opus")
	pages := oggPages(t, file)
	whole := mustOpen(t, data(t, "formats-jfk", "jfk.opus"), builtIn)
	if len(pages) < 8 {
		t.Fatalf("only %d pages", len(pages))
	}
	damaged := bytes.Clone(file)
	damaged[len(damaged)/2] ^= 1
	for name, b := range map[string][]byte{
		"missing": bytes.Join(slices.Delete(slices.Clone(pages), 6, 7), nil),
		"damaged": damaged,
	} {
		got, err := openBytes(t, b, builtIn)
		if err != nil {
			t.Fatal(err)
		}
		kindsAre(t, got, audio.Damaged)
		if got.length != whole.length {
			t.Errorf("%s: got %d samples, want %d", name, got.length, whole.length)
			continue
		}
		from, to := silentStretch(got.channels[0])
		if to-from < 8000 || to-from > 17000 {
			t.Errorf("%s: %d samples are silent, want about a second", name, to-from)
		}
		if d := got.diagnostics[0].At; int(d) < from-200 || int(d) > from {
			t.Errorf("%s: silence from %d on, the diagnostic says %d", name, from, d)
		}
		// The decoder settles within a fraction of a second.
		if got := similarity(got.channels[0][to+4000:], whole.channels[0][to+4000:]); got < 40 {
			t.Errorf("%s: %.1f dB from the whole after the damage", name, got)
		}
	}
}

func TestChainedOpusGoesOn(t *testing.T) {
	mono, stereo := readFile(t, "odd-audio", "lhotse", "mono_c0.opus"), readFile(t, "odd-audio", "lhotse", "stereo.opus")
	a := mustOpen(t, data(t, "odd-audio", "lhotse", "mono_c0.opus"), builtIn)
	b := mustOpen(t, data(t, "odd-audio", "lhotse", "stereo.opus"), builtIn)
	for _, c := range []struct{ first, second []byte }{{mono, stereo}, {stereo, mono}, {mono, mono}} {
		got, err := openBytes(t, slices.Concat(c.first, c.second), builtIn)
		if err != nil {
			t.Fatal(err)
		}
		kindsAre(t, got)
		want := map[bool]timeline.Sample{true: a.length, false: b.length}
		sum := want[len(c.first) == len(mono)] + want[len(c.second) == len(mono)]
		if d := got.length - sum; d < -1 || d > 1 {
			t.Errorf("got %d samples, want %d", got.length, sum)
		}
	}
}
