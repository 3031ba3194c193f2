//go:build !amd64

package mpeg

func multiply(y, x, m []float32) { multiplyGo(y, x, m) }

func weigh(out *[32]float32, v []float32, w *[512]float32) { weighGo(out, v, w) }

func vectors(v *[slots * synthVector]float32, in *[slots][subbands]float32, m *[2][256]float32) {
	vectorsGo(v, in, m)
}

func transpose(z *[slots][subbands]float32, x *[lines]float32) { transposeGo(z, x) }

func unaliasRows(z *[slots][subbands]float32, cs, sn *[8]float32) { unaliasGo(z, cs, sn) }

func imdctRows(out, over, z *[slots][subbands]float32, from int, c *[6][slots][3]float32, w *[2 * slots][16]float32) {
	imdctGo(out, over, z, from, c, w)
}
