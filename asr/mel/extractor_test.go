package mel

import (
	"math"
	"runtime"
	"slices"
	"testing"

	"github.com/asr-backend/asr-backend/internal/npy"
	"github.com/asr-backend/asr-backend/internal/oracle"
	"github.com/asr-backend/asr-backend/timeline"

	"pgregory.net/rapid"
)

func TestFiltersAreLibrosas(t *testing.T) {
	for bands, file := range map[int]string{80: "filters80.npy", 128: "filters128.npy"} {
		want, err := npy.Read(oracle.Data(t, "nemo", file))
		if err != nil {
			t.Fatal(err)
		}
		for m, f := range slaneyFilters(bands) {
			row := make([]float64, bins)
			copy(row[f.first:], f.weights)
			for k := range row {
				if d := math.Abs(row[k] - want.Data[m*bins+k]); d > 5e-7 {
					t.Fatalf("%d bands: band %d, bin %d: got %v, want %v", bands, m, k, row[k], want.Data[m*bins+k])
				}
			}
		}
	}
}

func TestFramesDoNotDependOnHowSamplesAreSplit(t *testing.T) {
	bank, err := NewBank(80)
	if err != nil {
		t.Fatal(err)
	}
	rapid.Check(t, func(t *rapid.T) {
		n := rapid.IntRange(0, 6000).Draw(t, "samples")
		x := make([]float32, n)
		for i := range x {
			x[i] = float32(math.Sin(float64(i*i) / 997))
		}
		whole := NewExtractor(bank, 1)
		want := whole.Finish(whole.Append(nil, x))
		parts := NewExtractor(bank, rapid.IntRange(1, 4).Draw(t, "workers"))
		var got []float32
		for at := 0; at < n; {
			size := min(rapid.IntRange(0, 1000).Draw(t, "part"), n-at)
			got = parts.Append(got, x[at:at+size])
			at += size
		}
		got = parts.Finish(got)
		if !slices.Equal(got, want) {
			t.Fatalf("%d samples: frames differ", n)
		}
	})
}

func TestWorkersGiveTheSameFrames(t *testing.T) {
	bank, err := NewBank(128)
	if err != nil {
		t.Fatal(err)
	}
	x := make([]float32, 10*timeline.SampleRate)
	for i := range x {
		x[i] = float32(math.Sin(float64(i*i) / 997))
	}
	one, many := NewExtractor(bank, 1), NewExtractor(bank, 5)
	if !slices.Equal(one.Finish(one.Append(nil, x)), many.Finish(many.Append(nil, x))) {
		t.Error("five workers give other frames than one")
	}
}

func TestTenHoursNeedNoMoreMemoryThanASecond(t *testing.T) {
	if testing.Short() {
		t.Skip("ten hours take some seconds")
	}
	bank, err := NewBank(80)
	if err != nil {
		t.Fatal(err)
	}
	e := NewExtractor(bank, runtime.GOMAXPROCS(0))
	second := make([]float32, timeline.SampleRate)
	for i := range second {
		second[i] = float32(math.Sin(float64(i) / 7))
	}
	var dst []float32
	frames := 0
	run := func(seconds int) uint64 {
		for range seconds {
			dst = e.Append(dst[:0], second)
			frames += len(dst) / 80
		}
		runtime.GC()
		var m runtime.MemStats
		runtime.ReadMemStats(&m)
		return m.HeapAlloc
	}
	before := run(10)
	after := run(36000 - 10)
	frames += len(e.Finish(nil)) / 80
	if frames != 3600000 {
		t.Errorf("got %d frames, want 3600000", frames)
	}
	if after > before+1<<20 {
		t.Errorf("heap grew from %d to %d bytes", before, after)
	}
}

func BenchmarkExtractor(b *testing.B) {
	for _, bands := range []int{80, 128} {
		b.Run(map[int]string{80: "80 bands", 128: "128 bands"}[bands], func(b *testing.B) {
			bank, err := NewBank(bands)
			if err != nil {
				b.Fatal(err)
			}
			x := make([]float32, 10*timeline.SampleRate)
			for i := range x {
				x[i] = float32(math.Sin(float64(i) * 0.1 * float64(i%977)))
			}
			e := NewExtractor(bank, 1)
			var dst []float32
			b.ReportAllocs()
			for b.Loop() {
				dst = e.Append(dst[:0], x)
			}
			b.ReportMetric(10*float64(b.N)/b.Elapsed().Seconds(), "audio-s/s")
		})
	}
}

func BenchmarkNormalize(b *testing.B) {
	frames := make([]float32, 2560*80)
	for i := range frames {
		frames[i] = float32(math.Sin(float64(i))) - 9
	}
	dst := make([]float32, len(frames))
	for b.Loop() {
		Normalize(dst, frames, 80, 2560)
	}
	b.ReportMetric(25.6*float64(b.N)/b.Elapsed().Seconds(), "audio-s/s")
}
