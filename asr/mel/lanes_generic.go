//go:build !amd64

package mel

type vectors struct{}

// four computes nothing: frames are computed one by one.
func (b *Bank) four(dst []float32, levels *[lanes]Level, y *[fourSize]float64, v *vectors) bool {
	return false
}

func emphasize(dst []float64, x []float32) { emphasizeGo(dst, x) }
