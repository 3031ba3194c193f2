package flac

import "errors"

// Why bytes are not a frame.
var (
	errShort = errors.New("the data end within the frame")
	errFrame = errors.New("not a FLAC frame")
)

// Ways to store two channels.
const (
	leftSide  = 8
	sideRight = 9
	midSide   = 10
)

// header is what a frame says about itself.
type header struct {
	size     int // bytes, with the checksum
	block    int // samples
	variable bool
	number   int64 // of the first sample if blocks are variable, else of the frame
	rate     int   // samples a second
	bits     int   // of a sample
	channels int
	pairing  int // leftSide, sideRight, midSide or less
}

// What a frame may leave to the description of the stream.
const (
	minBits = 4
	maxBits = 32
)

// parseHeader reads a frame header; r's data begin with it. The description of the stream
// counts for what the header leaves out.
func parseHeader(r *reader, info *Info) (header, error) {
	var h header
	// 14 bits: sync; 1 bit: zero; 1 bit: blocks may differ in length
	sync := r.take(16)
	if sync>>1 != 0xfff8>>1 {
		return h, r.failure()
	}
	h.variable = sync&1 == 1
	blockCode, rateCode := int(r.take(4)), int(r.take(4))
	h.pairing = int(r.take(4))
	depthCode := int(r.take(3))
	if r.take(1) != 0 {
		return h, r.failure()
	}
	number, ok := r.number()
	if !ok {
		return h, r.failure()
	}

	switch {
	case blockCode == 0:
		return h, r.failure()
	case blockCode == 1:
		h.block = 192
	case blockCode <= 5:
		h.block = 144 << blockCode
	case blockCode == 6:
		h.block = 1 + int(r.take(8))
	case blockCode == 7:
		h.block = 1 + int(r.take(16))
	default:
		h.block = 1 << blockCode
	}
	h.number = number
	if h.rate = readRate(r, rateCode, info.Rate); h.rate == 0 {
		return h, r.failure()
	}
	if h.bits = depth(depthCode, info.Bits); h.bits < minBits || h.bits > maxBits {
		return h, r.failure()
	}
	h.channels = h.pairing + 1
	if h.pairing >= leftSide {
		h.channels = 2
	}
	if h.pairing > midSide {
		return h, r.failure()
	}
	h.size = r.pos/8 + 1
	want := uint8(r.take(8))
	if r.short || crc8(r.b[:h.size-1]) != want {
		return h, r.failure()
	}
	return h, nil
}

// failure distinguishes data that end from data that are wrong.
func (r *reader) failure() error {
	if r.short {
		return errShort
	}
	return errFrame
}

// number reads up to 36 bits in the manner of UTF-8.
func (r *reader) number() (int64, bool) {
	first := r.take(8)
	more := 0
	for more < 8 && first&(0x80>>more) != 0 {
		more++
	}
	switch {
	case more == 0:
		return int64(first), !r.short
	case more == 1 || more == 8:
		return 0, false
	}
	v := first & (0x7f >> more)
	for range more - 1 {
		b := r.take(8)
		if b>>6 != 2 {
			return 0, false
		}
		v = v<<6 | b&0x3f
	}
	return int64(v), !r.short
}

// readRate reads the rate of a frame; 0 is none. The stream's counts if the frame has none.
func readRate(r *reader, code, stream int) int {
	known := [12]int{0, 88200, 176400, 192000, 8000, 16000, 22050, 24000, 32000, 44100, 48000, 96000}
	switch {
	case code == 0:
		return stream
	case code < len(known):
		return known[code]
	case code == 12:
		return 1000 * int(r.take(8))
	case code == 13:
		return int(r.take(16))
	case code == 14:
		return 10 * int(r.take(16))
	}
	return 0
}

// depth returns the bits of a frame's samples, -1 for a code that has no meaning.
func depth(code, stream int) int {
	if code == 0 {
		return stream
	}
	return [8]int{0, 8, 12, -1, 16, 20, 24, 32}[code]
}

// decodeFrame decodes the frame at the start of b, which has slack bytes behind its
// data of length n. It fills the front of each channel that it has, and returns the
// frame's header and length in bytes.
func decodeFrame(b []byte, n int, info *Info, store *store) (header, int, error) {
	r := &reader{b: b, end: 8 * n}
	h, err := parseHeader(r, info)
	if err != nil {
		return h, 0, err
	}
	channels := store.fit(h)
	for c := range channels {
		depth := h.bits
		if h.pairing == sideRight && c == 0 || (h.pairing == leftSide || h.pairing == midSide) && c == 1 {
			depth++ // a difference needs one bit more
		}
		if err := decodeSubframe(r, channels[c], depth); err != nil {
			return h, 0, err
		}
	}
	r.pos = (r.pos + 7) &^ 7
	size := r.pos / 8
	want := uint16(r.take(16))
	if r.short {
		return h, 0, errShort
	}
	if crc16(b[:size]) != want {
		return h, 0, errFrame
	}
	h.unpair(channels)
	return h, size + 2, nil
}

// unpair turns a channel and a difference into left and right.
func (h header) unpair(channels [][]int64) {
	if h.pairing < leftSide {
		return
	}
	a, b := channels[0], channels[1]
	switch h.pairing {
	case leftSide:
		for i, left := range a {
			b[i] = left - b[i]
		}
	case sideRight:
		for i, right := range b {
			a[i] += right
		}
	case midSide:
		for i, side := range b {
			mid := a[i]<<1 | side&1
			a[i], b[i] = (mid+side)>>1, (mid-side)>>1
		}
	}
}
