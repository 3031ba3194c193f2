package mpeg

import (
	"errors"
	"math"
)

var errHuffman = errors.New("codes run over their end")

// codes is a Huffman table to look codes up in: the first eight bits of a code lead to
// its leaf, or to a second table for the rest. An entry is
//
//	depth<<8 | first<<4 | second    a leaf, with the length of its whole code
//	link | bits<<24 | index         the place of a second table and the bits it takes
type codes struct {
	entries []uint32
	linbits int
}

const (
	firstBits = 8
	link      = 1 << 31
)

// buildCodes makes a table from the leaves of a tree, from left to right.
func buildCodes(leaves []uint16, linbits int) codes {
	t := codes{entries: make([]uint32, 1<<firstBits), linbits: linbits}
	const width = 24 // more than the longest code
	for i, at := 0, 0; i < len(leaves); {
		depth := int(leaves[i] >> 8)
		if depth <= firstBits {
			first := at >> (width - firstBits)
			for k := range 1 << (firstBits - depth) {
				t.entries[first+k] = uint32(leaves[i])
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
				t.entries = append(t.entries, uint32(leaves[i]))
			}
			at += 1 << (width - depth)
		}
	}
	return t
}

// The tables by number; those without entries do not exist, but 0, which is all zeros.
var (
	pairCodes = buildPairCodes()
	quadCodes = [2]codes{buildCodes(quadA, 0), buildCodes(quadB, 0)}
)

func buildPairCodes() (t [32]codes) {
	for n, leaves := range [17][]uint16{
		1: pair1, 2: pair2, 3: pair3, 5: pair5, 6: pair6, 7: pair7, 8: pair8, 9: pair9,
		10: pair10, 11: pair11, 12: pair12, 13: pair13, 15: pair15, 16: pair16,
	} {
		if leaves != nil {
			t[n] = buildCodes(leaves, 0)
		}
	}
	t[24] = buildCodes(pair24, 0)
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

// readPairs decodes lines two by two, and says whether end was respected.
func readPairs(r *bits, t *codes, end int, x []float32) bool {
	pos := r.pos
	for i := 0; i+1 < len(x); i += 2 {
		if pos >= end {
			return false
		}
		r.pos = pos
		w := r.look()
		e := t.lookUp(w)
		n := e >> 8
		w <<= n
		pos += int(n)
		for k, v := range [2]uint32{e >> 4 & 15, e & 15} {
			if v == 0 {
				x[i+k] = 0
				continue
			}
			if v == 15 && t.linbits > 0 {
				v += uint32(w >> (64 - t.linbits))
				w <<= t.linbits
				pos += t.linbits
			}
			f := powers[v&255]
			if v > 255 {
				f = power43(int(v))
			}
			x[i+k] = math.Float32frombits(math.Float32bits(f) | uint32(w>>63)<<31)
			w <<= 1
			pos++
		}
	}
	r.pos = pos
	return pos <= end
}

// readQuads decodes lines of 0 and ±1 four by four until end, and returns the line
// after them. A quad that runs over the end is filling, and dropped.
func readQuads(r *bits, t *codes, end int, x *[lines]float32, at int) int {
	for ; at+4 <= lines && r.pos < end; at += 4 {
		w := r.look()
		e := t.lookUp(w)
		n := e >> 8
		w <<= n
		for k := range 4 {
			x[at+k] = 0
			if e<<k&8 != 0 {
				x[at+k] = math.Float32frombits(math.Float32bits(1) | uint32(w>>63)<<31)
				w <<= 1
				n++
			}
		}
		r.pos += int(n)
		if r.pos > end {
			break
		}
	}
	return at
}
