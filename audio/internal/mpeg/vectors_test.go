package mpeg

import (
	"bufio"
	"bytes"
	"encoding/binary"
	"errors"
	"io"
	"math"
	"os"
	"testing"

	"github.com/asr-backend/asr-backend/internal/oracle"
)

// vector reads one of the test vectors of minimp3, which hold those of the standard.
func vector(t testing.TB, name string) []byte {
	t.Helper()
	b, err := os.ReadFile(oracle.Data(t, "audio", "odd-audio", "minimp3-vectors", name))
	if err != nil {
		t.Fatal(err)
	}
	return b
}

// decodeAll decodes a file frame by frame, channels interleaved as they come, or only
// the first of them.
func decodeAll(t testing.TB, file []byte, first bool) (samples []float32, damaged int) {
	t.Helper()
	s := NewScanner(bufio.NewReaderSize(bytes.NewReader(file), 64<<10))
	var d Decoder
	out := [2][]float32{make([]float32, MaxSamples), make([]float32, MaxSamples)}
	for {
		f, err := s.Next()
		if err == io.EOF {
			return samples, damaged
		}
		if err != nil {
			t.Fatal(err)
		}
		if err := d.Decode(f.Header, f.Data, out); err != nil {
			if f.Cut {
				continue
			}
			if !errors.Is(err, ErrFrame) && !errors.Is(err, ErrStart) {
				t.Fatal(err)
			}
			damaged++
		}
		for i := range f.Samples() {
			samples = append(samples, out[0][i])
			if f.Channels() == 2 && !first {
				samples = append(samples, out[1][i])
			}
		}
	}
}

// The standard calls a decoder of full accuracy if no sample is off by more than one
// step of 15 bits; rounding to 16 bits alone makes half a step of these.
func TestVectorsDecodeToTheReferenceWithinHalfAStepOf16Bits(t *testing.T) {
	for name, what := range map[string]string{
		"M2L3_compl24": "MPEG-2 at 24 kHz, all block types",
		"l3-test46":    "MPEG-2 at 22.05 kHz, intensity and middle-side stereo",
		"l3-he_mode":   "every mode in turn, mono among stereo",
		"l3-he_free":   "free format",
		"l3-hecommon":  "every bit of the header",
		"l3-si_block":  "every block type, mixed ones included",
	} {
		t.Run(what, func(t *testing.T) {
			ref := vector(t, name+".pcm")
			got, damaged := decodeAll(t, vector(t, name+".bit"), false)
			if damaged > 0 {
				t.Errorf("%d frames could not be decoded", damaged)
			}
			// Some references stop a frame before the file does.
			n := len(ref) / 2
			if len(got) < n || len(got) > n+2*MaxSamples {
				t.Fatalf("got %d samples, the reference has %d", len(got), n)
			}
			worst := 0.0
			for i := range n {
				want := float64(int16(binary.LittleEndian.Uint16(ref[2*i:])))
				v := min(32767, max(-32768, 32768*float64(got[i])))
				worst = max(worst, math.Abs(v-want))
			}
			if worst > 0.51 {
				t.Errorf("off by up to %.3f steps", worst)
			}
		})
	}
}

func TestDamagedFramesGiveSilenceOfTheirLength(t *testing.T) {
	whole, _ := decodeAll(t, vector(t, "l3-compl.bit"), true)
	for _, name := range []string{
		"l3-nonstandard-compl-sideinfo-bigvalues.bit",
		"l3-nonstandard-compl-sideinfo-blocktype.bit",
		"l3-nonstandard-compl-sideinfo-size.bit",
	} {
		got, damaged := decodeAll(t, vector(t, name), true)
		if damaged != 1 {
			t.Errorf("%s: %d damaged frames, want 1", name, damaged)
		}
		if len(got) != len(whole) {
			t.Errorf("%s: %d samples, want %d", name, len(got), len(whole))
			continue
		}
		// Up to the damage nothing differs, and well behind it nothing does either.
		first, last := len(whole), 0
		for i := range whole {
			if got[i] != whole[i] {
				first, last = min(first, i), max(last, i)
			}
		}
		if last-first > 6*MaxSamples {
			t.Errorf("%s: samples %d to %d differ, more than six frames", name, first, last)
		}
	}
}

// Skipping must leave no trace two frames later, or a cropped recording would differ
// from the whole one.
func TestSkippingFramesChangesNothingTwoFramesLater(t *testing.T) {
	file := vector(t, "l3-test46.bit")
	var frames [][]byte
	var headers []Header
	s := NewScanner(bufio.NewReaderSize(bytes.NewReader(file), 64<<10))
	for {
		f, err := s.Next()
		if err == io.EOF {
			break
		}
		frames, headers = append(frames, bytes.Clone(f.Data)), append(headers, f.Header)
	}
	decode := func(d *Decoder, i int) [2][]float32 {
		out := [2][]float32{make([]float32, MaxSamples), make([]float32, MaxSamples)}
		if err := d.Decode(headers[i], frames[i], out); err != nil {
			t.Fatalf("frame %d: %v", i, err)
		}
		return out
	}
	var all Decoder
	for target := range 40 {
		want := decode(&all, target)
		var d Decoder
		for i := range max(0, target-2) {
			d.Skip(headers[i], frames[i])
		}
		for i := max(0, target-2); i < target; i++ {
			decode(&d, i)
		}
		got := decode(&d, target)
		for c := range got {
			for i := range got[c] {
				if math.Float32bits(got[c][i]) != math.Float32bits(want[c][i]) {
					t.Fatalf("frame %d, channel %d, sample %d: got %v, want %v", target, c, i, got[c][i], want[c][i])
				}
			}
		}
	}
}

func TestDecodingAllocatesNothing(t *testing.T) {
	file := vector(t, "l3-compl.bit")
	var d Decoder
	out := [2][]float32{make([]float32, MaxSamples), make([]float32, MaxSamples)}
	h, err := ParseHeader(file)
	if err != nil {
		t.Fatal(err)
	}
	if n := testing.AllocsPerRun(100, func() { _ = d.Decode(h, file[:h.Size()], out) }); n != 0 {
		t.Errorf("%v allocations a frame", n)
	}
}
