package mel

import "math"

// half is the number of complex points: a real transform of 512 points is done as a
// complex one of 256, even samples real and odd samples imaginary.
const half = fftSize / 2

// spectrum is the working memory of one frame.
type spectrum struct {
	re, im   [half]float64
	power    [bins]float64
	energies [mostBands]float64
}

// fft holds the tables of a 256-point radix-4 transform, decimation in time, and of the
// step that takes the real spectrum out of it.
type fft struct {
	order   [half]uint8                // where input point i goes: base-4 digits reversed
	twiddle [3][3][half / 4][2]float64 // [stage-1][j-1][point in the butterfly]: cos, -sin of j·point
	unpack  [half/2 + 1][2]float64     // exp(-2πik/512)
}

func newFFT() *fft {
	f := new(fft)
	for i := range f.order {
		r := i>>6&3 | i>>4&3<<2 | i>>2&3<<4 | i&3<<6
		f.order[i] = uint8(r)
	}
	for stage := 1; stage <= 3; stage++ {
		quarter := 1 << (2 * stage) // points from one leg of the butterfly to the next
		for leg := 1; leg <= 3; leg++ {
			for p := range quarter {
				a := -2 * math.Pi * float64(leg*p) / float64(4*quarter)
				f.twiddle[stage-1][leg-1][p] = [2]float64{math.Cos(a), math.Sin(a)}
			}
		}
	}
	for k := range f.unpack {
		a := -2 * math.Pi * float64(k) / fftSize
		f.unpack[k] = [2]float64{math.Cos(a), math.Sin(a)}
	}
	return f
}

// power writes |X|² of the 257 bins of y under window, y standing in the middle of the
// 512 points. A shift in time does not change the power, so y is put at point zero.
func (f *fft) power(dst *[bins]float64, y []float64, window *[windowSize]float64, s *spectrum) {
	y = y[:windowSize]
	for i := range windowSize / 2 {
		p := f.order[i]
		s.re[p] = y[2*i] * window[2*i]
		s.im[p] = y[2*i+1] * window[2*i+1]
	}
	for i := windowSize / 2; i < half; i++ {
		p := f.order[i]
		s.re[p], s.im[p] = 0, 0
	}
	f.first(s)
	for stage := 1; stage <= 3; stage++ {
		f.butterflies(s, stage)
	}
	f.separate(dst, s)
}

// first is the stage of four neighbouring points, whose twiddles are all one.
func (f *fft) first(s *spectrum) {
	for i := 0; i < half; i += 4 {
		re, im := (*[4]float64)(s.re[i:]), (*[4]float64)(s.im[i:])
		ar, ai, br, bi := re[0]+re[2], im[0]+im[2], re[0]-re[2], im[0]-im[2]
		cr, ci, dr, di := re[1]+re[3], im[1]+im[3], re[1]-re[3], im[1]-im[3]
		re[0], im[0], re[2], im[2] = ar+cr, ai+ci, ar-cr, ai-ci
		re[1], im[1], re[3], im[3] = br+di, bi-dr, br-di, bi+dr
	}
}

func (f *fft) butterflies(s *spectrum, stage int) {
	q := 1 << (2 * stage)
	t1, t2, t3 := f.twiddle[stage-1][0][:q], f.twiddle[stage-1][1][:q], f.twiddle[stage-1][2][:q]
	for base := 0; base < half; base += 4 * q {
		r0, r1, r2, r3 := s.re[base:][:q], s.re[base+q:][:q], s.re[base+2*q:][:q], s.re[base+3*q:][:q]
		i0, i1, i2, i3 := s.im[base:][:q], s.im[base+q:][:q], s.im[base+2*q:][:q], s.im[base+3*q:][:q]
		for p := range q {
			wr, wi := t1[p][0], t1[p][1]
			xr, xi := r1[p]*wr-i1[p]*wi, r1[p]*wi+i1[p]*wr
			wr, wi = t2[p][0], t2[p][1]
			yr, yi := r2[p]*wr-i2[p]*wi, r2[p]*wi+i2[p]*wr
			wr, wi = t3[p][0], t3[p][1]
			zr, zi := r3[p]*wr-i3[p]*wi, r3[p]*wi+i3[p]*wr
			ar, ai, br, bi := r0[p]+yr, i0[p]+yi, r0[p]-yr, i0[p]-yi
			cr, ci, dr, di := xr+zr, xi+zi, xr-zr, xi-zi
			r0[p], i0[p], r2[p], i2[p] = ar+cr, ai+ci, ar-cr, ai-ci
			r1[p], i1[p], r3[p], i3[p] = br+di, bi-dr, br-di, bi+dr
		}
	}
}

// separate takes the real signal's spectrum out of the packed one: with Z the packed
// transform, E = (Z[k]+Z*[-k])/2 is that of the even samples, O = (Z[k]-Z*[-k])/2i that
// of the odd ones, and X[k] = E + exp(-2πik/512)·O. Bins k and 256-k share the work.
func (f *fft) separate(dst *[bins]float64, s *spectrum) {
	a, b := s.re[0]+s.im[0], s.re[0]-s.im[0]
	dst[0], dst[half] = a*a, b*b
	for k := 1; k <= half/2; k++ {
		m := half - k
		er, ei := (s.re[k]+s.re[m])/2, (s.im[k]-s.im[m])/2
		or, oi := (s.im[k]+s.im[m])/2, (s.re[m]-s.re[k])/2
		w := &f.unpack[k]
		tr, ti := or*w[0]-oi*w[1], or*w[1]+oi*w[0]
		xr, xi := er+tr, ei+ti
		yr, yi := er-tr, ei-ti // conjugate of bin m
		dst[k] = xr*xr + xi*xi
		dst[m] = yr*yr + yi*yi
	}
}
