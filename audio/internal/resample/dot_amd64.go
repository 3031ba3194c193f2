package resample

import "golang.org/x/sys/cpu"

// dot is dotLanes in AVX where the processor and the system have it.
func dot(x, h []float32) float32 {
	if cpu.X86.HasAVX {
		return dotAVX(x, h)
	}
	return dotLanes(x, h)
}

//go:noescape
func dotAVX(x, h []float32) float32
