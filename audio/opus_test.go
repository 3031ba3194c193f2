package audio_test

import (
	"bytes"
	"encoding/binary"
	"math"
	"testing"

	"github.com/asr-backend/asr-backend/audio"
)

// oggPage makes a page of packets shorter than 255 bytes, with the right checksum.
func oggPage(flags byte, granule int64, sequence uint32, packets ...[]byte) []byte {
	b := append([]byte("OggS\x00"), flags)
	b = binary.LittleEndian.AppendUint64(b, uint64(granule))
	b = binary.LittleEndian.AppendUint32(b, 7)
	b = binary.LittleEndian.AppendUint32(b, sequence)
	b = append(b, 0, 0, 0, 0, byte(len(packets)))
	for _, p := range packets {
		b = append(b, byte(len(p)))
	}
	b = append(b, bytes.Join(packets, nil)...)
	fixChecksum(b)
	return b
}

func opusHead(channels byte, preSkip uint16) []byte {
	b := append([]byte("OpusHead\x01"), channels)
	b = binary.LittleEndian.AppendUint16(b, preSkip)
	return append(b, "\x80\xbb\x00\x00\x00\x00\x00"...)
}

// A packet of one byte is 20 ms of comfort noise or silence, in CELT.
var quiet = []byte{31 << 3}

func TestOpusPositionsDecideWhatIsSound(t *testing.T) {
	packets := [][]byte{quiet, quiet, quiet, quiet, quiet} // 4800 samples at 48 kHz, 1600 at 16
	head, tags := oggPage(2, 0, 0, opusHead(1, 312)), oggPage(0, 0, 1, []byte("OpusTags"))
	for _, c := range []struct {
		name  string
		pages [][]byte
		want  int // samples at 48 kHz
		kinds []audio.Kind
	}{
		{"pre-skip is cut away", [][]byte{oggPage(4, 4800, 2, packets...)}, 4800 - 312, nil},
		{"the last page ends early", [][]byte{oggPage(4, 4000, 2, packets...)}, 4000 - 312, nil},
		{"the recording of a broadcast begins late", [][]byte{oggPage(0, 1004800, 2, packets...), oggPage(4, 1009600, 3, packets...)}, 9600 - 312, nil},
		{"a page is missing", [][]byte{oggPage(0, 4800, 2, packets...), oggPage(4, 14400, 4, packets...)}, 14400 - 312, []audio.Kind{audio.Damaged}},
		{"positions jump by two days", [][]byte{oggPage(0, 4800, 2, packets...), oggPage(4, 2*86400*48000, 3, packets...)}, 9600 - 312, []audio.Kind{audio.Damaged}},
		{"positions go back", [][]byte{oggPage(0, 4800, 2, packets...), oggPage(0, 960, 3, packets...), oggPage(4, 5760, 4, packets...)}, 14400 - 312, nil},
		{"the last page is missing", [][]byte{oggPage(0, 4800, 2, packets...)}, 4800 - 312, []audio.Kind{audio.Truncated}},
		{"a packet cannot be decoded", [][]byte{oggPage(4, 4800, 2, quiet, quiet, []byte{31<<3 | 3, 0x85, 1}, quiet)}, 4800 - 312, []audio.Kind{audio.Damaged}},
	} {
		t.Run(c.name, func(t *testing.T) {
			got, err := openBytes(t, bytes.Join(append([][]byte{head, tags}, c.pages...), nil), builtIn)
			if err != nil {
				t.Fatal(err)
			}
			if want := int(math.Round(float64(c.want) / 3)); int(got.length) != want {
				t.Errorf("got %d samples, want %d", got.length, want)
			}
			kindsAre(t, got, c.kinds...)
		})
	}
}

// FuzzOpus gives the decoder packets that no checksum protects it from.
func FuzzOpus(f *testing.F) {
	f.Add(byte(1), []byte{1, 31 << 3, 3, 31<<3 | 1, 5, 6})
	for _, name := range []string{"stereo.opus", "mono_c0.opus"} {
		var packets []byte
		for _, page := range oggPages(f, readFile(f, "odd-audio", "lhotse", name))[2:] {
			table := page[27 : 27+int(page[26])]
			at := 27 + len(table)
			for _, n := range table[:min(len(table), 12)] {
				packets = append(append(packets, n), page[at:at+int(n)]...)
				at += int(n)
			}
		}
		f.Add(byte(2), packets)
	}
	f.Fuzz(func(t *testing.T, channels byte, b []byte) {
		var packets [][]byte
		for len(b) > 0 && len(packets) < 255 {
			n := min(int(b[0]), len(b)-1, 254)
			packets = append(packets, b[1:1+n])
			b = b[1+n:]
		}
		file := append(oggPage(2, 0, 0, opusHead(1+channels%2, 0)), oggPage(4, int64(len(packets))*960, 1, packets...)...)
		got, err := openBytes(t, file, builtIn)
		if err == nil && int(got.length) > len(packets)*1920 {
			t.Errorf("%d samples from %d packets", got.length, len(packets))
		}
	})
}
