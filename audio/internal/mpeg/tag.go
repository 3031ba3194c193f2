package mpeg

import (
	"bytes"
	"encoding/binary"
)

// TagHead is how many bytes TagSize wants to see.
const TagHead = 32

// TagSize returns the length of the tag that begins b, or 0 if none does. Tags are not
// sound; they stand before it, behind it, and in files that were joined between it.
func TagSize(b []byte) int64 {
	switch {
	case len(b) >= 10 && string(b[:3]) == "ID3" && b[3] != 0xff && b[4] != 0xff:
		// ID3v2: 7 bits to a byte, without the head; flag 0x10 announces a foot.
		size := int64(0)
		for _, c := range b[6:10] {
			if c >= 0x80 {
				return 0
			}
			size = size<<7 | int64(c)
		}
		size += 10
		if b[5]&0x10 != 0 {
			size += 10
		}
		return size
	case len(b) >= 3 && string(b[:3]) == "TAG":
		return 128 // ID3v1
	case len(b) >= TagHead && string(b[:8]) == "APETAGEX":
		size := int64(binary.LittleEndian.Uint32(b[12:])) // items and foot
		if b[23]&0x20 != 0 {                              // this is the head
			return size + 32
		}
		return 32
	}
	return 0
}

// Info is what the frame with which VBR encoders begin a file says about it. That frame
// has the shape of a silent one and is not sound.
type Info struct {
	Frames  int64 // that follow, 0 if not said
	Delay   int   // samples of the encoder's delay
	Padding int   // samples after the sound, up to a whole frame
	Trim    bool  // Delay and Padding are meant: players cut them
}

// DecoderDelay is how many samples a layer III decoder lags behind its input. Together
// with the delay of the encoder it is what comes before the first sample of sound.
const DecoderDelay = 529

// ParseInfo reads an Xing, Info or VBRI header; ok says whether the frame is one.
func ParseInfo(h Header, frame []byte) (info Info, ok bool) {
	for _, at := range [2]int{HeaderSize + h.sideInfoSize(), HeaderSize + 2 + h.sideInfoSize()} {
		if len(frame) < at+8 {
			break
		}
		if id := string(frame[at : at+4]); id == "Xing" || id == "Info" {
			return parseXing(frame[at:]), true
		}
	}
	if at := HeaderSize + 32; len(frame) >= at+18 && string(frame[at:at+4]) == "VBRI" {
		// 16 bits each: version, delay, quality; 32 bits each: bytes, frames
		return Info{Frames: int64(binary.BigEndian.Uint32(frame[at+14:]))}, true
	}
	return Info{}, false
}

func parseXing(b []byte) Info {
	info := Info{Trim: true}
	flags := b[7]
	b = b[8:]
	// field returns the next n bytes, zeros where the frame is too short.
	field := func(n int) []byte {
		f := make([]byte, n)
		b = b[copy(f, b):]
		return f
	}
	if flags&1 != 0 {
		info.Frames = int64(binary.BigEndian.Uint32(field(4)))
	}
	if flags&2 != 0 {
		field(4) // bytes
	}
	if flags&4 != 0 {
		field(100) // table of contents
	}
	if flags&8 != 0 {
		field(4) // quality
	}
	// LAME's extension: name of the encoder, method, lowpass, peak, two gains, flags,
	// bit rate, then twelve bits each of delay and padding.
	field(9 + 1 + 1 + 4 + 2 + 2 + 1 + 1)
	d := field(3)
	info.Delay = int(d[0])<<4 | int(d[1])>>4
	info.Padding = int(d[1]&15)<<8 | int(d[2])
	return info
}

// Looks says whether b, the head of a file, holds frames: three in a row at its start or
// many anywhere else, as samples of soft sound look like headers too often. Whole files
// of one or two frames count if nothing else follows. Free format, whose frames take a
// search to measure, is seen at the start only.
func Looks(b []byte, whole bool) (Header, bool) {
	const atStart, elsewhere = 3, 8
	if len(b) >= HeaderSize {
		if h, err := ParseHeader(b); err == nil && chained(h, b, atStart, whole) {
			return h, true
		}
	}
	for at := 1; at+HeaderSize <= len(b); at++ {
		next := bytes.IndexByte(b[at:], 0xff)
		if next < 0 || at+next+HeaderSize > len(b) {
			break
		}
		at += next
		h, err := ParseHeader(b[at:])
		if err == nil && h.Layer == 3 && h.Bitrate > 0 && chained(h, b[at:], elsewhere, whole) {
			return h, true
		}
	}
	return Header{}, false
}

// chained says whether n frames like h follow each other from the start of b on, or
// fewer up to its end if b is whole.
func chained(h Header, b []byte, n int, whole bool) bool {
	free := 0
	if h.Bitrate == 0 {
		if free = freeSize(h, b); free == 0 {
			return false
		}
	}
	for i := range n {
		if len(b) == 0 || TagSize(b) > 0 {
			return whole && i > 0
		}
		if len(b) < HeaderSize {
			return whole && i > 1
		}
		g, err := ParseHeader(b)
		if err != nil || !g.Like(h) {
			return false
		}
		size := g.Size()
		if free > 0 {
			size = free + g.padding()
		}
		if size > len(b) {
			return i > 4 || whole && i > 1
		}
		b = b[size:]
	}
	return true
}

// freeSize finds the length of free format frames without padding: the distance at
// which headers like h repeat, twice.
func freeSize(h Header, b []byte) int {
	for at := HeaderSize + h.sideInfoSize(); at+HeaderSize <= min(len(b), maxFrame); at++ {
		g, err := ParseHeader(b[at:])
		if err != nil || !g.Like(h) {
			continue
		}
		size := at - h.padding()
		next := at + size + g.padding()
		if next+HeaderSize > len(b) {
			continue
		}
		if f, err := ParseHeader(b[next:]); err == nil && f.Like(h) {
			return size
		}
	}
	return 0
}
