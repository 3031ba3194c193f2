package mel

import (
	"math"
	"math/rand/v2"
	"testing"

	"github.com/asr-backend/asr-backend/timeline"

	"golang.org/x/sys/cpu"
	"pgregory.net/rapid"
)

// The vector code and that for one frame must agree to the last bit, or a frame would depend on
// those beside it and on the machine.
func TestFourFramesGiveTheBitsOfEachAlone(t *testing.T) {
	if !cpu.X86.HasAVX2 {
		t.Skip("the processor has no AVX2")
	}
	four, one := new(vectors), new(spectrum)
	rapid.Check(t, func(t *rapid.T) {
		bands := rapid.OneOf(rapid.Just(80), rapid.Just(128), rapid.IntRange(1, mostBands)).Draw(t, "bands")
		bank, err := NewBank(bands)
		if err != nil {
			t.Fatal(err)
		}
		y := drawSamples(t)
		got, levels := make([]float32, lanes*bands), new([lanes]Level)
		if !bank.four(got, levels, y, four) {
			t.Fatal("refused")
		}
		var loud vector
		loudnessAVX2(&loud, four.energies[:bands])
		for lane := range lanes {
			want := make([]float32, bands)
			level := bank.frame(want, (*[windowSize]float64)(y[lane*timeline.SamplesPerFrame:]), one)
			same(t, "powers", one.power[:], func(i int) float64 { return four.power[i][lane] })
			same(t, "energies", one.energies[:bands], func(i int) float64 { return four.energies[i][lane] })
			same(t, "loudness", []float64{loudness(one.energies[:bands])}, func(int) float64 { return loud[lane] })
			for m := range want {
				if g := got[lane*bands+m]; math.Float32bits(g) != math.Float32bits(want[m]) {
					t.Fatalf("frame %d, band %d: %v, alone %v", lane, m, g, want[m])
				}
			}
			if levels[lane] != level {
				t.Fatalf("frame %d: level %d, alone %d", lane, levels[lane], level)
			}
		}
	})
}

func TestOneEnergyThatIsNotFiniteIsNoticed(t *testing.T) {
	if !cpu.X86.HasAVX2 {
		t.Skip("the processor has no AVX2")
	}
	bank, err := NewBank(80)
	if err != nil {
		t.Fatal(err)
	}
	rapid.Check(t, func(t *rapid.T) {
		four := new(vectors)
		bin := rapid.IntRange(1, half-1).Draw(t, "bin")
		for i, x := range []float64{math.MaxFloat64, math.Inf(1), math.NaN()} {
			four.power[bin][rapid.IntRange(0, lanes-1).Draw(t, "lane")] = x
			if energiesAVX2(&four.energies, &four.power, bank.filters) != (i == 0) {
				t.Errorf("%v in bin %d", x, bin)
			}
		}
	})
}

// drawSamples draws four frames: noise of any loudness, with some samples silent or as loud as a
// float32 can be.
func drawSamples(t *rapid.T) *[fourSize]float64 {
	r := rand.New(rand.NewPCG(rapid.Uint64().Draw(t, "seed"), 0))
	scale := math.Exp2(float64(rapid.IntRange(-149, 127).Draw(t, "exponent")))
	y := new([fourSize]float64)
	for i := range y {
		y[i] = scale * (2*r.Float64() - 1)
	}
	odd := rapid.SampledFrom([]float64{0, math.Copysign(0, -1), 1, math.MaxFloat32}).Draw(t, "odd")
	from, to := rapid.IntRange(0, fourSize).Draw(t, "from"), rapid.IntRange(0, fourSize).Draw(t, "to")
	for i := from; i < to; i++ {
		y[i] = odd
	}
	return y
}

func same(t *rapid.T, what string, want []float64, got func(i int) float64) {
	t.Helper()
	for i, w := range want {
		if math.Float64bits(got(i)) != math.Float64bits(w) {
			t.Fatalf("%s: %d is %v, alone %v", what, i, got(i), w)
		}
	}
}

func TestEmphasisGivesTheSameBits(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		x := rapid.SliceOfN(rapid.Float32(), 1, 40).Draw(t, "samples")
		got, want := make([]float64, len(x)-1), make([]float64, len(x)-1)
		emphasize(got, x)
		emphasizeGo(want, x)
		same(t, "samples", want, func(i int) float64 { return got[i] })
	})
}

// BenchmarkFrames compares the code for one frame with that for four.
func BenchmarkFrames(b *testing.B) {
	bank, err := NewBank(80)
	if err != nil {
		b.Fatal(err)
	}
	y := new([fourSize]float64)
	for i := range y {
		y[i] = math.Sin(float64(i*i) / 997)
	}
	dst, levels, work := make([]float32, lanes*80), new([lanes]Level), new(workspace)
	audio := float64(lanes*timeline.SamplesPerFrame) / timeline.SampleRate // seconds of an iteration
	b.Run("one by one", func(b *testing.B) {
		for b.Loop() {
			for k := range lanes {
				levels[k] = bank.frame(dst[k*80:(k+1)*80], (*[windowSize]float64)(y[k*timeline.SamplesPerFrame:]), &work.one)
			}
		}
		b.ReportMetric(audio*float64(b.N)/b.Elapsed().Seconds(), "audio-s/s")
	})
	b.Run("four at once", func(b *testing.B) {
		for b.Loop() {
			bank.four(dst, levels, y, &work.four)
		}
		b.ReportMetric(audio*float64(b.N)/b.Elapsed().Seconds(), "audio-s/s")
	})
}
