package mpeg

import "errors"

// HeaderSize is the length of a frame header in bytes.
const HeaderSize = 4

// The generations of the standard.
const (
	MPEG1  = 1 // ISO/IEC 11172-3
	MPEG2  = 2 // ISO/IEC 13818-3, the low sampling frequencies
	MPEG25 = 3 // an extension by Fraunhofer IIS, lower still
)

// The modes of a frame.
const (
	modeJoint = 1
	modeMono  = 3
)

// A Header is the first 32 bits of a frame.
type Header struct {
	Version   int // MPEG1, MPEG2 or MPEG25
	Layer     int // 1, 2 or 3
	Rate      int // samples a second
	Bitrate   int // bits a second, 0 for free format
	Padding   bool
	Protected bool // a checksum of 16 bits follows
	Mode      int  // 0 stereo, 1 joint stereo, 2 two channels, 3 one channel
	Extension int  // in joint stereo: bit 0 intensity, bit 1 middle and side
}

// ErrNoHeader reports bytes that are not a frame header.
var ErrNoHeader = errors.New("not a frame header")

// kbit/s by [low sampling frequency][layer-1][index]; 0 is free format.
var bitrates = [2][3][15]int{
	{
		{0, 32, 64, 96, 128, 160, 192, 224, 256, 288, 320, 352, 384, 416, 448},
		{0, 32, 48, 56, 64, 80, 96, 112, 128, 160, 192, 224, 256, 320, 384},
		{0, 32, 40, 48, 56, 64, 80, 96, 112, 128, 160, 192, 224, 256, 320},
	},
	{
		{0, 32, 48, 56, 64, 80, 96, 112, 128, 144, 160, 176, 192, 224, 256},
		{0, 8, 16, 24, 32, 40, 48, 56, 64, 80, 96, 112, 128, 144, 160},
		{0, 8, 16, 24, 32, 40, 48, 56, 64, 80, 96, 112, 128, 144, 160},
	},
}

// ParseHeader reads a header; b holds at least HeaderSize bytes.
func ParseHeader(b []byte) (Header, error) {
	var h Header
	// 11 bits: all ones
	if b[0] != 0xff || b[1]&0xe0 != 0xe0 {
		return h, ErrNoHeader
	}
	// 2 bits: version, 01 is reserved
	switch b[1] >> 3 & 3 {
	case 0:
		h.Version = MPEG25
	case 2:
		h.Version = MPEG2
	case 3:
		h.Version = MPEG1
	default:
		return h, ErrNoHeader
	}
	// 2 bits: layer, counted down; 1 bit: no checksum
	h.Layer = 4 - int(b[1]>>1&3)
	h.Protected = b[1]&1 == 0
	// 4 bits: bit rate; 2 bits: sampling frequency; 1 bit: padding; 1 bit: private
	index, rate := b[2]>>4, b[2]>>2&3
	h.Padding = b[2]&2 != 0
	if h.Layer == 4 || index == 15 || rate == 3 {
		return h, ErrNoHeader
	}
	h.Rate = [3]int{44100, 48000, 32000}[rate] >> (h.Version - 1)
	low := 0
	if h.Version != MPEG1 {
		low = 1
	}
	h.Bitrate = 1000 * bitrates[low][h.Layer-1][index]
	// 2 bits: mode; 2 bits: its extension; 2 bits: copyright, original; 2 bits: emphasis
	h.Mode = int(b[3] >> 6)
	h.Extension = int(b[3] >> 4 & 3)
	return h, nil
}

// Channels returns 1 or 2.
func (h Header) Channels() int {
	if h.Mode == modeMono {
		return 1
	}
	return 2
}

// Samples returns how many samples a frame has in each channel.
func (h Header) Samples() int {
	switch {
	case h.Layer == 1:
		return 384
	case h.Layer == 3 && h.Version != MPEG1:
		return 576
	}
	return 1152
}

// Size returns the length of the whole frame in bytes, or 0 in free format, where only
// the distance to the next header gives.
func (h Header) Size() int {
	if h.Bitrate == 0 {
		return 0
	}
	size := h.Samples() * h.Bitrate / 8 / h.Rate
	if h.Layer == 1 {
		size &^= 3 // whole slots of four bytes
	}
	return size + h.padding()
}

// padding returns the length of the slot that Padding adds.
func (h Header) padding() int {
	switch {
	case !h.Padding:
		return 0
	case h.Layer == 1:
		return 4
	}
	return 1
}

// Like says whether two frames may follow each other in one stream. The bit rate, the
// mode and the checksum may differ.
func (h Header) Like(g Header) bool {
	return h.Version == g.Version && h.Layer == g.Layer && h.Rate == g.Rate &&
		(h.Bitrate == 0) == (g.Bitrate == 0)
}

// sideInfoSize returns the length of the side information of layer III in bytes.
func (h Header) sideInfoSize() int {
	mono := h.Channels() == 1
	switch {
	case h.Version == MPEG1 && !mono:
		return 32
	case h.Version != MPEG1 && mono:
		return 9
	}
	return 17
}

func (h Header) middleSide() bool { return h.Mode == modeJoint && h.Extension&2 != 0 }
func (h Header) intensity() bool  { return h.Mode == modeJoint && h.Extension&1 != 0 }

func (h Header) granules() int {
	if h.Version == MPEG1 {
		return 2
	}
	return 1
}
