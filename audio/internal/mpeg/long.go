package mpeg

// Where all subbands of a granule are long and have one window, as nearly always, they go
// through the hybrid filter bank side by side: line k of every subband makes a row. Of the
// 36 values that the transform gives a subband, half mirror the other half:
//
//	y[17-i] = -y[i]  and  y[35-i] = y[18+i]
//
// So it computes y[0] to y[8] and y[18] to y[26], and then applies the window.

// longCosines holds the coefficients of three outputs at a time, by line.
var longCosines = func() (c [6][slots][3]float32) {
	for n := range slots {
		i := n
		if n >= slots/2 {
			i += slots / 2
		}
		for k := range slots {
			c[n/3][k][n%3] = float32(cosine(i, k, 36))
		}
	}
	return c
}()

// longWindows holds the windows by block type, for even and odd subbands in turn, with the
// signs of mirrored values and of every other sample in odd subbands.
var longWindows = func() (w [4][2 * slots][16]float32) {
	for _, block := range []int{blockLong, blockStart, blockStop} {
		for i := range w[block] {
			v := float32(longWindow(block, i))
			if i >= slots/2 && i < slots {
				v = -v
			}
			for sb := range w[block][i] {
				w[block][i][sb] = v
				if i%2 == 1 && sb%2 == 1 {
					w[block][i][sb] = -v
				}
			}
		}
	}
	return w
}()

// long transforms lines of which those from subband used on are zero.
func (c *channel) long(block int, x *[lines]float32, used int, out *[slots][subbands]float32) {
	transpose(&c.rows, x)
	if used > 0 {
		unaliasRows(&c.rows, &aliasCos, &aliasSin)
	}
	const half = subbands / 2
	for from := 0; from < subbands; from += half {
		if from >= max(used, c.active) {
			for i := range out {
				clear(out[i][from:])
			}
			break
		}
		imdctRows(out, &c.overlap, &c.rows, from, &longCosines, &longWindows[block])
	}
	c.active = used
}

// transposeGo turns lines by subband into rows of subbands.
func transposeGo(z *[slots][subbands]float32, x *[lines]float32) {
	for k := range z {
		for sb := range z[k] {
			z[k][sb] = x[sb*slots+k]
		}
	}
}

// unaliasGo applies the butterflies to all boundaries of subbands.
func unaliasGo(z *[slots][subbands]float32, cs, sn *[8]float32) {
	for i := range cs {
		below, above := &z[slots-1-i], &z[i]
		for sb := range subbands - 1 {
			a, b := below[sb], above[sb+1]
			below[sb] = float32(a*cs[i]) - float32(b*sn[i])
			above[sb+1] = float32(b*cs[i]) + float32(a*sn[i])
		}
	}
}

// imdctGo transforms sixteen subbands, in the order of additions of its AVX twin.
func imdctGo(out, over, z *[slots][subbands]float32, from int, c *[6][slots][3]float32, w *[2 * slots][16]float32) {
	for n := range slots {
		var y [16]float32
		for k := range z {
			x := (*[16]float32)(z[k][from:])
			for l := range y {
				y[l] += float32(c[n/3][k][n%3] * x[l])
			}
		}
		if n < slots/2 {
			for l, v := range y {
				out[n][from+l] = float32(v*w[n][l]) + over[n][from+l]
				out[slots-1-n][from+l] = float32(v*w[slots-1-n][l]) + over[slots-1-n][from+l]
			}
			continue
		}
		i := n - slots/2
		for l, v := range y {
			over[i][from+l] = v * w[slots+i][l]
			over[slots-1-i][from+l] = v * w[2*slots-1-i][l]
		}
	}
}
