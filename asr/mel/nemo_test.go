package mel_test

import (
	"fmt"
	"math"
	"slices"
	"testing"

	"github.com/asr-backend/asr-backend/asr/mel"
	"github.com/asr-backend/asr-backend/internal/npy"
	"github.com/asr-backend/asr-backend/internal/oracle"
	"github.com/asr-backend/asr-backend/timeline"
)

// signals are the rows of testdata/nemo/signals.npy.
var signals = []string{"noise", "chirp", "speech-like", "clipped", "direct current", "-30 dB", "-60 dB", "-90 dB",
	"tone", "silence with a click", "impulse at the first sample", "impulse at the last sample", "digital silence"}

// rawTolerance is what NeMo's own float32 arithmetic may be off, with room: 1.0e-4 was
// measured on telephone speech. Loud pure tones are further off; see tolerance.
const rawTolerance = 3e-4

// exactTolerance is for NeMo in float64. What is left comes from the last bit of the
// window's float32 cosine and shows on the loud chirp (4.3e-5); elsewhere 1.5e-5.
const exactTolerance = 5e-5

// tolerance is rawTolerance, or twice what NeMo in float32 is away from NeMo in float64
// on a signal where that is more.
func tolerance(t *testing.T, bands, signal int) float64 {
	t.Helper()
	single, exact := item(load(t, fmt.Sprintf("logmel%d.npy", bands)), signal), item(load(t, fmt.Sprintf("exact%d.npy", bands)), signal)
	noise := 0.0
	for i := range single {
		noise = max(noise, math.Abs(single[i]-exact[i]))
	}
	return max(rawTolerance, 2*noise)
}

func TestRawLogMelIsNeMosInFloat64(t *testing.T) {
	for _, bands := range []int{80, 128} {
		want := load(t, fmt.Sprintf("exact%d.npy", bands))
		for i, name := range signals {
			got, ref := extract(t, bands, signal(t, i)), item(want, i)
			frames := len(ref) / bands
			if d := largest(frames, bands, func(k, m int) float64 { return float64(got[k*bands+m]) - ref[m*frames+k] }); d > exactTolerance {
				t.Errorf("%d bands, %s: largest difference %.3g, want at most %.3g", bands, name, d, exactTolerance)
			}
		}
	}
}

func TestRawLogMelIsNeMos(t *testing.T) {
	for _, bands := range []int{80, 128} {
		want := load(t, fmt.Sprintf("logmel%d.npy", bands))
		for i, name := range signals {
			t.Run(fmt.Sprintf("%d bands, %s", bands, name), func(t *testing.T) {
				got := extract(t, bands, signal(t, i))
				ref := item(want, i)
				frames := len(ref) / bands
				if len(got) != len(ref) {
					t.Fatalf("got %d values, want %d", len(got), len(ref))
				}
				if d := largest(frames, bands, func(k, m int) float64 { return float64(got[k*bands+m]) - ref[m*frames+k] }); d > tolerance(t, bands, i) {
					t.Errorf("largest difference %.3g, want at most %.3g", d, tolerance(t, bands, i))
				}
			})
		}
	}
}

func TestNormalisedFeaturesAreNeMosWithinWhatTheirSpreadAllows(t *testing.T) {
	for _, bands := range []int{80, 128} {
		raws, want := load(t, fmt.Sprintf("logmel%d.npy", bands)), load(t, fmt.Sprintf("feats%d.npy", bands))
		for i, name := range signals {
			if name == "digital silence" {
				continue // NeMo's values there are rounding errors divided by 1e-5
			}
			t.Run(fmt.Sprintf("%d bands, %s", bands, name), func(t *testing.T) {
				ref, raw := item(want, i), item(raws, i)
				frames := len(ref) / bands
				allowedRaw := tolerance(t, bands, i)
				got := make([]float32, len(ref))
				mel.Normalize(got, extract(t, bands, signal(t, i)), bands, frames)
				for m := range bands {
					allowed := allowedRaw / (deviation(raw[m*frames:(m+1)*frames]) + 1e-5)
					for k := range frames {
						if d := math.Abs(float64(got[m*frames+k]) - ref[m*frames+k]); d > allowed {
							t.Fatalf("band %d, frame %d: got %v, want %v within %.3g", m, k, got[m*frames+k], ref[m*frames+k], allowed)
						}
					}
				}
			})
		}
	}
}

func TestNormalLevelSpeechIsWithinAHalfThousandth(t *testing.T) {
	i := slices.Index(signals, "speech-like")
	for _, bands := range []int{80, 128} {
		ref := item(load(t, fmt.Sprintf("feats%d.npy", bands)), i)
		frames := len(ref) / bands
		got := make([]float32, len(ref))
		mel.Normalize(got, extract(t, bands, signal(t, i)), bands, frames)
		for j := range got {
			if d := math.Abs(float64(got[j]) - ref[j]); d > 5e-4+1e-4*math.Abs(ref[j]) {
				t.Fatalf("%d bands, value %d: got %v, want %v", bands, j, got[j], ref[j])
			}
		}
	}
}

func TestDigitalSilenceNormalisesToZero(t *testing.T) {
	frames := extract(t, 80, make([]float32, 16000))
	got := make([]float32, len(frames))
	mel.Normalize(got, frames, 80, 100)
	for i, v := range got {
		if math.Abs(float64(v)) > 1e-3 {
			t.Fatalf("value %d: got %v, want 0", i, v)
		}
	}
}

func TestOneFrameNormalisesToZero(t *testing.T) {
	frames := extract(t, 80, signal(t, 0)[:300])
	if len(frames) != 80 {
		t.Fatalf("got %d values, want one frame", len(frames))
	}
	got := make([]float32, 80*8)
	mel.Normalize(got, frames, 80, 8)
	for i, v := range got {
		if v != 0 {
			t.Fatalf("value %d: got %v, want 0", i, v)
		}
	}
}

func TestFrameCountsAreNeMos(t *testing.T) {
	counts := load(t, "counts.npy")
	x := make([]float32, 33*16000+159)
	for i := 0; i < len(counts.Data); i += 2 {
		n, want := int(counts.Data[i]), int(counts.Data[i+1])
		if got := len(extract(t, 80, x[:n])) / 80; got != want || timeline.FramesIn(timeline.Sample(n)) != timeline.Frame(want) {
			t.Fatalf("%d samples: got %d frames, want %d", n, got, want)
		}
	}
}

func TestOddBandCountsAreRefused(t *testing.T) {
	for _, n := range []int{-1, 0, 257} {
		if _, err := mel.NewBank(n); err == nil {
			t.Errorf("%d bands: no error", n)
		}
	}
}

func load(t testing.TB, name string) *npy.Array {
	t.Helper()
	a, err := npy.Read(oracle.Data(t, "nemo", name))
	if err != nil {
		t.Fatal(err)
	}
	return a
}

// item is entry i of the first dimension.
func item(a *npy.Array, i int) []float64 {
	n := len(a.Data) / a.Shape[0]
	return a.Data[i*n : (i+1)*n]
}

func signal(t testing.TB, i int) []float32 {
	t.Helper()
	x := item(load(t, "signals.npy"), i)
	return (&npy.Array{Data: x}).Float32()
}

func extract(t testing.TB, bands int, x []float32) []float32 {
	t.Helper()
	bank, err := mel.NewBank(bands)
	if err != nil {
		t.Fatal(err)
	}
	e := mel.NewExtractor(bank, 1)
	return e.Finish(e.Append(nil, x))
}

func largest(frames, bands int, difference func(frame, band int) float64) float64 {
	worst := 0.0
	for k := range frames {
		for m := range bands {
			worst = max(worst, math.Abs(difference(k, m)))
		}
	}
	return worst
}

// deviation is the unbiased standard deviation.
func deviation(x []float64) float64 {
	var mean, sum float64
	for _, v := range x {
		mean += v / float64(len(x))
	}
	for _, v := range x {
		sum += (v - mean) * (v - mean)
	}
	return math.Sqrt(sum / float64(len(x)-1))
}
