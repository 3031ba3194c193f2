package mpeg

import (
	"math"
	"math/rand/v2"
	"testing"
)

func TestHuffmanTreesHaveNoLooseEnds(t *testing.T) {
	for name, leaves := range map[string][]uint16{
		"1": pair1, "2": pair2, "3": pair3, "5": pair5, "6": pair6, "7": pair7, "8": pair8,
		"9": pair9, "10": pair10, "11": pair11, "12": pair12, "13": pair13, "15": pair15,
		"16": pair16, "24": pair24, "A": quadA, "B": quadB,
	} {
		sum, seen := 0, map[uint16]bool{}
		for _, leaf := range leaves {
			sum += 1 << (24 - leaf>>8)
			seen[leaf&0xff] = true
		}
		if sum != 1<<24 {
			t.Errorf("table %s: the codes fill %d of %d", name, sum, 1<<24)
		}
		if len(seen) != len(leaves) {
			t.Errorf("table %s: %d values for %d codes", name, len(seen), len(leaves))
		}
	}
}

func TestBandsFillTheSpectrum(t *testing.T) {
	for i := range bandsLong {
		if got := edge(bandsLong[i][:], 22); got != lines {
			t.Errorf("long bands %d: %d lines", i, got)
		}
		if got := edge(bandsShort[i][:], 13); got != lines/3 {
			t.Errorf("short bands %d: %d lines", i, got)
		}
	}
}

func TestLayoutsOfAllBlocksFillTheSpectrum(t *testing.T) {
	for version, rates := range map[int][3]int{MPEG1: {44100, 48000, 32000}, MPEG2: {22050, 24000, 16000}, MPEG25: {11025, 12000, 8000}} {
		for _, rate := range rates {
			for _, g := range []granule{{}, {blockType: blockShort}, {blockType: blockShort, mixed: true}} {
				var l layout
				l.set(Header{Version: version, Rate: rate}, &g)
				sum := 0
				for _, w := range l.bands() {
					sum += int(w)
				}
				if sum != lines {
					t.Errorf("%d Hz, %+v: %d lines", rate, g, sum)
				}
			}
		}
	}
}

// Machines without AVX must give the same sound to the last bit.
func TestVectorAndPlainArithmeticGiveTheSameBits(t *testing.T) {
	r := rand.New(rand.NewPCG(1, 2))
	noise := func(n int) []float32 {
		x := make([]float32, n)
		for i := range x {
			x[i] = r.Float32()*2 - 1
		}
		return x
	}
	same := func(what string, a, b []float32) {
		t.Helper()
		for i := range a {
			if math.Float32bits(a[i]) != math.Float32bits(b[i]) {
				t.Fatalf("%s: element %d is %v and %v", what, i, a[i], b[i])
			}
		}
	}
	for range 50 {
		for _, size := range [][2]int{{slots, imdctOut}, {subbands, subbands}} {
			x, m := noise(size[0]), noise(size[0]*size[1])
			a, b := make([]float32, size[1]), make([]float32, size[1])
			multiply(a, x, m)
			multiplyGo(b, x, m)
			same("multiply", a, b)
		}
		var in [slots][subbands]float32
		for t := range in {
			copy(in[t][:], noise(subbands))
		}
		var p, q [slots * synthVector]float32
		vectors(&p, &in, &synthMatrix)
		vectorsGo(&q, &in, &synthMatrix)
		same("vectors", p[:], q[:])
		var out, plainOut, over, plainOver, z, plainZ [slots][subbands]float32
		x := (*[lines]float32)(noise(lines))
		transpose(&z, x)
		transposeGo(&plainZ, x)
		unaliasRows(&z, &aliasCos, &aliasSin)
		unaliasGo(&plainZ, &aliasCos, &aliasSin)
		copy(over[3][:], noise(subbands))
		plainOver = over
		for _, from := range []int{0, 16} {
			imdctRows(&out, &over, &z, from, &longCosines, &longWindows[blockStart])
			imdctGo(&plainOut, &plainOver, &plainZ, from, &longCosines, &longWindows[blockStart])
		}
		for k := range z {
			same("rows", z[k][:], plainZ[k][:])
			same("imdct", out[k][:], plainOut[k][:])
			same("overlap", over[k][:], plainOver[k][:])
		}
		v := noise(16 * synthVector)
		var a, b [32]float32
		weigh(&a, v, &synthWindow)
		weighGo(&b, v, &synthWindow)
		same("weigh", a[:], b[:])
	}
}
