// Package pcm turns the bytes of uncompressed sound into float32 samples in [-1, 1).
//
// An integer of b bits is divided by 2^(b-1), as every common reader does; samples of
// eight bits and fewer are unsigned with their zero in the middle, wider ones are two's
// complement. A depth that does not fill its bytes sits at the top of them (Microsoft,
// "Multiple Channel Audio Data and WAVE Files"), so the container alone sets the scale.
// A-law and mu-law are ITU-T G.711. Frames are interleaved, results are not: one slice
// for each channel.
package pcm

import (
	"encoding/binary"
	"math"
)

// A Kind says how a sample is coded.
type Kind int

// The kinds of samples.
const (
	Unsigned Kind = iota // offset binary
	Signed               // two's complement
	Low24                // 24 bits in the low bytes of four, the fourth is ignored
	Float                // IEEE 754
	ALaw
	MuLaw
)

// An Encoding is the layout of a sample.
type Encoding struct {
	Kind      Kind
	Bytes     int // of one sample: 1 to 8; 4 or 8 for Float, 4 for Low24, 1 for the laws
	BigEndian bool
}

// Valid says whether Decode can read e.
func (e Encoding) Valid() bool {
	switch e.Kind {
	case Unsigned, Signed:
		return e.Bytes >= 1 && e.Bytes <= 8
	case Low24:
		return e.Bytes == 4
	case Float:
		return e.Bytes == 4 || e.Bytes == 8
	case ALaw, MuLaw:
		return e.Bytes == 1
	}
	return false
}

// Decode fills each dst[c] from the frames in src, which must hold len(dst[0]) of them.
// Floats that are no numbers become silence; it returns how many there were.
func (e Encoding) Decode(dst [][]float32, src []byte) (notNumbers int) {
	stride := e.Bytes * len(dst)
	if e.Kind == Signed && e.Bytes == 2 && !e.BigEndian && len(dst) <= 2 {
		// The path of nearly every recording.
		if len(dst) == 1 {
			int16Mono(dst[0], src)
		} else {
			int16Stereo(dst[0], dst[1], src)
		}
		return 0
	}
	for c, d := range dst {
		if len(d) == 0 {
			continue
		}
		s := src[c*e.Bytes : (len(d)-1)*stride+(c+1)*e.Bytes]
		switch {
		case e.Kind == ALaw:
			table(d, s, stride, &aLaw)
		case e.Kind == MuLaw:
			table(d, s, stride, &muLaw)
		case e.Kind == Float && e.Bytes == 4:
			notNumbers += e.float32s(d, s, stride)
		case e.Kind == Float:
			notNumbers += e.float64s(d, s, stride)
		case e.Kind == Low24:
			e.low24s(d, s, stride)
		default:
			e.integers(d, s, stride)
		}
	}
	return notNumbers
}

// int16Mono takes four samples at a time.
func int16Mono(dst []float32, src []byte) {
	const scale = 1. / (1 << 15)
	for len(dst) >= 4 && len(src) >= 8 {
		v := binary.LittleEndian.Uint64(src)
		dst[0] = float32(int16(v)) * scale
		dst[1] = float32(int16(v>>16)) * scale
		dst[2] = float32(int16(v>>32)) * scale
		dst[3] = float32(int16(v>>48)) * scale
		dst, src = dst[4:], src[8:]
	}
	for i := range dst {
		dst[i] = float32(int16(binary.LittleEndian.Uint16(src[2*i:]))) * scale
	}
}

// int16Stereo takes two frames at a time.
func int16Stereo(left, right []float32, src []byte) {
	const scale = 1. / (1 << 15)
	for len(left) >= 2 && len(right) >= 2 && len(src) >= 8 {
		v := binary.LittleEndian.Uint64(src)
		left[0] = float32(int16(v)) * scale
		right[0] = float32(int16(v>>16)) * scale
		left[1] = float32(int16(v>>32)) * scale
		right[1] = float32(int16(v>>48)) * scale
		left, right, src = left[2:], right[2:], src[8:]
	}
	for i := range left {
		v := binary.LittleEndian.Uint32(src[4*i:])
		left[i], right[i] = float32(int16(v))*scale, float32(int16(v>>16))*scale
	}
}

// integers shifts a sample of any width to the top of 64 bits, where all have one scale.
func (e Encoding) integers(dst []float32, src []byte, stride int) {
	flip := uint64(0)
	if e.Kind == Unsigned {
		flip = 1 << 63
	}
	for i := range dst {
		v := uint64(0)
		for k, b := range src[i*stride : i*stride+e.Bytes] {
			if e.BigEndian {
				v |= uint64(b) << (56 - 8*k)
			} else {
				v |= uint64(b) << (64 - 8*e.Bytes + 8*k)
			}
		}
		dst[i] = float32(float64(int64(v^flip)) * (1. / (1 << 63)))
	}
}

func (e Encoding) low24s(dst []float32, src []byte, stride int) {
	for i := range dst {
		v := e.uint32(src[i*stride:])
		dst[i] = float32(int32(v<<8)>>8) * (1. / (1 << 23))
	}
}

func (e Encoding) float32s(dst []float32, src []byte, stride int) (bad int) {
	for i := range dst {
		bits := e.uint32(src[i*stride:])
		if bits&0x7f800000 == 0x7f800000 {
			bits = 0
			bad++
		}
		dst[i] = math.Float32frombits(bits)
	}
	return bad
}

func (e Encoding) float64s(dst []float32, src []byte, stride int) (bad int) {
	for i := range dst {
		bits := binary.LittleEndian.Uint64(src[i*stride:])
		if e.BigEndian {
			bits = binary.BigEndian.Uint64(src[i*stride:])
		}
		v := float32(math.Float64frombits(bits))
		if math.IsNaN(float64(v)) || math.IsInf(float64(v), 0) {
			v = 0
			bad++
		}
		dst[i] = v
	}
	return bad
}

func (e Encoding) uint32(b []byte) uint32 {
	if e.BigEndian {
		return binary.BigEndian.Uint32(b)
	}
	return binary.LittleEndian.Uint32(b)
}

func table(dst []float32, src []byte, stride int, law *[256]float32) {
	for i := range dst {
		dst[i] = law[src[i*stride]]
	}
}
