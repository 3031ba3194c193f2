package resample

// Outputs of one phase are sums over the same coefficients. So a block of outputs is
// computed as width lanes side by side: lane l begins l·outputs later than the first, which
// is a whole number of periods, and output n of every lane has one phase. The inputs of a
// block are transposed for it, so that a row holds those of all lanes.
//
// A tile is four outputs of every lane that follow each other. They are made in one pass
// over the rows that any of them needs; where one needs no row its coefficient is zero.
const (
	width = 16 // lanes
	high  = 4  // outputs of a lane in a tile
)

// A tiling is how the outputs of one rate are made in tiles.
type tiling struct {
	outputs, inputs int // of a lane: where the next one begins
	rows            int // inputs that a lane is made of
	taps            int // rows that a tile needs

	// A period of outputs has these tiles; periods are repeated to make a lane.
	period struct{ outputs, inputs int }
	first  []int     // row of each tile
	table  []float32 // coefficients: tile by tile, row by row, output by output
}

// minLane is how many outputs a lane has at least. Shorter ones would have more inputs in
// common with the next than of their own.
const minLane = 128

// newTiling arranges tiles for a filter, without their coefficients.
func newTiling(f *Filter) *tiling {
	t := &tiling{}
	repeat := high / gcd(f.up, high)
	t.period.outputs, t.period.inputs = f.up*repeat, f.down*repeat
	periods := (minLane + t.period.outputs - 1) / t.period.outputs
	t.outputs, t.inputs = periods*t.period.outputs, periods*t.period.inputs

	// An output begins at most this far behind the first of its tile.
	t.taps = f.taps + (high*f.down-1)/f.up
	tiles := t.period.outputs / high
	t.first = make([]int, tiles)
	for i := range tiles {
		t.first[i] = i * high * f.down / f.up
	}
	t.rows = (periods-1)*t.period.inputs + t.first[tiles-1] + t.taps
	return t
}

// fill sets the coefficients from a table that has a row for each phase.
func (t *tiling) fill(f *Filter) {
	t.table = make([]float32, len(t.first)*t.taps*high)
	for i, first := range t.first {
		for o := range high {
			n := i*high + o
			at, phase := n*f.down/f.up-first, n*f.down%f.up
			for k, v := range f.row(phase) {
				t.table[(i*t.taps+at+k)*high+o] = v
			}
		}
	}
}

// need is how many inputs a block is made of.
func (t *tiling) need() int { return (width-1)*t.inputs + t.rows }

// block makes the outputs of a block from its inputs. scratch has room for width·rows.
func (t *tiling) block(dst, src, scratch []float32) {
	t.transpose(scratch, src)
	var y [high * width]float32
	for from, at := 0, 0; from < t.outputs; from += t.period.outputs {
		for i, first := range t.first {
			x := scratch[(at+first)*width:][:t.taps*width]
			tile(&y, x, t.table[i*t.taps*high:][:t.taps*high])
			for l := range width {
				d := (*[high]float32)(dst[l*t.outputs+from+i*high:])
				d[0], d[1], d[2], d[3] = y[l], y[width+l], y[2*width+l], y[3*width+l]
			}
		}
		at += t.period.inputs
	}
}

// transpose puts the inputs of lanes side by side.
func (t *tiling) transpose(dst, src []float32) {
	for l := 0; l < width; l += 4 {
		a, b := src[l*t.inputs:][:t.rows], src[(l+1)*t.inputs:][:t.rows]
		c, d := src[(l+2)*t.inputs:][:t.rows], src[(l+3)*t.inputs:][:t.rows]
		for k := range a {
			p := (*[4]float32)(dst[k*width+l:])
			p[0], p[1], p[2], p[3] = a[k], b[k], c[k], d[k]
		}
	}
}

// tileGo makes a tile: y[o][l] is the sum over k of h[k][o] · x[k][l]. It adds in the order
// of tileAVX, and the conversions keep compilers from fusing a multiplication with an
// addition (which rounds once where two instructions round twice), so that every machine
// gives the same bits.
func tileGo(y *[high * width]float32, x, h []float32) {
	for o := range high {
		var sum [width]float32
		for k := o; k < len(h); k += high {
			c, p := h[k], (*[width]float32)(x[k/high*width:])
			for l := range sum {
				sum[l] += float32(c * p[l])
			}
		}
		copy(y[o*width:], sum[:])
	}
}
