package asr

import (
	"math"
	"testing"

	"github.com/asr-backend/asr-backend/asr/ctc"
	"github.com/asr-backend/asr-backend/asr/ort"
)

func logs(p ...float64) (out []float32) {
	for _, v := range p {
		out = append(out, float32(math.Log(v)))
	}
	return out
}

func TestRowsAgreeByBestPieceAndWhereAPieceIsPossible(t *testing.T) {
	want := logs(0.6, 0.3, 0.0999, 1e-4)
	nan := float32(math.NaN())
	for name, c := range map[string]struct {
		got        []float32
		difference float64
		ok         bool
	}{
		"equal":                       {want, 0, true},
		"within the bound":            {logs(0.61, 0.29, 0.0999, 1e-4), math.Log(0.3 / 0.29), true},
		"beyond it":                   {logs(0.7, 0.2, 0.0999, 1e-4), math.Log(1.5), false},
		"an impossible piece is far":  {logs(0.6, 0.3, 0.0999, 1e-6), 0, true},
		"an impossible piece appears": {logs(0.6, 0.3, 0.0999, 1e-2), math.Log(100), false},
		"no number":                   {[]float32{want[0], nan, want[2], want[3]}, math.NaN(), false},
		"no numbers":                  {[]float32{nan, nan, nan, nan}, math.NaN(), false},
	} {
		t.Run(name, func(t *testing.T) {
			var a agreement
			a.compare(want, c.got, len(want), 0.05)
			a.compare(want, want, len(want), 0.05) // what is right afterwards makes nothing good
			if err := a.check(0.05); (err == nil) != c.ok {
				t.Errorf("check: %v", err)
			}
			if d := a.difference; math.IsNaN(d) != math.IsNaN(c.difference) || math.Abs(d-c.difference) > 1e-5 {
				t.Errorf("difference %v, want %v", d, c.difference)
			}
		})
	}
}

// In fp16 many rows are close calls, whose best piece may be either; that is no fault.
func TestACloseCallMayGoEitherWay(t *testing.T) {
	want, other := logs(0.4, 0.39, 0.21), logs(0.39, 0.4, 0.21)
	var a agreement
	a.compare(want, other, 3, 0.05)
	if err := a.check(0.05); err != nil {
		t.Error(err)
	}
	clear, wrong := logs(0.9, 0.05, 0.05), logs(0.05, 0.9, 0.05)
	a = agreement{}
	for range 99 {
		a.compare(clear, clear, 3, 10)
	}
	a.compare(clear, wrong, 3, 2)
	if err := a.check(10); err != nil {
		t.Errorf("one row of 100: %v", err)
	}
	a.compare(clear, wrong, 3, 2)
	if err := a.check(10); err == nil {
		t.Error("two rows of 101 have another best piece")
	}
}

func TestSumsAgreeAsRowsDo(t *testing.T) {
	want := logs(0.6, 0.3, 0.0999, 1e-4)
	power := float32(0)
	for _, p := range []float64{0.6, 0.3, 0.0999, 1e-4} {
		power += float32(math.Pow(p, ctc.Alpha))
	}
	at := func(p float64) float32 { return float32(math.Log(p)) }
	for name, c := range map[string]struct {
		best       int64
		top, blank float32
		power      float32
		ok         bool
	}{
		"equal":              {0, at(0.6), at(1e-4), power, true},
		"within the bound":   {0, at(0.61), at(1e-4), power, true},
		"another piece":      {1, at(0.3), at(1e-4), power, false},
		"another top":        {0, at(0.7), at(1e-4), power, false},
		"an impossible one":  {0, at(0.6), at(1e-6), power, true},
		"blank appears":      {0, at(0.6), at(0.1), power, false},
		"another power":      {0, at(0.6), at(1e-4), power * 1.2, false},
		"no number":          {0, float32(math.NaN()), at(1e-4), power, false},
		"no power":           {0, at(0.6), at(1e-4), 0, false},
		"a piece too many":   {4, at(0.6), at(1e-4), power, false},
		"a piece below zero": {-1, at(0.6), at(1e-4), power, false},
	} {
		t.Run(name, func(t *testing.T) {
			b := &ort.Buffers{Batch: 2, Rows: 1, Width: 4, Best: []int64{9, c.best}, Top: []float32{0, c.top}, Blank: []float32{0, c.blank}, Power: []float32{0, c.power}}
			var a agreement
			a.compareSums(want, b, 1, 3, 0.05)
			if err := a.check(0.05); (err == nil) != c.ok {
				t.Errorf("check: %v, difference %v", err, a.difference)
			}
		})
	}
}
