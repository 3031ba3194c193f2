package resample

import (
	"bytes"
	"encoding/binary"
	"fmt"
	"math"
	"testing"

	"github.com/asr-backend/asr-backend/internal/oracle"
)

const soxrScript = `
import sys, numpy as np, soxr
rate = int(sys.argv[1])
x = np.frombuffer(sys.stdin.buffer.read(), np.float32)
y = soxr.resample(x.astype(np.float64), rate, 16000, quality="VHQ")
sys.stdout.buffer.write(y.astype(np.float32).tobytes())
`

// The input is noise without anything above 6.4 kHz (or the same part of a lower rate),
// where every good resampler is flat. What it would be at 16 kHz is known, as it is made
// of sines; soxr's highest quality, the reference of the field, is another witness. At
// 44.1 kHz that is the weaker one: it is itself 83 dB away from the truth there.
func TestBandLimitedNoiseAgreesWithSoxr(t *testing.T) {
	oracle.Python(t)
	for _, rate := range []int{8000, 22050, 44100, 48000} {
		t.Run(fmt.Sprintf("%d Hz", rate), func(t *testing.T) {
			src := lowNoise(rate, 0.40*float64(min(rate, Rate)))
			got := convert(t, rate, src)
			var in bytes.Buffer
			binary.Write(&in, binary.LittleEndian, src)
			raw := oracle.RunPython(t, in.Bytes(), soxrScript, fmt.Sprint(rate))
			want := make([]float32, len(raw)/4)
			binary.Read(bytes.NewReader(raw), binary.LittleEndian, want)

			if d := len(got) - len(want); d < -1 || d > 1 {
				t.Fatalf("got %d samples, soxr %d", len(got), len(want))
			}
			if snr := similarity(got, want); snr < 80 {
				t.Errorf("%.1f dB of signal to difference from soxr, want 80", snr)
			}
			if snr := similarity(got, lowNoise(Rate, 0.40*float64(min(rate, Rate)))); snr < 100 {
				t.Errorf("%.1f dB of signal to difference from the truth, want 100", snr)
			}
		})
	}
}

// similarity compares two versions of a second of sound but for its ends, in dB.
func similarity(got, want []float32) float64 {
	signal, diff := 0.0, 0.0
	for i := Rate / 10; i < min(len(got), len(want))-Rate/10; i++ {
		d := float64(got[i]) - float64(want[i])
		signal += float64(want[i]) * float64(want[i])
		diff += d * d
	}
	return 10 * math.Log10(signal/diff)
}

// lowNoise is a second of 200 sines between 30 Hz and top.
func lowNoise(rate int, top float64) []float32 {
	phases, x := noise(200, 7), make([]float32, rate)
	for k, phase := range phases {
		hz := 30 + (top-30)*float64(k)/200
		for i := range x {
			x[i] += float32(0.02 * math.Sin(2*math.Pi*hz*float64(i)/float64(rate)+math.Pi*float64(phase)))
		}
	}
	return x
}
