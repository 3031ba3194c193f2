package audio_test

import (
	"bytes"
	"context"
	"encoding/binary"
	"errors"
	"io"
	"math"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"testing"
	"testing/iotest"
	"time"

	"github.com/asr-backend/asr-backend/audio"
	"github.com/asr-backend/asr-backend/timeline"
)

// builtInFiles are recordings of every format that is decoded in this program.
var builtInFiles = [][]string{
	{"formats-jfk", "jfk.wav"},
	{"formats-jfk", "jfk.mp3"},
	{"formats-jfk", "jfk.opus"},
	{"formats-bitdepths", "audio-stereo-16-bit-44100Hz.flac"},
	{"formats-bitdepths", "audio-mono-24-bit-44100Hz.wav"},
	{"odd-audio", "lhotse", "stereo.mp3"},
	{"odd-audio", "lhotse", "stereo.opus"},
	{"odd-audio", "minimp3-vectors", "l3-he_free.bit"},
	{"odd-audio", "go-audio-wav", "bwf.wav"},
}

// seekless hides everything but Read.
type seekless struct{ io.Reader }

func TestHoweverAReaderDeliversTheSoundIsTheSame(t *testing.T) {
	for _, elem := range builtInFiles {
		t.Run(elem[len(elem)-1], func(t *testing.T) {
			t.Parallel()
			want := mustOpen(t, data(t, elem...), builtIn)
			file := readFile(t, elem...)
			for name, r := range map[string]io.Reader{
				"a stream":                     seekless{bytes.NewReader(file)},
				"byte by byte":                 iotest.OneByteReader(bytes.NewReader(file)),
				"half of what is asked":        iotest.HalfReader(bytes.NewReader(file)),
				"the end together with data":   iotest.DataErrReader(bytes.NewReader(file)),
				"a seeker that is not at zero": atOffset(t, file),
			} {
				s, err := audio.OpenReader(t.Context(), r, name, builtIn)
				got, err := readAll(t, s, err)
				if err != nil {
					t.Fatalf("%s: %v", name, err)
				}
				if !slices.Equal(got.channels[0], want.channels[0]) || got.length != want.length {
					t.Errorf("%s: the sound differs", name)
				}
			}
		})
	}
}

func atOffset(t *testing.T, file []byte) io.Reader {
	r := bytes.NewReader(append([]byte("before"), file...))
	if _, err := r.Seek(6, io.SeekStart); err != nil {
		t.Fatal(err)
	}
	return r
}

func TestAPartIsTheSameAsInTheWhole(t *testing.T) {
	for _, elem := range builtInFiles {
		whole := mustOpen(t, data(t, elem...), builtIn)
		end := whole.length.Duration()
		for _, part := range [][2]time.Duration{
			{0, 300 * time.Millisecond},
			{200 * time.Millisecond, 0},
			{250*time.Millisecond + 31*time.Microsecond, 450 * time.Millisecond},
			{end / 2, end/2 + 100*time.Millisecond},
			{end * 9 / 10, 0},
		} {
			o := builtIn
			o.Start, o.End = part[0], part[1]
			for _, stream := range []bool{false, true} {
				r := io.Reader(bytes.NewReader(readFile(t, elem...)))
				if stream {
					r = seekless{r}
				}
				s, err := audio.OpenReader(t.Context(), r, elem[len(elem)-1], o)
				got, err := readAll(t, s, err)
				if err != nil {
					t.Fatalf("%s, %v: %v", elem, part, err)
				}
				first, last := timeline.SampleAt(part[0]), whole.length
				if part[1] > 0 {
					last = timeline.SampleAt(part[1])
				}
				last = min(last, whole.length)
				if first >= last {
					continue
				}
				if got.start != first || got.length != last {
					t.Errorf("%s, %v: from %d to %d, want %d to %d", elem, part, got.start, got.length, first, last)
					continue
				}
				if !slices.Equal(got.channels[0], whole.channels[0][first:last]) {
					t.Errorf("%s, %v: the sound differs from that of the whole", elem, part)
				}
			}
		}
	}
}

func TestAPartOutsideTheRecordingIsSaidToBeThat(t *testing.T) {
	path := data(t, "formats-jfk", "jfk.wav") // 11 s
	o := builtIn
	o.Start, o.End = 10*time.Second, 12*time.Second
	got := mustOpen(t, path, o)
	if got.length != 176000 || !slices.Equal(got.kinds(), []audio.Kind{audio.Outside}) {
		t.Errorf("end outside: got length %d, %v", got.length, got.diagnostics)
	}
	o.Start, o.End = 11*time.Second, 0
	got = mustOpen(t, path, o)
	if got.length != 176000 || got.channels != nil || !slices.Equal(got.kinds(), []audio.Kind{audio.Outside}) {
		t.Errorf("start outside: got length %d, %v", got.length, got.diagnostics)
	}
}

func TestChannelsAreMixedSplitOrChosen(t *testing.T) {
	path := data(t, "odd-audio", "lhotse", "stereo.opus")
	with := func(c audio.Channels) recording {
		o := builtIn
		o.Channels = c
		return mustOpen(t, path, o)
	}
	mix, split, left, right := with(audio.Mix), with(audio.Split), with(audio.Only(0)), with(audio.Only(1))
	if len(mix.channels) != 1 || len(split.channels) != 2 || len(left.channels) != 1 {
		t.Fatalf("got %d, %d, %d channels", len(mix.channels), len(split.channels), len(left.channels))
	}
	if !slices.Equal(split.channels[0], left.channels[0]) || !slices.Equal(split.channels[1], right.channels[0]) {
		t.Error("split and chosen channels differ")
	}
	if slices.Equal(left.channels[0], right.channels[0]) {
		t.Error("both channels are the same, so that this test shows nothing")
	}
	for i, v := range mix.channels[0] {
		mean := (float64(left.channels[0][i]) + float64(right.channels[0][i])) / 2
		if math.Abs(float64(v)-mean) > 1e-6 {
			t.Fatalf("sample %d of the mix is %v, the mean %v", i, v, mean)
		}
	}
	o := builtIn
	o.Channels = audio.Only(2)
	if _, err := open(t, path, o); err == nil {
		t.Error("a third channel of two: got no error")
	}
}

func TestChannelsAreReadFromText(t *testing.T) {
	for text, want := range map[string]audio.Channels{"mix": audio.Mix, "split": audio.Split, "0": audio.Only(0), "3": audio.Only(3)} {
		got, err := audio.ParseChannels(text)
		if err != nil || got != want || got.String() != text {
			t.Errorf("%s: got %v, %v", text, got, err)
		}
	}
	for _, text := range []string{"", "left", "-1", "1000", "0x1"} {
		if got, err := audio.ParseChannels(text); err == nil {
			t.Errorf("%q: got %v", text, got)
		}
	}
}

func TestOptionsThatCannotBeAreRefused(t *testing.T) {
	for name, o := range map[string]audio.Options{
		"a start before zero":       {Start: -1},
		"an end before zero":        {End: -time.Second},
		"an end before its start":   {Start: 2 * time.Second, End: time.Second},
		"an empty part":             {Start: time.Second, End: time.Second},
		"a channel that is not":     {Channels: -7},
		"a channel beyond counting": {Channels: audio.Only(1 << 20)},
	} {
		if _, err := open(t, data(t, "formats-jfk", "jfk.wav"), o); err == nil {
			t.Errorf("%s: got no error", name)
		}
	}
}

func info(t *testing.T, path string) (audio.Info, error) {
	s, err := audio.Open(t.Context(), path, builtIn)
	if err != nil {
		return audio.Info{}, err
	}
	return s.Info(), s.Close()
}

func TestInfoHasTheFacts(t *testing.T) {
	for name, want := range map[string]audio.Info{
		"formats-jfk/jfk.wav":                                {Container: "WAV", Codec: "PCM s16", Decoder: "built-in", SampleRate: 16000, Channels: 1, BitsPerSample: 16, Declared: 176000, Estimate: 176000},
		"formats-jfk/jfk.mp3":                                {Container: "MP3", Codec: "MPEG-2 layer III", Decoder: "built-in", SampleRate: 16000, Channels: 1, Declared: 176000, Estimate: 176000},
		"formats-jfk/jfk.opus":                               {Container: "Ogg", Codec: "Opus", Decoder: "built-in", SampleRate: 48000, Channels: 1, Declared: -1, Estimate: 176000},
		"formats-bitdepths/audio-stereo-16-bit-44100Hz.flac": {Container: "FLAC", Codec: "FLAC", Decoder: "built-in", SampleRate: 44100, Channels: 2, BitsPerSample: 16, Declared: 43919, Estimate: 43919},
		"odd-audio/azure/whatstheweatherlike-mulaw.wav":      {Container: "WAV", Codec: "mu-law", Decoder: "built-in", SampleRate: 16000, Channels: 1, BitsPerSample: 8, Declared: 32480, Estimate: 32480},
		"odd-audio/lhotse/stereo.mp3":                        {Container: "MP3", Codec: "MPEG-2.5 layer III", Decoder: "built-in", SampleRate: 8000, Channels: 2, Declared: 16000, Estimate: 16000},
	} {
		got, err := info(t, data(t, filepath.FromSlash(name)))
		if err != nil || got != want {
			t.Errorf("%s:\n got %+v, %v\nwant %+v", name, got, err, want)
		}
	}
}

func TestTheContextEndsAStream(t *testing.T) {
	ctx, cancel := context.WithCancel(t.Context())
	s, err := audio.Open(ctx, data(t, "formats-jfk", "jfk.mp3"), builtIn)
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	if _, err := s.Next(); err != nil {
		t.Fatal(err)
	}
	cancel()
	if _, err := s.Next(); !errors.Is(err, context.Canceled) {
		t.Errorf("got %v, want %v", err, context.Canceled)
	}
	if _, err := audio.Open(ctx, data(t, "formats-jfk", "jfk.mp3"), builtIn); !errors.Is(err, context.Canceled) {
		t.Errorf("Open: got %v, want %v", err, context.Canceled)
	}
}

func TestAReaderThatFailsFailsTheStream(t *testing.T) {
	broken := errors.New("the line is broken")
	for _, elem := range builtInFiles {
		file := readFile(t, elem...)
		for _, n := range []int{0, 10, len(file) / 2} {
			r := io.MultiReader(bytes.NewReader(file[:n]), iotest.ErrReader(broken))
			s, err := audio.OpenReader(t.Context(), r, "line", builtIn)
			if _, err := readAll(t, s, err); !errors.Is(err, broken) {
				t.Errorf("%s, after %d bytes: got %v, want %v", elem, n, err, broken)
			}
		}
	}
}

func TestAClosedStreamGivesNothing(t *testing.T) {
	s, err := audio.Open(t.Context(), data(t, "formats-jfk", "jfk.wav"), builtIn)
	if err != nil {
		t.Fatal(err)
	}
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	if _, err := s.Next(); err == nil || err == io.EOF {
		t.Errorf("got %v", err)
	}
}

// endlessWAV is n bytes of a WAV file that nobody has to store.
type endlessWAV struct {
	head []byte
	left int64
}

var pattern = func() (b [4096]byte) {
	for i := range b {
		b[i] = byte(i * 7 >> 3)
	}
	return b
}()

func newEndlessWAV(rate, channels int, d time.Duration) *endlessWAV {
	frames := int64(d/time.Second) * int64(rate)
	size := frames * int64(2*channels)
	h := []byte("RIFF\xff\xff\xff\xffWAVEfmt \x10\x00\x00\x00\x01\x00")
	h = binary.LittleEndian.AppendUint16(h, uint16(channels))
	h = binary.LittleEndian.AppendUint32(h, uint32(rate))
	h = binary.LittleEndian.AppendUint32(h, uint32(2*channels*rate))
	h = binary.LittleEndian.AppendUint16(h, uint16(2*channels))
	h = binary.LittleEndian.AppendUint16(h, 16)
	h = append(h, "data\xff\xff\xff\xff"...)
	return &endlessWAV{head: h, left: size}
}

func (w *endlessWAV) Read(p []byte) (int, error) {
	if len(w.head) > 0 {
		n := copy(p, w.head)
		w.head = w.head[n:]
		return n, nil
	}
	if w.left == 0 {
		return 0, io.EOF
	}
	n := 0
	for n < len(p) && w.left > 0 {
		k := copy(p[n:], pattern[:min(int64(len(pattern)), w.left)])
		n += k
		w.left -= int64(k)
	}
	return n, nil
}

func TestTenHoursTakeNoMoreMemoryThanTenMinutes(t *testing.T) {
	heap := func(d time.Duration) (peak uint64) {
		s, err := audio.OpenReader(t.Context(), newEndlessWAV(16000, 1, d), "long", builtIn)
		if err != nil {
			t.Fatal(err)
		}
		defer s.Close()
		var stats runtime.MemStats
		for i := 0; ; i++ {
			if _, err := s.Next(); err == io.EOF {
				break
			} else if err != nil {
				t.Fatal(err)
			}
			if i%300 == 0 {
				runtime.GC()
				runtime.ReadMemStats(&stats)
				peak = max(peak, stats.HeapAlloc)
			}
		}
		if want := timeline.SampleAt(d); s.Length() != want {
			t.Errorf("Length %d, want %d", s.Length(), want)
		}
		return peak
	}
	hours := 10 * time.Hour
	if slow {
		hours = time.Hour
	}
	short, long := heap(10*time.Minute), heap(hours)
	if long > short+256<<10 {
		t.Errorf("the heap is %d bytes for ten minutes, %d for %v", short, long, hours)
	}
}

func TestReadingAllocatesNothingByTheBlock(t *testing.T) {
	for _, rate := range []int{16000, 44100} {
		s, err := audio.OpenReader(t.Context(), newEndlessWAV(rate, 2, time.Hour), "long", builtIn)
		if err != nil {
			t.Fatal(err)
		}
		n := testing.AllocsPerRun(50, func() {
			if _, err := s.Next(); err != nil {
				t.Fatal(err)
			}
		})
		if n > 1 {
			t.Errorf("%d Hz: %v allocations a block", rate, n)
		}
		if err := s.Close(); err != nil {
			t.Error(err)
		}
	}
}

func TestOpenKeepsNoFileAfterAnError(t *testing.T) {
	path := filepath.Join(t.TempDir(), "x.wav")
	if err := os.WriteFile(path, []byte("RIFF\x00\x00\x00\x00WAVEfmt "), 0o600); err != nil {
		t.Fatal(err)
	}
	before := openFiles(t)
	for range 20 {
		if _, err := audio.Open(t.Context(), path, builtIn); err == nil {
			t.Fatal("got no error")
		}
	}
	if after := openFiles(t); after > before+5 {
		t.Errorf("%d open files, %d before", after, before)
	}
}

func openFiles(t *testing.T) int {
	t.Helper()
	names, err := os.ReadDir("/proc/self/fd")
	if err != nil {
		t.Skip("no /proc/self/fd on this system")
	}
	return len(names)
}
