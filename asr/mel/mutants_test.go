package mel_test

import (
	"math"
	"math/cmplx"
	"slices"
	"testing"
)

// definition computes normalised features slowly and literally, with single facts of the
// definition changed on request. It shows that the fixtures notice each of them.
type definition struct {
	periodic, reflect, maxGuard, biased, emphasiseFirst, htk, extraFrame bool
}

func (d definition) features(x []float32) (raw, normalised [][]float64) {
	const bands = 80
	y := make([]float64, len(x))
	for i := range x {
		y[i] = float64(x[i])
		if i > 0 {
			y[i] -= 0.97 * float64(x[i-1])
		} else if d.emphasiseFirst {
			y[i] *= 1 - 0.97
		}
	}
	at := func(i int) float64 {
		if d.reflect && i < 0 {
			i = -i
		}
		if d.reflect && i >= len(y) {
			i = 2*(len(y)-1) - i
		}
		if i < 0 || i >= len(y) {
			return 0
		}
		return y[i]
	}
	frames := len(x) / 160
	if d.extraFrame {
		frames++
	}
	filters := d.filters(bands)
	raw = make([][]float64, bands)
	for k := range frames {
		power := d.power(at, 160*k)
		for m := range bands {
			var e float64
			for b, w := range filters[m] {
				e += w * power[b]
			}
			guard := math.Exp2(-24)
			if d.maxGuard {
				raw[m] = append(raw[m], math.Log(max(e, guard)))
			} else {
				raw[m] = append(raw[m], math.Log(e+guard))
			}
		}
	}
	for _, row := range raw {
		std := deviation(row)
		if d.biased {
			std *= math.Sqrt(float64(len(row)-1) / float64(len(row)))
		}
		mean := 0.0
		for _, v := range row {
			mean += v / float64(len(row))
		}
		out := make([]float64, len(row))
		for k, v := range row {
			out[k] = (v - mean) / (std + 1e-5)
		}
		normalised = append(normalised, out)
	}
	return raw, normalised
}

// power is |DFT|² of the 512 samples around centre under the window.
func (d definition) power(at func(int) float64, centre int) []float64 {
	denominator := 399.0
	if d.periodic {
		denominator = 400
	}
	var frame [512]complex128
	for i := range 400 {
		w := 0.5 - 0.5*math.Cos(2*math.Pi*float64(i)/denominator)
		frame[56+i] = complex(w*at(centre-200+i), 0)
	}
	power := make([]float64, 257)
	for b := range power {
		var sum complex128
		for i, v := range frame {
			sum += v * cmplx.Rect(1, -2*math.Pi*float64(b*i%512)/512)
		}
		power[b] = real(sum)*real(sum) + imag(sum)*imag(sum)
	}
	return power
}

func (d definition) filters(bands int) [][]float64 {
	toMel := func(hz float64) float64 {
		if d.htk {
			return 2595 * math.Log10(1+hz/700)
		}
		if hz < 1000 {
			return hz * 3 / 200
		}
		return 15 + 27*math.Log(hz/1000)/math.Log(6.4)
	}
	toHz := func(m float64) float64 {
		if d.htk {
			return 700 * (math.Pow(10, m/2595) - 1)
		}
		if m < 15 {
			return m * 200 / 3
		}
		return 1000 * math.Pow(6.4, (m-15)/27)
	}
	edge := func(i int) float64 { return toHz(toMel(8000) * float64(i) / float64(bands+1)) }
	filters := make([][]float64, bands)
	for m := range filters {
		lo, mid, hi := edge(m), edge(m+1), edge(m+2)
		filters[m] = make([]float64, 257)
		for b := range filters[m] {
			hz := float64(b) * 31.25
			filters[m][b] = max(0, min((hz-lo)/(mid-lo), (hi-hz)/(hi-mid))) * 2 / (hi - lo)
		}
	}
	return filters
}

func TestFixturesNoticeEveryFactOfTheDefinition(t *testing.T) {
	for _, c := range []struct {
		name   string
		signal string
		change definition
		fails  bool
	}{
		{"the definition itself", "speech-like", definition{}, false},
		{"the definition itself, at the edges", "impulse at the first sample", definition{}, false},
		{"a periodic Hann window", "speech-like", definition{periodic: true}, true},
		{"reflected edges", "noise", definition{reflect: true}, true},
		{"the larger of energy and guard instead of their sum", "-60 dB", definition{maxGuard: true}, true},
		{"a biased standard deviation", "speech-like", definition{biased: true}, true},
		{"pre-emphasis of the first sample", "impulse at the first sample", definition{emphasiseFirst: true}, true},
		{"HTK's mel scale", "speech-like", definition{htk: true}, true},
		{"one frame more in the statistics", "speech-like", definition{extraFrame: true}, true},
	} {
		t.Run(c.name, func(t *testing.T) {
			i := slices.Index(signals, c.signal)
			wantRaw, want := item(load(t, "logmel80.npy"), i), item(load(t, "feats80.npy"), i)
			frames := len(want) / 80
			raw, normalised := c.change.features(signal(t, i))
			worst := 0.0 // in units of what is allowed
			for m := range 80 {
				allowed := rawTolerance / (deviation(wantRaw[m*frames:(m+1)*frames]) + 1e-5)
				for k := range frames {
					worst = max(worst, math.Abs(raw[m][k]-wantRaw[m*frames+k])/rawTolerance,
						math.Abs(normalised[m][k]-want[m*frames+k])/allowed)
				}
			}
			if failed := worst > 1; failed != c.fails {
				t.Errorf("largest difference is %.3g of what is allowed; want it noticed: %v", worst, c.fails)
			}
		})
	}
}
