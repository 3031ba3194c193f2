package mpeg

import (
	"bytes"
	"encoding/binary"
	"io"
	"math"
	"testing"

	"github.com/hajimehoshi/go-mp3"
)

// decodeOther decodes by hajimehoshi/go-mp3, which always gives 16 bits in stereo, and
// returns the left channel.
func decodeOther(t testing.TB, file []byte) []float32 {
	t.Helper()
	d, err := mp3.NewDecoder(bytes.NewReader(file))
	if err != nil {
		t.Fatal(err)
	}
	b, err := io.ReadAll(d)
	if err != nil {
		t.Fatal(err)
	}
	x := make([]float32, len(b)/4)
	for i := range x {
		x[i] = float32(int16(binary.LittleEndian.Uint16(b[4*i:]))) / 32768
	}
	return x
}

// left is the first channel of what decodeAll gives for a file of the same mode.
func left(t testing.TB, file []byte) []float32 {
	t.Helper()
	x, _ := decodeAll(t, file, true)
	return x
}

func decibels(got, want []float32) float64 {
	signal, diff := 0.0, 0.0
	for i := range min(len(got), len(want)) {
		d := float64(got[i]) - float64(want[i])
		signal += float64(want[i]) * float64(want[i])
		diff += d * d
	}
	return 10 * math.Log10(signal/diff)
}

func TestAnotherDecoderAgreesOnMPEG1(t *testing.T) {
	for _, name := range []string{"l3-he_32khz.bit", "l3-he_44khz.bit", "l3-he_48khz.bit", "l3-compl.bit", "ILL2_layer3.bit"} {
		file := vector(t, name)
		if got := decibels(left(t, file), decodeOther(t, file)); got < 50 {
			t.Errorf("%s: %.1f dB of signal to difference, want 50", name, got)
		}
	}
}

// The fault for which this package exists: if the other decoder ever passes, it deserves
// another look.
func TestAnotherDecoderIsWrongAtLowSamplingFrequencies(t *testing.T) {
	ref := vector(t, "l3-test46.pcm")
	want := make([]float32, len(ref)/4)
	for i := range want {
		want[i] = float32(int16(binary.LittleEndian.Uint16(ref[4*i:]))) / 32768
	}
	file := vector(t, "l3-test46.bit")
	ours, other := decibels(left(t, file), want), decibels(decodeOther(t, file), want)
	t.Logf("signal to difference from the reference: %.1f dB here, %.1f dB there", ours, other)
	if ours < 70 || other > 20 {
		t.Errorf("ours %.1f dB, want 70 or more; the other %.1f dB, known to be below 20", ours, other)
	}
}

func BenchmarkOther(b *testing.B) {
	file := vector(b, "l3-sin1k0db.bit")
	samples := 0
	b.ReportAllocs()
	for b.Loop() {
		samples += len(decodeOther(b, file))
	}
	b.ReportMetric(float64(samples)/44100/b.Elapsed().Seconds(), "audio-s/s")
}
