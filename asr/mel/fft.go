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
//
// The arithmetic is that of the vector code, in the same order. Here and below a conversion
// around a product keeps compilers from fusing it with an addition (which rounds once where two
// instructions round twice), so that every machine gives the same bits.
type fft struct {
	window  [windowSize]float64    // times a half, for separate
	order   [half / 4]uint8        // where a butterfly of the first stage stands: base-4 digits reversed
	twiddle [stages][3][2]float64  // exp(-2πi·leg·p/4q) for legs 1 to 3, all p below q, for q = 4, 16, 64
	unpack  [half/2 + 1][2]float64 // exp(-2πik/512)
}

const stages = 4 + 16 + 64 // butterflies with twiddles of their own

func newFFT() *fft {
	f := new(fft)
	// The window is rounded as NeMo's is, in float32: on loud pure tones the rounding of
	// the window is what fills the bins far away from the tone.
	for i := range f.window {
		angle := float32(i) * float32(2*math.Pi/(windowSize-1))
		f.window[i] = float64(0.5-0.5*float32(math.Cos(float64(angle)))) / 2
	}
	for i := range f.order {
		f.order[i] = uint8(i>>4&3 | i>>2&3<<2 | i&3<<4)
	}
	rotations := f.twiddle[:0]
	for q := 4; q < half; q *= 4 { // q points from one leg of the butterfly to the next
		for p := range q {
			var legs [3][2]float64
			for i := range legs {
				legs[i] = root(-2 * math.Pi * float64((i+1)*p) / float64(4*q))
			}
			rotations = append(rotations, legs)
		}
	}
	for k := range f.unpack {
		f.unpack[k] = root(-2 * math.Pi * float64(k) / fftSize)
	}
	return f
}

func root(angle float64) [2]float64 { return [2]float64{math.Cos(angle), math.Sin(angle)} }

// times returns the complex product of x and w.
func times(xr, xi float64, w *[2]float64) (re, im float64) {
	return float64(xr*w[0]) - float64(xi*w[1]), float64(xr*w[1]) + float64(xi*w[0])
}

// power writes |X|² of the 257 bins of y under the window, y standing in the middle of the
// 512 points. A shift in time does not change the power, so y is put at point zero.
func (f *fft) power(y *[windowSize]float64, s *spectrum) {
	f.first(s, y)
	twiddle := f.twiddle[:]
	for q := 4; q < half; q *= 4 {
		butterflies(s, q, twiddle[:q])
		twiddle = twiddle[q:]
	}
	f.separate(s)
}

// first is the window and the stage of the points i, i+64, i+128 and i+192, whose twiddles are
// all one. The window ends at point 200.
func (f *fft) first(s *spectrum, y *[windowSize]float64) {
	const q = half / 4
	for i := range q {
		r0, i0 := f.windowed(y, i)
		xr, xi := f.windowed(y, i+q)
		yr, yi := f.windowed(y, i+2*q)
		zr, zi := 0., 0.
		if i+3*q < windowSize/2 {
			zr, zi = f.windowed(y, i+3*q)
		}
		ar, ai, br, bi := r0+yr, i0+yi, r0-yr, i0-yi
		cr, ci, dr, di := xr+zr, xi+zi, xr-zr, xi-zi
		to := 4 * int(f.order[i]&(q-1))
		re, im := (*[4]float64)(s.re[to:]), (*[4]float64)(s.im[to:])
		re[0], im[0], re[2], im[2] = ar+cr, ai+ci, ar-cr, ai-ci
		re[1], im[1], re[3], im[3] = br+di, bi-dr, br-di, bi+dr
	}
}

// windowed returns a point.
func (f *fft) windowed(y *[windowSize]float64, i int) (re, im float64) {
	return float64(y[2*i] * f.window[2*i]), float64(y[2*i+1] * f.window[2*i+1])
}

// butterflies is the stage whose legs are q points apart.
func butterflies(s *spectrum, q int, twiddle [][3][2]float64) {
	for base := 0; base < half; base += 4 * q {
		r0, r1, r2, r3 := s.re[base:][:q], s.re[base+q:][:q], s.re[base+2*q:][:q], s.re[base+3*q:][:q]
		i0, i1, i2, i3 := s.im[base:][:q], s.im[base+q:][:q], s.im[base+2*q:][:q], s.im[base+3*q:][:q]
		for p := range twiddle[:q] {
			w := &twiddle[p]
			xr, xi := times(r1[p], i1[p], &w[0])
			yr, yi := times(r2[p], i2[p], &w[1])
			zr, zi := times(r3[p], i3[p], &w[2])
			ar, ai, br, bi := r0[p]+yr, i0[p]+yi, r0[p]-yr, i0[p]-yi
			cr, ci, dr, di := xr+zr, xi+zi, xr-zr, xi-zi
			r0[p], i0[p], r2[p], i2[p] = ar+cr, ai+ci, ar-cr, ai-ci
			r1[p], i1[p], r3[p], i3[p] = br+di, bi-dr, br-di, bi+dr
		}
	}
}

// separate takes the real signal's spectrum out of the packed one: with Z the packed
// transform, E = (Z[k]+Z*[-k])/2 is that of the even samples, O = (Z[k]-Z*[-k])/2i that
// of the odd ones, and X[k] = E + exp(-2πik/512)·O. Bins k and 256-k share the work. The
// window has divided by two already.
func (f *fft) separate(s *spectrum) {
	a, b := 2*(s.re[0]+s.im[0]), 2*(s.re[0]-s.im[0])
	s.power[0], s.power[half] = a*a, b*b
	for k := 1; k <= half/2; k++ {
		m := half - k
		er, ei := s.re[k]+s.re[m], s.im[k]-s.im[m]
		or, oi := s.im[k]+s.im[m], s.re[m]-s.re[k]
		tr, ti := times(or, oi, &f.unpack[k])
		xr, xi := er+tr, ei+ti
		yr, yi := er-tr, ei-ti // conjugate of bin m
		s.power[k] = float64(xr*xr) + float64(xi*xi)
		s.power[m] = float64(yr*yr) + float64(yi*yi)
	}
}
