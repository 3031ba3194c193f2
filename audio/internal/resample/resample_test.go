package resample

import (
	"fmt"
	"math"
	"math/rand/v2"
	"testing"

	"pgregory.net/rapid"
)

// rates are those that recordings have, and some that only odd devices give.
var rates = []int{8000, 11025, 11127, 12000, 16000, 22050, 24000, 32000, 37800, 44100, 47999, 48000, 88200, 96000, 192000}

// convert resamples all of src at once.
func convert(t testing.TB, rate int, src []float32) []float32 {
	t.Helper()
	f, err := New(rate)
	if err != nil {
		t.Fatal(err)
	}
	r := f.Resampler()
	return r.Finish(r.Append(nil, src))
}

// tone is seconds of a sine of amplitude 0.5.
func tone(rate int, hz float64, seconds float64) []float32 {
	x := make([]float32, int(float64(rate)*seconds))
	for i := range x {
		x[i] = float32(0.5 * math.Sin(2*math.Pi*hz*float64(i)/float64(rate)))
	}
	return x
}

// rms of the samples that lie more than 0.1 s from either end, in dB over that of a sine
// of amplitude 0.5.
func level(x []float32) float64 {
	x = x[Rate/10 : len(x)-Rate/10]
	sum := 0.0
	for _, v := range x {
		sum += float64(v) * float64(v)
	}
	return 10 * math.Log10(sum/float64(len(x))/0.125+1e-30)
}

// The output of a tone is known without any resampler: the same tone, sampled at the
// other rate. Agreement shows level, phase, the absence of delay and of images at once.
func TestTonesComeOutAsTheyWouldHaveBeenSampled(t *testing.T) {
	for _, rate := range rates {
		for _, hz := range []float64{50, 440, 1000, 3000, 3500, 7000} {
			if hz > 0.4375*float64(rate) { // 7 of 16 kHz, in proportion
				continue
			}
			t.Run(fmt.Sprintf("%.0f Hz at %d Hz", hz, rate), func(t *testing.T) {
				got := convert(t, rate, tone(rate, hz, 0.4))
				want := tone(Rate, hz, 0.4)
				// At the edge of the passband the level may be off by 0.1 dB, 1.16 %; below
				// it only by the ripple and the arithmetic.
				limit := 0.5 * 3e-5
				if hz > 0.41*float64(min(rate, Rate)) {
					limit = 0.5 * 0.0116
				}
				worst := 0.0
				for i := Rate / 10; i < len(got)-Rate/10; i++ {
					worst = max(worst, math.Abs(float64(got[i]-want[i])))
				}
				if worst > limit {
					t.Errorf("off by up to %.2g, want at most %.2g", worst, limit)
				}
			})
		}
	}
}

func TestTheLevelIsFlatToSevenKilohertzWithinATenthOfADecibel(t *testing.T) {
	for _, rate := range rates {
		if rate < Rate {
			continue
		}
		for hz := 100.0; hz <= 7000; hz += 690 {
			if got := level(convert(t, rate, tone(rate, hz, 0.3))); math.Abs(got) > 0.1 {
				t.Errorf("%d Hz: a tone of %.0f Hz comes out at %.3f dB", rate, hz, got)
			}
		}
	}
}

func TestNothingAboveEightKilohertzFoldsBackAboveMinus90Decibels(t *testing.T) {
	for _, rate := range rates {
		for hz := 8010.0; hz < float64(rate)/2; hz *= 1.11 {
			if got := level(convert(t, rate, tone(rate, hz, 0.3))); got > -90 {
				t.Errorf("%d Hz: a tone of %.0f Hz leaves %.1f dB", rate, hz, got)
			}
		}
	}
}

func TestAConstantStaysThatConstant(t *testing.T) {
	for _, rate := range rates {
		src := make([]float32, rate/2)
		for i := range src {
			src[i] = 0.25
		}
		got := convert(t, rate, src)
		for i := Rate / 10; i < len(got)-Rate/10; i++ {
			if math.Abs(float64(got[i])-0.25) > 1e-6 {
				t.Errorf("%d Hz: sample %d is %v, want 0.25", rate, i, got[i])
				break
			}
		}
	}
}

func TestSixteenKilohertzPassesUntouched(t *testing.T) {
	src := noise(5000, 1)
	got := convert(t, Rate, src)
	if len(got) != len(src) {
		t.Fatalf("got %d samples, want %d", len(got), len(src))
	}
	for i := range src {
		if got[i] != src[i] {
			t.Fatalf("sample %d: got %v, want %v", i, got[i], src[i])
		}
	}
}

// However the input is cut, and wherever the output begins, the bits are the same.
func TestCuttingTheInputAnywhereChangesNothing(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		rate := rapid.SampledFrom(rates).Draw(t, "rate")
		// Up to some blocks of tiles at most rates, or up to what has none.
		samples := rapid.OneOf(rapid.IntRange(0, 6000), rapid.IntRange(0, 40000)).Draw(t, "samples")
		src := noise(samples, rapid.Uint64().Draw(t, "seed"))
		f, err := New(rate)
		if err != nil {
			t.Fatal(err)
		}
		whole := f.Resampler()
		want := whole.Finish(whole.Append(nil, src))
		if int64(len(want)) != Length(rate, int64(len(src))) {
			t.Fatalf("got %d samples, Length says %d", len(want), Length(rate, int64(len(src))))
		}

		r := f.Resampler()
		start := rapid.IntRange(0, len(want)).Draw(t, "start")
		in := int(r.StartAt(int64(start)))
		var got []float32
		for rest := src[min(in, len(src)):]; len(rest) > 0; {
			n := min(len(rest), rapid.OneOf(rapid.IntRange(1, 2500), rapid.IntRange(1, 12000)).Draw(t, "piece"))
			got = r.Append(got, rest[:n])
			rest = rest[n:]
		}
		if in <= len(src) {
			got = r.Finish(got)
		}
		if in > len(src) && start < len(want) {
			t.Fatalf("output %d of %d begins at input %d of %d", start, len(want), in, len(src))
		}
		if in > len(src) {
			return
		}
		if len(got) != len(want)-start {
			t.Fatalf("got %d samples from %d on, want %d", len(got), start, len(want)-start)
		}
		for i, v := range got {
			if math.Float32bits(v) != math.Float32bits(want[start+i]) {
				t.Fatalf("sample %d: got %v, want %v", start+i, v, want[start+i])
			}
		}
	})
}

func TestLengthsAreRoundedToTheNearestSampleAtAnyHour(t *testing.T) {
	for _, c := range []struct {
		rate  int
		n, at int64
	}{
		{44100, 0, 0}, {44100, 1, 0}, {44100, 2, 1}, {44100, 441, 160},
		{48000, 1, 0}, {48000, 2, 1}, {48000, 3, 1}, {8000, 1, 2},
		{32000, 1, 1}, // half a sample rounds up
		{44100, 44100 * 3600 * 1000, 16000 * 3600 * 1000},
		{44100, 44100*3600*1000 + 441, 16000*3600*1000 + 160},
		{767999, 767999*3600*1000 + 48, 16000*3600*1000 + 1},
	} {
		if got := Length(c.rate, c.n); got != c.at {
			t.Errorf("Length(%d, %d): got %d, want %d", c.rate, c.n, got, c.at)
		}
	}
}

func TestTheLastSampleOfADayIsAsExactAsTheFirst(t *testing.T) {
	const rate, hz = 44100, 1000
	const day = 24 * 3600 * Rate
	f, err := New(rate)
	if err != nil {
		t.Fatal(err)
	}
	r := f.Resampler()
	in := r.StartAt(day)
	src := make([]float32, 2000)
	for i := range src {
		// Whole periods fit into a second, so the argument may be reduced by seconds.
		src[i] = float32(0.5 * math.Sin(2*math.Pi*hz*float64((in+int64(i))%rate)/rate))
	}
	for i, got := range r.Append(nil, src) {
		want := 0.5 * math.Sin(2*math.Pi*hz*float64(i)/Rate)
		if math.Abs(float64(got)-want) > 2e-5 {
			t.Fatalf("sample %d of the second day: got %v, want %v", i, got, want)
		}
	}
}

func TestRatesThatNoRecordingHasAreRefused(t *testing.T) {
	for _, rate := range []int{-1, 0, 999, 768001, 1 << 30} {
		if _, err := New(rate); err == nil {
			t.Errorf("%d Hz: got no error", rate)
		}
	}
}

func TestTablesStayBounded(t *testing.T) {
	for rate := MinRate; rate <= MaxRate; rate += 9973 {
		f, err := New(rate)
		if err != nil {
			t.Fatal(err)
		}
		if len(f.table) > maxTable+f.taps {
			t.Errorf("%d Hz: the table has %d coefficients", rate, len(f.table))
		}
		if f.tiling != nil && len(f.tiling.table) > maxTable {
			t.Errorf("%d Hz: the tiles have %d coefficients", rate, len(f.tiling.table))
		}
	}
}

// The vector and the plain version must agree to the last bit, or a machine without AVX
// would give other features.
func TestBothDotProductsGiveTheSameBits(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		n := lanes * rapid.IntRange(0, 20).Draw(t, "lanes")
		seed := rapid.Uint64().Draw(t, "seed")
		x, h := noise(n+3, seed)[3:], noise(n, seed+1)
		if a, b := dot(x, h), dotLanes(x, h); math.Float32bits(a) != math.Float32bits(b) {
			t.Fatalf("dot %v, dotLanes %v", a, b)
		}
	})
}

func TestBothTilesGiveTheSameBits(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		n := rapid.IntRange(0, 300).Draw(t, "rows")
		seed := rapid.Uint64().Draw(t, "seed")
		x, h := noise(n*width+3, seed)[3:], noise(n*high, seed+1)
		var a, b [high * width]float32
		tile(&a, x, h)
		tileGo(&b, x, h)
		for i := range a {
			if math.Float32bits(a[i]) != math.Float32bits(b[i]) {
				t.Fatalf("sum %d: tile %v, tileGo %v", i, a[i], b[i])
			}
		}
	})
}

func noise(n int, seed uint64) []float32 {
	r := rand.New(rand.NewPCG(seed, 0))
	x := make([]float32, n)
	for i := range x {
		x[i] = r.Float32()*2 - 1
	}
	return x
}
