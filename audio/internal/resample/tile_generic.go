//go:build !amd64

package resample

func tile(y *[high * width]float32, x, h []float32) { tileGo(y, x, h) }
