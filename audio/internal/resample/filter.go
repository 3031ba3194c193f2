package resample

import "math"

const (
	crossings = 40    // zero crossings of the sinc on each side
	beta      = 9     // of the Kaiser window
	rollOff   = 0.928 // cut-off, relative to the lower Nyquist frequency

	// maxTable bounds a filter's table, in coefficients (512 KiB).
	maxTable = 1 << 17
	// finePhases is how many table rows an input sample is divided into where not every
	// phase has a row of its own.
	finePhases = 1024
)

// A Filter holds the coefficients for one input rate. It does not change after New and
// may be shared by any number of resamplers.
type Filter struct {
	rate     int
	up, down int // Rate/gcd and rate/gcd: one output is down/up inputs after the last
	step     int // down / up
	rest     int // down % up

	taps int // inputs an output is made of; 0 for the input that is left as it is

	// Where every phase has coefficients of its own, outputs are made in tiles. Elsewhere
	// the table has a row for each of a number of phases, and one more.
	tiling *tiling
	rows   int
	table  []float32 // rows of taps coefficients
}

// New returns the filter for an input of rate samples per second.
func New(rate int) (*Filter, error) {
	if err := checkRate(rate); err != nil {
		return nil, err
	}
	g := gcd(rate, Rate)
	f := &Filter{rate: rate, up: Rate / g, down: rate / g}
	f.step, f.rest = f.down/f.up, f.down%f.up
	if rate == Rate {
		return f, nil
	}

	// Going down, the kernel widens so that its cut-off follows the output's Nyquist
	// frequency.
	scale := min(1, float64(Rate)/float64(rate))
	half := int(math.Ceil(crossings / scale))
	f.taps, f.rows = 2*half, f.up
	if t := newTiling(f); len(t.first)*t.taps*high <= maxTable {
		f.tabulate(half, scale)
		t.fill(f)
		f.tiling, f.table = t, nil
		return f, nil
	}
	// A whole number of lanes suits dot; the window is zero out there.
	half = (half + lanes/2 - 1) / (lanes / 2) * (lanes / 2)
	f.taps, f.rows = 2*half, int(math.Ceil(finePhases*scale))
	f.tabulate(half, scale)
	return f, nil
}

// tabulate computes the coefficients of all rows, and of one more.
func (f *Filter) tabulate(half int, scale float64) {
	f.table = make([]float32, (f.rows+1)*f.taps)
	row := make([]float64, f.taps)
	for p := range f.rows/2 + 1 {
		// Each row sums to one: a constant stays that constant, whatever the phase.
		sum := 0.0
		for k := range row {
			t := float64(p)/float64(f.rows) + float64(half-1-k)
			row[k] = kernel(t * scale)
			sum += row[k]
		}
		// The kernel is symmetric, so that each row serves backwards as well.
		mirror := f.rows - p
		for k, v := range row {
			f.table[p*f.taps+k] = float32(v / sum)
			f.table[mirror*f.taps+f.taps-1-k] = float32(v / sum)
		}
	}
}

// row returns the coefficients of a row of the table.
func (f *Filter) row(n int) []float32 { return f.table[n*f.taps : (n+1)*f.taps] }

// at returns the output at the given phase by interpolation between rows; x holds its taps.
func (f *Filter) at(x []float32, phase int) float32 {
	fine := phase * f.rows
	p := fine / f.up
	weight := float32(fine%f.up) / float32(f.up)
	a, b := dot(x, f.row(p)), dot(x, f.row(p+1))
	return a + float32(weight*(b-a))
}

// kernel is the windowed sinc at t samples of the lower rate from its centre.
func kernel(t float64) float64 {
	x := t / crossings
	if x <= -1 || x >= 1 {
		return 0
	}
	window := besselI0(beta * math.Sqrt(1-x*x))
	if t == 0 {
		return rollOff * window
	}
	return math.Sin(math.Pi*rollOff*t) / (math.Pi * t) * window
}

// besselI0 is the modified Bessel function of order zero, by its power series.
func besselI0(x float64) float64 {
	q := x * x / 4
	sum, term := 1.0, 1.0
	for k := 1.0; term > sum*1e-12; k++ {
		term *= q / (k * k)
		sum += term
	}
	return sum
}

func gcd(a, b int) int {
	for b != 0 {
		a, b = b, a%b
	}
	return a
}
