// Package nut reads the container in which ffmpeg hands over samples: NUT, version 3, with
// one stream of uncompressed sound. It is the one format that ffmpeg writes to a pipe with
// the position of every packet counted in samples.
//
// A file is a mark, then packets and frames. A packet begins with a start code of eight
// bytes, the first of which is 'N', and says how long it is; only the main header, the
// stream header and the synchronization points matter here. A frame begins with one byte
// that is no 'N', an index of a table in the main header, which says what else of its
// header is written and what is to be assumed.
//
// Reference: "NUT Open Container Format", https://ffmpeg.org/~michael/nut.txt
package nut

import (
	"bufio"
	"errors"
	"fmt"
	"io"
)

// ErrFormat is wrapped by every error about content.
var ErrFormat = errors.New("not the NUT that is expected")

const mark = "nut/multimedia container\x00"

const (
	mainCode   = 0x4e4d7a561f5f04ad
	streamCode = 0x4e5311405bf2f9db
	syncCode   = 0x4e4be4adeeca4569
)

// Bounds of what is believed.
const (
	maxPacket  = 1 << 20
	maxFrame   = 64 << 20
	maxBases   = 256
	soundClass = 1
)

// Flags of a frame.
const (
	flagCodedPTS  = 8
	flagStreamID  = 16
	flagSizeMSB   = 32
	flagChecksum  = 64
	flagReserved  = 128
	flagHeaderIdx = 1024
	flagMatchTime = 2048
	flagCoded     = 4096
	flagInvalid   = 8192
)

// A code is a row of the table of frame codes.
type code struct {
	flags      uint64
	ptsDelta   int64
	stream     uint64
	mul, lsb   uint64 // of the size
	reserved   uint64
	headerIdx  uint64
	impossible bool // not in the table
}

type base struct{ num, den uint64 }

// A Reader reads the frames of a stream of sound.
type Reader struct {
	r *bufio.Reader

	bases  []base
	codes  [256]code
	elided [][]byte // what frames may leave out at their beginning
	shift  uint64   // bits of a coded position that are relative
	base   int      // of the stream
	last   int64    // position of the last frame
	buf    []byte

	// Rate is in Hz and, like Channels, known once NewReader has returned.
	Rate, Channels int
}

// NewReader reads the headers.
func NewReader(r io.Reader) (*Reader, error) {
	d := &Reader{r: bufio.NewReaderSize(r, 64<<10)}
	head := make([]byte, len(mark))
	if _, err := io.ReadFull(d.r, head); err != nil {
		return nil, cut(err)
	}
	if string(head) != mark {
		return nil, ErrFormat
	}
	for d.Rate == 0 {
		b, err := d.r.ReadByte()
		if err != nil {
			return nil, cut(err)
		}
		if b != 'N' {
			return nil, fmt.Errorf("%w: a frame before the headers", ErrFormat)
		}
		if err := d.packet(); err != nil {
			return nil, err
		}
	}
	return d, nil
}

// Next returns the next frame: its position in samples and its bytes, which are valid until
// the next call. After the last it returns io.EOF.
func (d *Reader) Next() (pts int64, data []byte, err error) {
	for {
		b, err := d.r.ReadByte()
		if err != nil {
			return 0, nil, err
		}
		if b != 'N' {
			return d.frame(&d.codes[b])
		}
		if err := d.packet(); err != nil {
			return 0, nil, err
		}
	}
}

func (d *Reader) frame(c *code) (pts int64, data []byte, err error) {
	flags := c.flags
	if c.impossible {
		return 0, nil, fmt.Errorf("%w: an impossible frame code", ErrFormat)
	}
	var read error
	v := func() uint64 {
		if read != nil {
			return 0
		}
		var n uint64
		n, read = varint(d.r)
		return n
	}
	if flags&flagCoded != 0 {
		flags ^= v()
	}
	stream, header, reserved, msb := c.stream, c.headerIdx, c.reserved, uint64(0)
	if flags&flagStreamID != 0 {
		stream = v()
	}
	pts = d.last + c.ptsDelta
	if flags&flagCodedPTS != 0 {
		pts = d.position(v())
	}
	if flags&flagSizeMSB != 0 {
		msb = v()
	}
	if flags&flagMatchTime != 0 {
		v()
	}
	if flags&flagHeaderIdx != 0 {
		header = v()
	}
	if flags&flagReserved != 0 {
		reserved = v()
	}
	for range min(reserved, maxPacket) {
		v()
	}
	if flags&flagChecksum != 0 && read == nil {
		_, read = d.r.Discard(4)
	}
	switch {
	case read != nil:
		return 0, nil, cut(read)
	case flags&flagInvalid != 0, c.mul == 0, stream != 0, header >= uint64(len(d.elided)), msb > maxFrame/c.mul:
		return 0, nil, fmt.Errorf("%w: a frame that cannot be", ErrFormat)
	}
	start, size := d.elided[header], c.lsb+msb*c.mul
	if size < uint64(len(start)) || size > maxFrame {
		return 0, nil, fmt.Errorf("%w: a frame of %d bytes", ErrFormat, size)
	}
	data, err = d.content(start, int(size))
	d.last = pts
	return pts, data, err
}

// content reads a frame of the given size. It allocates no more than there is to read.
func (d *Reader) content(start []byte, size int) ([]byte, error) {
	d.buf = append(d.buf[:0], start...)
	for len(d.buf) < size {
		from := len(d.buf)
		n := min(size-from, 64<<10)
		d.buf = append(d.buf, make([]byte, n)...)
		if _, err := io.ReadFull(d.r, d.buf[from:]); err != nil {
			return nil, cut(err)
		}
	}
	return d.buf, nil
}

// position completes a coded position: a small number holds the low bits of one near the
// last, a large one is the position itself.
func (d *Reader) position(coded uint64) int64 {
	if coded >= 1<<d.shift {
		return int64(coded - 1<<d.shift)
	}
	mask := int64(1)<<d.shift - 1
	delta := d.last - mask/2
	return (int64(coded)-delta)&mask + delta
}
