// Package flac decodes FLAC and goes on after damage.
//
// A file is the mark "fLaC", blocks of metadata of which the first describes the stream,
// and frames. A frame is a header with a checksum of eight bits, one subframe for each
// channel, and a checksum of sixteen bits over all of it. A subframe predicts each
// sample from those before and stores the differences in Rice codes:
//
//	constant   one number
//	verbatim   all numbers as they are
//	fixed      a polynomial of order 0 to 4
//	linear     up to 32 coefficients
//
// Two channels may be stored as one and the difference to the other. Frames carry their
// number, so that after a damaged one the place of the next is known exactly.
//
// The description is not protected by a checksum, and writers get it wrong. Frames are
// protected, and repeat nearly all of it, so where the two differ the frames count.
//
// The library mewkiz/flac checks this package in tests. It does not stand here because
// it stops at the first damaged frame, reads no samples of 32 bits or of a depth that
// only the stream's description gives, and writes a line to the log for every frame of
// 24 kHz sound.
//
// Reference: RFC 9639.
package flac

import (
	"encoding/binary"
	"errors"
	"io"
)

// Info describes a stream (RFC 9639, section 8.2). All of it may be wrong.
type Info struct {
	MaxBlock int // samples of the longest frame, 0 if not said
	Rate     int // samples a second, 0 if not said
	Channels int
	Bits     int      // of a sample, 1 to 32
	Samples  int64    // in each channel, 0 if not said
	MD5      [16]byte // of the samples, zero if not said
}

// ErrHeader reports a stream without a usable description.
var ErrHeader = errors.New("no FLAC stream description")

// ReadInfo reads everything before the first frame.
func ReadInfo(r io.Reader) (Info, error) {
	var info Info
	var b [34]byte
	if _, err := io.ReadFull(r, b[:4]); err != nil || string(b[:4]) != "fLaC" {
		return info, errors.Join(ErrHeader, err)
	}
	for first, last := true, false; !last; first = false {
		// 1 bit: last block; 7 bits: type; 24 bits: length
		if _, err := io.ReadFull(r, b[:4]); err != nil {
			return info, err
		}
		last = b[0]&0x80 != 0
		kind, size := b[0]&0x7f, int64(binary.BigEndian.Uint32(b[:])&0xffffff)
		if first {
			if kind != 0 || size != int64(len(b)) {
				return info, ErrHeader
			}
			if _, err := io.ReadFull(r, b[:]); err != nil {
				return info, err
			}
			info.parse(b[:])
			continue
		}
		if _, err := io.CopyN(io.Discard, r, size); err != nil {
			return info, err
		}
	}
	return info, nil
}

func (info *Info) parse(b []byte) {
	// 16 bits each: shortest and longest block; 24 bits each: shortest, longest frame
	info.MaxBlock = int(binary.BigEndian.Uint16(b[2:]))
	// 20 bits: rate; 3 bits: channels less one; 5 bits: bits less one; 36 bits: samples
	v := binary.BigEndian.Uint64(b[10:])
	info.Rate = int(v >> 44)
	info.Channels = int(v>>41&7) + 1
	info.Bits = int(v>>36&31) + 1
	info.Samples = int64(v & (1<<36 - 1))
	copy(info.MD5[:], b[18:])
}
