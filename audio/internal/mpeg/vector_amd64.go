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

func transpose(z *[slots][subbands]float32, x *[lines]float32) {
	if cpu.X86.HasAVX {
		transposeAVX(z, x)
		return
	}
	transposeGo(z, x)
}

func unaliasRows(z *[slots][subbands]float32, cs, sn *[8]float32) {
	if cpu.X86.HasAVX {
		unaliasAVX(z, cs, sn)
		return
	}
	unaliasGo(z, cs, sn)
}

func imdctRows(out, over, z *[slots][subbands]float32, from int, c *[6][slots][3]float32, w *[2 * slots][16]float32) {
	if cpu.X86.HasAVX {
		imdctAVX(&out[0][from], &over[0][from], &z[0][from], c, w)
		return
	}
	imdctGo(out, over, z, from, c, w)
}

//go:noescape
func transposeAVX(z *[slots][subbands]float32, x *[lines]float32)

//go:noescape
func unaliasAVX(z *[slots][subbands]float32, cs, sn *[8]float32)

//go:noescape
func imdctAVX(out, over, z *float32, c *[6][slots][3]float32, w *[2 * slots][16]float32)

//go:noescape
func vectorsAVX(v *[slots * synthVector]float32, in *[slots][subbands]float32, m *[2][256]float32)

//go:noescape
func multiplyAVX(y, x, m []float32)

//go:noescape
func weighAVX(out *[32]float32, v []float32, w *[512]float32)
