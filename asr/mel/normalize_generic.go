//go:build !amd64

package mel

func sums(sum []float64, frames []float32) { sumsGo(sum, frames) }

func squares(sum, mean []float64, frames []float32) { squaresGo(sum, mean, frames) }

func normalize(dst, frames []float32, mean, scale []float64, stride int) {
	normalizeGo(dst, frames, mean, scale, stride)
}
