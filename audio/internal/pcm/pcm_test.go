package pcm

import (
	"bytes"
	"encoding/binary"
	"math"
	"os/exec"
	"testing"

	"github.com/asr-backend/asr-backend/internal/oracle"
)

func TestSamplesOfEveryKindDecodeToTheirValue(t *testing.T) {
	nan := math.Float32bits(float32(math.NaN()))
	for _, c := range []struct {
		name string
		e    Encoding
		src  []byte
		want []float32
	}{
		{"8 bits have their zero in the middle", Encoding{Unsigned, 1, false}, []byte{0, 64, 128, 192, 255}, []float32{-1, -0.5, 0, 0.5, 127. / 128}},
		{"16 bits", Encoding{Signed, 2, false}, []byte{0, 0x80, 0, 0x40, 0xff, 0x7f}, []float32{-1, 0.5, 32767. / 32768}},
		{"16 bits, big-endian", Encoding{Signed, 2, true}, []byte{0x80, 0, 0x40, 0, 0x7f, 0xff}, []float32{-1, 0.5, 32767. / 32768}},
		{"24 bits", Encoding{Signed, 3, false}, []byte{0, 0, 0x80, 0, 0, 0x40, 1, 0, 0}, []float32{-1, 0.5, 1. / (1 << 23)}},
		{"32 bits", Encoding{Signed, 4, false}, []byte{0, 0, 0, 0x80, 0, 0, 0, 0x20}, []float32{-1, 0.25}},
		{"40 bits", Encoding{Signed, 5, false}, []byte{0, 0, 0, 0, 0x80, 0, 0, 0, 0, 0x20}, []float32{-1, 0.25}},
		{"64 bits", Encoding{Signed, 8, true}, []byte{0xc0, 0, 0, 0, 0, 0, 0, 0}, []float32{-0.5}},
		{"24 bits in the low bytes of four", Encoding{Low24, 4, false}, []byte{0, 0, 0x80, 0, 0, 0, 0xc0, 0xff, 0, 0, 0x40, 0}, []float32{-1, -0.5, 0.5}},
		{"float", Encoding{Float, 4, false}, binary.LittleEndian.AppendUint32(nil, math.Float32bits(1.5)), []float32{1.5}},
		{"double", Encoding{Float, 8, true}, binary.BigEndian.AppendUint64(nil, math.Float64bits(-0.125)), []float32{-0.125}},
		{"what is no number is silence", Encoding{Float, 4, false}, binary.LittleEndian.AppendUint32(nil, nan), []float32{0}},
	} {
		t.Run(c.name, func(t *testing.T) {
			dst := [][]float32{make([]float32, len(c.want))}
			bad := c.e.Decode(dst, c.src)
			for i, want := range c.want {
				if dst[0][i] != want {
					t.Errorf("sample %d: got %v, want %v", i, dst[0][i], want)
				}
			}
			if want := bytes.Count([]byte(c.name), []byte("no number")); bad != want {
				t.Errorf("got %d that are no numbers, want %d", bad, want)
			}
		})
	}
}

func TestChannelsAreTakenApart(t *testing.T) {
	dst := [][]float32{make([]float32, 2), make([]float32, 2), make([]float32, 2)}
	Encoding{Signed, 2, false}.Decode(dst, []byte{0, 1, 0, 2, 0, 3, 0, 4, 0, 5, 0, 6})
	for c := range dst {
		for i, got := range dst[c] {
			if want := float32(3*i+c+1) / 128; got != want {
				t.Errorf("channel %d, frame %d: got %v, want %v", c, i, got, want)
			}
		}
	}
}

// All 256 codes of both laws, as ffmpeg expands them.
func TestLawsAreThoseOfFFmpeg(t *testing.T) {
	ffmpeg := oracle.FFmpeg(t)
	codes := make([]byte, 256)
	for i := range codes {
		codes[i] = byte(i)
	}
	for _, law := range []struct {
		name string
		kind Kind
	}{{"alaw", ALaw}, {"mulaw", MuLaw}} {
		t.Run(law.name, func(t *testing.T) {
			cmd := exec.Command(ffmpeg, "-v", "error", "-f", law.name, "-ar", "8000", "-i", "pipe:0", "-f", "s16le", "pipe:1")
			cmd.Stdin = bytes.NewReader(codes)
			out, err := cmd.Output()
			if err != nil || len(out) != 512 {
				t.Fatalf("ffmpeg gave %d bytes: %v", len(out), err)
			}
			dst := [][]float32{make([]float32, 256)}
			Encoding{law.kind, 1, false}.Decode(dst, codes)
			for i, got := range dst[0] {
				if want := float32(int16(binary.LittleEndian.Uint16(out[2*i:]))) / 32768; got != want {
					t.Errorf("code %#02x: got %v, want %v", i, got, want)
				}
			}
		})
	}
}
