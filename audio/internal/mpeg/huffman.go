package mpeg

import (
	"errors"
	"math"
	mathbits "math/bits"
)

var errHuffman = errors.New("codes run over their end")

// codes is a Huffman table to look codes up in: the first eight bits of a code lead to
// its leaf, or to a second table for the rest. An entry is
//
//	taken<<16 | depth<<8 | first<<4 | second    a leaf: the length of its code with and
//	                                            without the signs that follow, its values
//	link | bits<<24 | index                     a second table's place and the bits it takes
type codes struct {
	entries []uint32
	linbits int
}

const (
	firstBits = 8
	link      = 1 << 31
)

// buildCodes makes a table from the leaves of a tree, from left to right: depth<<8 and the
// values. signs is by how much signs lengthen a leaf's code.
func buildCodes(leaves []uint16, signs func(leaf uint16) int, linbits int) codes {
	entry := func(leaf uint16) uint32 { return uint32(leaf) + uint32(int(leaf>>8)+signs(leaf))<<16 }
	t := codes{entries: make([]uint32, 1<<firstBits), linbits: linbits}
	const width = 24 // more than the longest code
	for i, at := 0, 0; i < len(leaves); {
		depth := int(leaves[i] >> 8)
		if depth <= firstBits {
			first := at >> (width - firstBits)
			for k := range 1 << (firstBits - depth) {
				t.entries[first+k] = entry(leaves[i])
			}
			at += 1 << (width - depth)
			i++
			continue
		}
		// All leaves below one node of depth firstBits.
		bucket, end, deepest := at>>(width-firstBits), i, 0
		for a := at; end < len(leaves) && a>>(width-firstBits) == bucket; end++ {
			depth := int(leaves[end] >> 8)
			deepest = max(deepest, depth)
			a += 1 << (width - depth)
		}
		bits := deepest - firstBits
		t.entries[bucket] = link | uint32(bits)<<24 | uint32(len(t.entries))
		for ; i < end; i++ {
			depth := int(leaves[i] >> 8)
			for range 1 << (deepest - depth) {
				t.entries = append(t.entries, entry(leaves[i]))
			}
			at += 1 << (width - depth)
		}
	}
	return t
}

// The tables by number; those without entries do not exist, but 0, which is all zeros.
var (
	pairCodes = buildPairCodes()
	quadCodes = [2]codes{buildCodes(quadA, quadSigns, 0), buildCodes(quadB, quadSigns, 0)}
)

// Every value but zero has a sign.
func pairSigns(leaf uint16) int { return int(oneIfAny(uint32(leaf>>4&15)) + oneIfAny(uint32(leaf&15))) }
func quadSigns(leaf uint16) int { return mathbits.OnesCount16(leaf & 15) }

// oneIfAny is 0 for 0 and 1 for 1 to 16.
func oneIfAny(v uint32) uint32 { return (v + 15) >> 4 }

func buildPairCodes() (t [32]codes) {
	for n, leaves := range [17][]uint16{
		1: pair1, 2: pair2, 3: pair3, 5: pair5, 6: pair6, 7: pair7, 8: pair8, 9: pair9,
		10: pair10, 11: pair11, 12: pair12, 13: pair13, 15: pair15, 16: pair16,
	} {
		if leaves != nil {
			t[n] = buildCodes(leaves, pairSigns, 0)
		}
	}
	t[24] = buildCodes(pair24, pairSigns, 0)
	for i, bits := range [8]int{1, 2, 3, 4, 6, 8, 10, 13} {
		t[16+i] = codes{t[16].entries, bits}
	}
	for i, bits := range [8]int{4, 5, 6, 7, 8, 9, 11, 13} {
		t[24+i] = codes{t[24].entries, bits}
	}
	return t
}

// powers holds n^(4/3), which decoded numbers stand for.
var powers = func() (p [256]float32) {
	for n := range p {
		p[n] = power43(n)
	}
	return p
}()

func power43(n int) float32 { return float32(float64(n) * math.Cbrt(float64(n))) }

// lookUp returns the leaf of the code at the top of w.
func (t *codes) lookUp(w uint64) uint32 {
	e := t.entries[w>>(64-firstBits)]
	if e&link != 0 {
		bits := e >> 24 & 0x7f
		e = t.entries[uint64(e&0xffffff)+w<<firstBits>>(64-bits)]
	}
	return e
}

// readLines decodes the lines of a granule up to bit position end, raised to the power
// of 4/3 with their sign. It returns how many lines may differ from zero; those above
// are zero.
func readLines(r *bits, g *granule, end int, x *[lines]float32) (count int, err error) {
	at := 0
	for region, to := range g.regions {
		t := &pairCodes[g.tables[region]]
		switch {
		case at >= to:
			continue
		case g.tables[region] == 0:
			clear(x[at:to])
			at = to
			continue
		case t.entries == nil:
			return 0, errHuffman
		}
		if !readPairs(r, t, end, x[at:to]) {
			return 0, errHuffman
		}
		at = to
	}
	at = readQuads(r, &quadCodes[g.quadTable], end, x, at)
	clear(x[at:])
	return at, nil
}

// readPairs decodes lines two by two, and says whether end was respected. Signs are random,
// so nothing in it branches on them, nor on whether a value has one.
func readPairs(r *bits, t *codes, end int, x []float32) bool {
	pos := r.pos
	for ; len(x) >= 2; x = x[2:] {
		if pos >= end {
			return false
		}
		r.pos = pos
		w := r.look()
		e := t.lookUp(w)
		w <<= e >> 8 & 63
		first, second := e>>4&15, e&15
		if t.linbits > 0 && (first == 15 || second == 15) {
			pos += int(e>>8&63) + t.escaped(w, first, second, (*[2]float32)(x))
			continue
		}
		pos += int(e >> 16)
		any := oneIfAny(first)
		x[0] = signed(powers[first], uint32(w>>63)&any)
		w <<= any & 63
		x[1] = signed(powers[second], uint32(w>>63)&oneIfAny(second))
	}
	r.pos = pos
	return pos <= end
}

// signed gives f, which is not negative, a sign of 1 or 0.
func signed(f float32, sign uint32) float32 {
	return math.Float32frombits(math.Float32bits(f) | sign<<31)
}

// escaped decodes what follows a code with a value of 15, to which more is added, and
// returns how many bits that took.
func (t *codes) escaped(w uint64, first, second uint32, x *[2]float32) (taken int) {
	for k, v := range [2]uint32{first, second} {
		x[k] = 0
		if v == 0 {
			continue
		}
		if v == 15 {
			v += uint32(w >> (64 - t.linbits))
			w <<= t.linbits
			taken += t.linbits
		}
		f := powers[v&255]
		if v > 255 {
			f = power43(int(v))
		}
		x[k] = signed(f, uint32(w>>63))
		w <<= 1
		taken++
	}
	return taken
}

// readQuads decodes lines of 0 and ±1 four by four until end, and returns the line
// after them. A quad that runs over the end is filling, and dropped.
func readQuads(r *bits, t *codes, end int, x *[lines]float32, at int) int {
	for ; at+4 <= lines && r.pos < end; at += 4 {
		w := r.look()
		e := t.lookUp(w)
		w <<= e >> 8 & 63
		quad := (*[4]float32)(x[at:])
		for k := range quad {
			any := e << k >> 3 & 1
			quad[k] = signed(float32(any), uint32(w>>63)&any)
			w <<= any
		}
		r.pos += int(e >> 16)
		if r.pos > end {
			break
		}
	}
	return at
}
