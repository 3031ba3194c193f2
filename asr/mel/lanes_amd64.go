package mel

import "golang.org/x/sys/cpu"

// vector is a number of each of the frames that are computed together. The vector code does
// to every lane what the code for one frame does, in the same order, and gives the same bits.
type vector [lanes]float64

// vectors is the working memory of four frames.
type vectors struct {
	points   [half][2]vector // real and imaginary part
	power    [bins]vector
	energies [mostBands]vector
}

// four writes the log-mel values and levels of the four frames of y. It returns false if it
// cannot: without AVX2, and where an energy is infinite or not a number.
func (b *Bank) four(dst []float32, levels *[lanes]Level, y *[fourSize]float64, v *vectors) bool {
	if !cpu.X86.HasAVX2 {
		return false
	}
	firstAVX2(&v.points, y, &b.fft.window, &b.fft.order)
	butterfliesAVX2(&v.points, &b.fft.twiddle)
	separateAVX2(&v.power, &v.points, &b.fft.unpack)
	if !energiesAVX2(&v.energies, &v.power, b.filters) {
		return false
	}
	logsAVX2(dst, &v.energies, b.log)
	var loud vector
	loudnessAVX2(&loud, v.energies[:b.bands])
	for i, sum := range loud {
		levels[i] = levelOf(sum, b.bands)
	}
	return true
}

func emphasize(dst []float64, x []float32) {
	n := 0
	if cpu.X86.HasAVX2 {
		n = len(dst) &^ 3
		emphasizeAVX2(dst[:n], x)
	}
	emphasizeGo(dst[n:], x[n:])
}

// firstAVX2 is fft.first.
//
//go:noescape
func firstAVX2(points *[half][2]vector, y *[fourSize]float64, window *[windowSize]float64, order *[half / 4]uint8)

// butterfliesAVX2 is all stages of butterflies.
//
//go:noescape
func butterfliesAVX2(points *[half][2]vector, twiddle *[stages][3][2]float64)

// separateAVX2 is fft.separate.
//
//go:noescape
func separateAVX2(power *[bins]vector, points *[half][2]vector, unpack *[half/2 + 1][2]float64)

// energiesAVX2 writes the guarded energies of the filters and returns whether all are finite.
//
//go:noescape
func energiesAVX2(energies *[mostBands]vector, power *[bins]vector, filters []filter) (finite bool)

// logsAVX2 is logTable.logs of the first len(dst)/lanes energies, which are finite, each frame
// in a row of dst.
//
//go:noescape
func logsAVX2(dst []float32, energies *[mostBands]vector, table *logTable)

// loudnessAVX2 is loudness.
//
//go:noescape
func loudnessAVX2(sum *vector, energies []vector)

// emphasizeAVX2 is emphasizeGo for a multiple of four samples.
//
//go:noescape
func emphasizeAVX2(dst []float64, x []float32)
