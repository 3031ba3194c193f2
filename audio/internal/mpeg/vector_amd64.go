package mpeg

import "golang.org/x/sys/cpu"

func multiply(y, x, m []float32) {
	if cpu.X86.HasAVX {
		multiplyAVX(y, x, m)
		return
	}
	multiplyGo(y, x, m)
}

func weigh(out *[32]float32, v []float32, w *[512]float32) {
	if cpu.X86.HasAVX {
		weighAVX(out, v, w)
		return
	}
	weighGo(out, v, w)
}

func vectors(v *[slots * synthVector]float32, in *[slots][subbands]float32, m *[2][256]float32) {
	if cpu.X86.HasAVX {
		vectorsAVX(v, in, m)
		return
	}
	vectorsGo(v, in, m)
}

//go:noescape
func vectorsAVX(v *[slots * synthVector]float32, in *[slots][subbands]float32, m *[2][256]float32)

//go:noescape
func multiplyAVX(y, x, m []float32)

//go:noescape
func weighAVX(out *[32]float32, v []float32, w *[512]float32)
