package mpeg

import "math"

// scaleFactors are the gains of one channel's bands, in the order of its layout.
type scaleFactors struct {
	values [39]uint8
	// positions are the same numbers read as directions of intensity stereo, with
	// noPosition where a band has none.
	positions [39]uint8
}

const noPosition = 255

// Lengths in bits of the two groups of scale factors, by scalefac_compress.
var scaleLengths = [16][2]int{
	{0, 0}, {0, 1}, {0, 2}, {0, 3}, {3, 0}, {1, 1}, {1, 2}, {1, 3},
	{2, 1}, {2, 2}, {2, 3}, {3, 1}, {3, 2}, {3, 3}, {4, 2}, {4, 3},
}

// Sizes of the four groups of scale factors at low sampling frequencies, in bands of
// the layout: by range of scalefac_compress, then long, short, mixed.
var scaleGroups = [6][3][4]int{
	{{6, 5, 5, 5}, {9, 9, 9, 9}, {6, 9, 9, 9}},
	{{6, 5, 7, 3}, {9, 9, 12, 6}, {6, 9, 12, 6}},
	{{11, 10, 0, 0}, {18, 18, 0, 0}, {15, 18, 0, 0}},
	{{7, 7, 7, 0}, {12, 12, 12, 0}, {6, 15, 12, 0}},
	{{6, 6, 6, 3}, {12, 9, 9, 6}, {6, 12, 9, 6}},
	{{8, 8, 5, 0}, {15, 12, 9, 0}, {6, 18, 9, 0}},
}

// The groups of long bands that scfsi shares between granules.
var shareEdges = [5]int{0, 6, 11, 16, 21}

// read reads the factors of MPEG-1. Those of a shared group stay as they are.
func (s *scaleFactors) read(r *bits, g *granule, l *layout, share int) {
	length := scaleLengths[g.scaleComp]
	if l.short == 0 {
		for group := range 4 {
			if share&(8>>group) != 0 {
				continue
			}
			for b := shareEdges[group]; b < shareEdges[group+1]; b++ {
				n := length[0]
				if b >= 11 {
					n = length[1]
				}
				s.values[b] = uint8(r.take(n))
			}
		}
	} else {
		first := l.long + l.short - 3 - 18 // 18 bands of the second length, 3 without
		for b := range first + 18 {
			n := length[0]
			if b >= first {
				n = length[1]
			}
			s.values[b] = uint8(r.take(n))
		}
	}
	s.finish(l)
	for b, v := range s.values {
		s.positions[b] = v
		if v >= 7 {
			s.positions[b] = noPosition
		}
	}
}

// readLow reads the factors of the low sampling frequencies. The right channel of an
// intensity frame codes their lengths in another way.
func (s *scaleFactors) readLow(r *bits, g *granule, l *layout, intensity bool) {
	length, row := lowLengths(g, intensity)
	column := 0
	switch {
	case l.short > 0 && l.long > 0:
		column = 2
	case l.short > 0:
		column = 1
	}
	b := 0
	for group, count := range scaleGroups[row][column] {
		n := length[group]
		for range count {
			v := r.take(n)
			s.values[b], s.positions[b] = uint8(v), uint8(v)
			if n > 0 && v == 1<<n-1 {
				s.positions[b] = noPosition
			}
			b++
		}
	}
	s.finish(l)
}

// lowLengths splits scalefac_compress into four lengths and its row of scaleGroups.
func lowLengths(g *granule, intensity bool) (length [4]int, row int) {
	c := g.scaleComp
	if intensity {
		switch c /= 2; {
		case c < 180:
			return [4]int{c / 36, c % 36 / 6, c % 6}, 3
		case c < 244:
			c -= 180
			return [4]int{c >> 4, c >> 2 & 3, c & 3}, 4
		}
		c -= 244
		return [4]int{c / 3, c % 3}, 5
	}
	switch {
	case c < 400:
		return [4]int{c >> 4 / 5, c >> 4 % 5, c >> 2 & 3, c & 3}, 0
	case c < 500:
		c -= 400
		return [4]int{c >> 2 / 5, c >> 2 % 5, c & 3}, 1
	}
	c -= 500
	g.preflag = true
	return [4]int{c / 3, c % 3}, 2
}

// finish clears what has no factor of its own: the highest band.
func (s *scaleFactors) finish(l *layout) {
	last := l.long + l.short - 1
	if l.short > 0 {
		last -= 2
	}
	clear(s.values[last:])
	clear(s.positions[last:])
}

// What preflag adds to the factors of long bands.
var pretab = [22]uint8{11: 1, 1, 1, 1, 2, 2, 3, 3, 3, 2}

// gains computes the factor of every band, from the granule's gain and its own.
func (s *scaleFactors) gains(g *granule, l *layout, out *[39]float32) {
	base := g.globalGain - 210
	for b := range l.long + l.short {
		v := int(s.values[b])
		if b < l.long {
			if g.preflag {
				v += int(pretab[b])
			}
			out[b] = quarterPower(base - v<<g.scaleShift)
		} else {
			w := (b - l.long) % 3
			out[b] = quarterPower(base - 8*g.subGain[w] - v<<g.scaleShift)
		}
	}
}

// quarterPower returns 2^(q/4).
func quarterPower(q int) float32 {
	root := [4]float32{1, 1.18920711500272, 1.4142135623730951, 1.681792830507429}[q&3]
	return root * math.Float32frombits(uint32(127+max(-126, q>>2))<<23)
}
