package mpeg

import "math"

// The hybrid filter bank turns 576 lines into 18 time slots of 32 subbands: butterflies
// against the aliasing of the subbands, then an inverse modified cosine transform of 18
// lines to 36 windowed samples, half of which overlap with the last granule's.
//
// A transform of this size with its window, the three short ones in a row where there
// are any, and the inversion of every other sample in odd subbands are together one
// matrix of 18 by 36: made from their definitions once, and fast by vector arithmetic.
// Where all blocks are long, long.go has a faster way.

const (
	subbands = 32
	slots    = 18 // samples of a subband in a granule
	imdctOut = 48 // columns of an imdct matrix: 36, and what makes whole vectors
)

// imdct holds the matrices by block type and parity of the subband, row by input line.
var imdct = func() (m [4][2][slots * imdctOut]float32) {
	for block := range m {
		for k := range slots {
			for i, v := range imdctRow(block, k) {
				even := &m[block][0][k*imdctOut+i]
				odd := &m[block][1][k*imdctOut+i]
				*even, *odd = float32(v), float32(v)
				if i%2 == 1 {
					*odd = -*odd
				}
			}
		}
	}
	return m
}()

// imdctRow is what line k adds to the 36 samples of a block.
func imdctRow(block, k int) (row [36]float64) {
	if block == blockShort {
		// Lines of the three windows alternate; the windows begin at 6, 12 and 18.
		w, line := k%3, k/3
		for i := range 12 {
			row[6+6*w+i] = cosine(i, line, 12) * math.Sin(math.Pi/12*(float64(i)+0.5))
		}
		return row
	}
	for i := range row {
		row[i] = cosine(i, k, 36) * longWindow(block, i)
	}
	return row
}

func cosine(i, k, n int) float64 {
	return math.Cos(math.Pi / float64(2*n) * float64((2*i+1+n/2)*(2*k+1)))
}

// longWindow is the sine window, with one half replaced next to short blocks.
func longWindow(block, i int) float64 {
	if block == blockStop {
		return longWindow(blockStart, 35-i)
	}
	if block == blockStart && i >= 18 {
		switch {
		case i < 24:
			return 1
		case i < 30:
			return math.Sin(math.Pi / 12 * (float64(i-18) + 0.5))
		}
		return 0
	}
	return math.Sin(math.Pi / 36 * (float64(i) + 0.5))
}

// The butterflies against aliasing: cosines and sines by distance from the boundary.
var aliasCos, aliasSin = func() (cs, sn [8]float32) {
	for i, c := range [8]float64{-0.6, -0.535, -0.33, -0.185, -0.095, -0.041, -0.0142, -0.0037} {
		cs[i], sn[i] = float32(1/math.Sqrt(1+c*c)), float32(c/math.Sqrt(1+c*c))
	}
	return cs, sn
}()

// unalias applies the butterflies to the lower n boundaries of subbands.
func unalias(x *[lines]float32, n int) {
	for sb := 1; sb <= n; sb++ {
		at := sb * slots
		below, above := (*[8]float32)(x[at-8:at]), (*[8]float32)(x[at:at+8])
		for i := range above {
			a, b := below[7-i], above[i]
			below[7-i] = a*aliasCos[i] - b*aliasSin[i]
			above[i] = b*aliasCos[i] + a*aliasSin[i]
		}
	}
}

// reorder changes short bands from window by window to line by line.
func (l *layout) reorder(x, scratch *[lines]float32) {
	at := 0
	for _, w := range l.widths[:l.long] {
		at += int(w)
	}
	start := at
	for b := l.long; b < l.long+l.short; b += 3 {
		w := int(l.widths[b])
		for i := range w {
			scratch[at+3*i] = x[at+i]
			scratch[at+3*i+1] = x[at+w+i]
			scratch[at+3*i+2] = x[at+2*w+i]
		}
		at += 3 * w
	}
	copy(x[start:], scratch[start:])
}

// channel is the memory of the filter banks of one channel.
type channel struct {
	overlap [slots][subbands]float32
	active  int // subbands whose overlap may differ from zero
	rows    [slots][subbands]float32
	synth   synthesis
}

// hybrid transforms the first n lines (the rest are zero) into out, slot by slot.
func (c *channel) hybrid(h Header, g *granule, x *[lines]float32, n int, out *[slots][subbands]float32) {
	used := (n + slots - 1) / slots
	if used > 0 {
		// Butterflies reach eight lines into the next subband.
		used = min(used+1, subbands)
	}
	if g.blockType != blockShort && !g.mixed {
		c.long(g.blockType, x, used, out)
		return
	}
	long, normal := subbands, 0 // how many are long, and have the ordinary window
	if g.mixed {
		normal = mixedSubbands(h)
	}
	if g.blockType == blockShort {
		long = normal
	}
	if used > 0 {
		unalias(x, min(used, long)-1)
	}
	var y [imdctOut]float32
	for sb := range max(used, c.active) {
		if sb >= used {
			for i := range out {
				out[i][sb] = c.overlap[i][sb]
				c.overlap[i][sb] = 0
			}
			continue
		}
		block := g.blockType
		if sb < normal {
			block = blockLong
		}
		multiply(y[:], x[sb*slots:sb*slots+slots], imdct[block][sb&1][:])
		for i := range out {
			out[i][sb] = c.overlap[i][sb] + y[i]
			c.overlap[i][sb] = y[slots+i]
		}
	}
	for sb := max(used, c.active); sb < subbands; sb++ {
		for i := range out {
			out[i][sb] = 0
		}
	}
	c.active = used
}
