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

//go:noescape
func multiplyAVX(y, x, m []float32)

//go:noescape
func weighAVX(out *[32]float32, v []float32, w *[512]float32)
