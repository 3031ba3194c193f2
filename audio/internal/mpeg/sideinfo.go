package mpeg

import "errors"

var errSideInfo = errors.New("impossible side information")

// sideInfo says how the main data of a frame are laid out.
type sideInfo struct {
	mainBegin int           // bytes before this frame's own at which its main data begin
	share     [2]int        // scfsi: groups of scale factors that granule 1 takes from 0
	granules  [2][2]granule // by granule, channel
}

// A granule is 576 frequency lines of one channel.
type granule struct {
	bits       int // of scale factors and Huffman codes: part2_3_length
	bigValues  int // pairs of lines in the regions of pairs
	globalGain int
	scaleComp  int // scalefac_compress

	blockType int
	mixed     bool // the lowest subbands are long all the same
	subGain   [3]int
	tables    [3]int // Huffman table of each region of pairs
	regions   [3]int // lines at which the regions of pairs end

	preflag    bool
	scaleShift int // 1 or 2: scale factors count in halves or wholes of 6 dB
	quadTable  int
}

// The types of blocks.
const (
	blockLong  = 0
	blockStart = 1
	blockShort = 2
	blockStop  = 3
)

// parse reads the side information of a frame; b holds it and slack bytes more.
func (s *sideInfo) parse(h Header, b []byte) error {
	r := bits{b: b}
	channels := h.Channels()
	if h.Version == MPEG1 {
		s.mainBegin = r.take(9)
		r.take(7 - 2*channels) // 5 or 3 bits: private
		for c := range channels {
			s.share[c] = r.take(4)
		}
	} else {
		s.mainBegin = r.take(8)
		r.take(channels) // private
		s.share = [2]int{}
	}
	for g := range h.granules() {
		for c := range channels {
			if err := s.granules[g][c].parse(h, &r); err != nil {
				return err
			}
		}
	}
	return nil
}

func (g *granule) parse(h Header, r *bits) error {
	*g = granule{}
	g.bits = r.take(12)
	g.bigValues = r.take(9)
	g.globalGain = r.take(8)
	if h.Version == MPEG1 {
		g.scaleComp = r.take(4)
	} else {
		g.scaleComp = r.take(9)
	}
	if g.bigValues > 288 {
		return errSideInfo
	}
	if r.flag() { // window switching
		g.blockType = r.take(2)
		g.mixed = r.flag()
		g.tables[0], g.tables[1] = r.take(5), r.take(5)
		for w := range g.subGain {
			g.subGain[w] = r.take(3)
		}
		if g.blockType == blockLong {
			return errSideInfo
		}
		// Two regions: three short bands in all windows, or eight long ones, and the rest.
		g.regions = [3]int{3 * edge(shortBands(h), 3), lines, lines}
		if g.blockType != blockShort {
			g.regions[0] = edge(longBands(h), 8)
		}
	} else {
		for i := range g.tables {
			g.tables[i] = r.take(5)
		}
		first := 1 + r.take(4) // in scale factor bands
		second := first + 1 + r.take(3)
		g.regions = [3]int{edge(longBands(h), first), edge(longBands(h), second), lines}
	}
	for i := range g.regions {
		g.regions[i] = min(g.regions[i], 2*g.bigValues)
	}
	if h.Version == MPEG1 {
		g.preflag = r.flag()
	}
	g.scaleShift = 1 + r.take(1)
	g.quadTable = r.take(1)
	return nil
}
