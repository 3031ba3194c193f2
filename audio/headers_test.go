package audio_test

import (
	"bytes"
	"encoding/binary"
	"io"
	"math"
	"slices"
	"strings"
	"testing"

	"github.com/asr-backend/asr-backend/audio"
	"github.com/asr-backend/asr-backend/timeline"
)

// chunk makes a chunk of a WAVE file with its padding.
func chunk(id string, data []byte) []byte {
	b := binary.LittleEndian.AppendUint32([]byte(id), uint32(len(data)))
	b = append(b, data...)
	return append(b, make([]byte, len(data)%2)...)
}

// wavFormat makes a fmt chunk of 16 bytes.
func wavFormat(tag, channels, rate, frame, bits int) []byte {
	b := binary.LittleEndian.AppendUint16(nil, uint16(tag))
	b = binary.LittleEndian.AppendUint16(b, uint16(channels))
	b = binary.LittleEndian.AppendUint32(b, uint32(rate))
	b = binary.LittleEndian.AppendUint32(b, uint32(rate*frame))
	b = binary.LittleEndian.AppendUint16(b, uint16(frame))
	return chunk("fmt ", binary.LittleEndian.AppendUint16(b, uint16(bits)))
}

func wavFile(chunks ...[]byte) []byte {
	body := slices.Concat(chunks...)
	b := binary.LittleEndian.AppendUint32([]byte("RIFF"), uint32(len(body)+4))
	return append(append(b, "WAVE"...), body...)
}

// tone is two seconds of a tone that is no multiple of anything, in integers of the
// given number of bytes at the top of words of the given size.
func tone(bytesEach, word int) (b []byte) {
	for i := range 32000 {
		v := int64(math.Sin(float64(i)*0.173)*0.3*(1<<62)) >> (64 - 8*bytesEach) << (8 * (word - bytesEach))
		for k := range word {
			b = append(b, byte(v>>(8*k)))
		}
	}
	return b
}

func floats() (b []byte) {
	for i := range 32000 {
		b = binary.LittleEndian.AppendUint32(b, math.Float32bits(float32(math.Sin(float64(i)*0.173)*0.15)))
	}
	return b
}

// The lengths are those that ffmpeg 5.1, SoX 14.4.2 and libsndfile 1.2.2 give, where they
// take the file at all.
func TestAWrongBlockAlignmentChangesNothing(t *testing.T) {
	data16, data24, in32 := chunk("data", tone(2, 2)), chunk("data", tone(3, 3)), chunk("data", tone(3, 4))
	law := chunk("data", bytes.Repeat([]byte{0x2a, 0x91, 0xd5, 0x80}, 8000))
	right := func(tag, frame, bits int, data []byte) recording {
		r, err := openBytes(t, wavFile(wavFormat(tag, 1, 16000, frame, bits), data), builtIn)
		if err != nil {
			t.Fatal(err)
		}
		return r
	}
	for _, c := range []struct {
		name             string
		tag, frame, bits int
		data             []byte
		want             recording
		kinds            []audio.Kind
	}{
		{"16 bits in 4", 1, 4, 16, data16, right(1, 2, 16, data16), []audio.Kind{audio.Mislabelled}},
		{"16 bits in 1", 1, 1, 16, data16, right(1, 2, 16, data16), []audio.Kind{audio.Mislabelled}},
		{"16 bits in 0", 1, 0, 16, data16, right(1, 2, 16, data16), []audio.Kind{audio.Mislabelled}},
		{"12 bits in 4", 1, 4, 12, data16, right(1, 2, 16, data16), []audio.Kind{audio.Mislabelled}},
		{"no bits in 2", 1, 2, 0, data16, right(1, 2, 16, data16), nil},
		{"20 bits in 4", 1, 4, 20, data24, right(1, 3, 24, data24), []audio.Kind{audio.Mislabelled}},
		{"24 bits in 6", 1, 6, 24, data24, right(1, 3, 24, data24), []audio.Kind{audio.Mislabelled}},
		{"24 bits in 4 that are 3", 1, 4, 24, data24, right(1, 3, 24, data24), []audio.Kind{audio.Mislabelled}},
		{"24 bits in 4 that are 4", 1, 4, 24, in32, right(1, 3, 24, data24), nil},
		{"8 bits in 2", 1, 2, 8, law, right(1, 1, 8, law), []audio.Kind{audio.Mislabelled}},
		{"32 bits of float in 8", 3, 8, 32, chunk("data", floats()), right(3, 4, 32, chunk("data", floats())), []audio.Kind{audio.Mislabelled}},
		{"A-law of 16 bits", 6, 2, 16, law, right(6, 1, 8, law), []audio.Kind{audio.Mislabelled}},
		{"mu-law of 8 bits in 2", 7, 2, 8, law, right(7, 1, 8, law), []audio.Kind{audio.Mislabelled}},
		{"mu-law of no bits", 7, 1, 0, law, right(7, 1, 8, law), nil},
	} {
		got, err := openBytes(t, wavFile(wavFormat(c.tag, 1, 16000, c.frame, c.bits), c.data), builtIn)
		if err != nil {
			t.Errorf("%s: %v", c.name, err)
			continue
		}
		if got.length != 32000 || !slices.Equal(got.channels[0], c.want.channels[0]) {
			t.Errorf("%s: got %d samples, or others than with a right header", c.name, got.length)
		}
		if !slices.Equal(got.kinds(), c.kinds) {
			t.Errorf("%s: got %v, want kinds %v", c.name, got.diagnostics, c.kinds)
		}
	}
}

func TestWhatFollowsTheSoundIsLookedAt(t *testing.T) {
	format, sound := wavFormat(1, 1, 16000, 2, 16), tone(2, 2)
	first, second := sound[:32000], sound[32000:]
	list := chunk("LIST", []byte("INFOodd"))
	for _, c := range []struct {
		name string
		file []byte
		want timeline.Sample
		kind []audio.Kind
	}{
		{"nothing", wavFile(format, chunk("data", first)), 16000, nil},
		{"a chunk", wavFile(format, chunk("data", first), list), 16000, nil},
		{"a chunk behind an odd length", wavFile(format, chunk("data", first[1:]), list, list), 15999, nil},
		{"a chunk without the padding before it", wavFile(format, chunk("data", first[1:])[:8+31999], list), 15999, nil},
		{"a second data chunk", wavFile(format, chunk("data", first), chunk("data", second)), 16000, []audio.Kind{audio.Partial}},
		{"a second data chunk behind another", wavFile(format, chunk("data", first), list, chunk("data", second)), 16000, []audio.Kind{audio.Partial}},
		{"an empty data chunk", wavFile(format, chunk("data", first), chunk("data", nil)), 16000, nil},
		{"sound without a chunk", wavFile(format, chunk("data", first), second), 16000, []audio.Kind{audio.Partial}},
		{"zeros", wavFile(format, chunk("data", first), make([]byte, 32000)), 16000, nil},
		{"an ID3 tag of version 1", wavFile(format, chunk("data", first), append([]byte("TAG"), make([]byte, 125)...)), 16000, nil},
		{"a chunk that is cut off", wavFile(format, chunk("data", first), list[:10]), 16000, nil},
	} {
		for _, r := range []io.Reader{bytes.NewReader(c.file), seekless{bytes.NewReader(c.file)}} {
			s, err := audio.OpenReader(t.Context(), r, c.name, builtIn)
			got, err := readAll(t, s, err)
			if err != nil {
				t.Errorf("%s: %v", c.name, err)
				continue
			}
			if got.length != c.want {
				t.Errorf("%s: got %d samples, want %d", c.name, got.length, c.want)
			}
			if !slices.Equal(got.kinds(), c.kind) {
				t.Errorf("%s: got %v, want kinds %v", c.name, got.diagnostics, c.kind)
			}
			if len(c.kind) > 0 && !strings.Contains(got.diagnostics[0].Text, "1 s") {
				t.Errorf("%s: %q does not say how much", c.name, got.diagnostics[0].Text)
			}
		}
	}
}

func TestSoundBeforeItsFormatIsRead(t *testing.T) {
	want := mustOpen(t, data(t, "odd-headers", "data-before-fmt.wav"), builtIn)
	file := readFile(t, "odd-headers", "data-before-fmt.wav")
	tagged := append([]byte("ID3\x03\x00\x00\x00\x00\x00\x04tags"), file...)
	for name, r := range map[string]io.Reader{
		"a stream":                     seekless{bytes.NewReader(file)},
		"a seeker that is not at zero": atOffset(t, file),
		"behind a tag":                 bytes.NewReader(tagged),
		"behind a tag, in a stream":    seekless{bytes.NewReader(tagged)},
	} {
		s, err := audio.OpenReader(t.Context(), r, name, builtIn)
		got, err := readAll(t, s, err)
		if err != nil {
			t.Errorf("%s: %v", name, err)
			continue
		}
		if !slices.Equal(got.channels[0], want.channels[0]) {
			t.Errorf("%s: the sound differs", name)
		}
	}
	// Of two formats the first counts, as ffmpeg has it.
	twice := wavFile(wavFormat(1, 1, 16000, 2, 16), wavFormat(1, 2, 8000, 4, 16), chunk("data", tone(2, 2)))
	if got, err := openBytes(t, twice, builtIn); err != nil || got.info.SampleRate != 16000 || got.length != 32000 {
		t.Errorf("two formats: got %d Hz, %d samples, %v", got.info.SampleRate, got.length, err)
	}
}
