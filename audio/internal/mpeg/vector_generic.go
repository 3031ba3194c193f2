//go:build !amd64

package mpeg

func multiply(y, x, m []float32) { multiplyGo(y, x, m) }

func weigh(out *[32]float32, v []float32, w *[512]float32) { weighGo(out, v, w) }

func vectors(v *[slots * synthVector]float32, in *[slots][subbands]float32, m *[2][256]float32) {
	vectorsGo(v, in, m)
}
