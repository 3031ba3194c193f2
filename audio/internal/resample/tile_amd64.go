package resample

import "golang.org/x/sys/cpu"

// tile is tileGo in AVX where the processor and the system have it.
func tile(y *[high * width]float32, x, h []float32) {
	if cpu.X86.HasAVX {
		tileAVX(y, x, h)
		return
	}
	tileGo(y, x, h)
}

//go:noescape
func tileAVX(y *[high * width]float32, x, h []float32)
