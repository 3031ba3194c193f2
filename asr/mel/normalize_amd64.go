package mel

import "golang.org/x/sys/cpu"

// Here a vector holds four bands of a frame, so their number must be a multiple of four.

func sums(sum []float64, frames []float32) {
	if !cpu.X86.HasAVX2 || len(sum)%4 != 0 {
		sumsGo(sum, frames)
		return
	}
	sumsAVX2(sum, frames)
}

func squares(sum, mean []float64, frames []float32) {
	if !cpu.X86.HasAVX2 || len(sum)%4 != 0 {
		squaresGo(sum, mean, frames)
		return
	}
	squaresAVX2(sum, mean, frames)
}

func normalize(dst, frames []float32, mean, scale []float64, stride int) {
	bands, n := len(mean), 0
	if cpu.X86.HasAVX2 && bands%4 == 0 {
		n = len(frames) / bands &^ 3
	}
	if n > 0 {
		for m := 0; m < bands; m += 4 {
			normalizeAVX2(dst[m*stride:], frames[m:n*bands], (*[4]float64)(mean[m:]), (*[4]float64)(scale[m:]), bands, stride)
		}
	}
	normalizeGo(dst[n:], frames[n*bands:], mean, scale, stride)
}

// sumsAVX2 is sumsGo. It wants a whole number of frames.
//
//go:noescape
func sumsAVX2(sum []float64, frames []float32)

// squaresAVX2 is squaresGo. It wants a whole number of frames.
//
//go:noescape
func squaresAVX2(sum, mean []float64, frames []float32)

// normalizeAVX2 writes four bands to as many rows of dst. Their first values are at the beginning
// of frames, which are a multiple of four.
//
//go:noescape
func normalizeAVX2(dst, frames []float32, mean, scale *[4]float64, bands, stride int)
