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
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"math"
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

// packet reads a packet after its first byte.
func (d *Reader) packet() error {
	var rest [8]byte
	rest[0] = 'N'
	if _, err := io.ReadFull(d.r, rest[1:]); err != nil {
		return cut(err)
	}
	size, err := varint(d.r)
	if err != nil {
		return err
	}
	if size > maxPacket {
		return fmt.Errorf("%w: a packet of %d bytes", ErrFormat, size)
	}
	if size > 4096 { // a checksum of the packet's header
		if _, err := d.r.Discard(4); err != nil {
			return cut(err)
		}
	}
	body := make([]byte, size)
	if _, err := io.ReadFull(d.r, body); err != nil {
		return cut(err)
	}
	var f fields
	f.Reset(body)
	switch binary.BigEndian.Uint64(rest[:]) {
	case mainCode:
		d.mainHeader(&f)
	case streamCode:
		d.streamHeader(&f)
	case syncCode:
		d.syncPoint(&f)
	}
	return f.err
}

func (d *Reader) mainHeader(f *fields) {
	if v := f.v(); v != 3 {
		f.fail("version %d", v)
	}
	if n := f.v(); n != 1 {
		f.fail("%d streams", n)
	}
	f.v() // the greatest distance of synchronization points
	n := f.v()
	if n < 1 || n > maxBases {
		f.fail("%d time bases", n)
		return
	}
	d.bases = make([]base, n)
	for i := range d.bases {
		d.bases[i] = base{f.v(), f.v()}
	}
	d.table(f)
	n = f.v()
	if n > 127 {
		f.fail("%d elided headers", n)
		return
	}
	d.elided = [][]byte{nil}
	for range n {
		d.elided = append(d.elided, f.text())
	}
}

// table reads the table of frame codes, which is written in runs.
func (d *Reader) table(f *fields) {
	var row code
	row.mul = 1
	for i := 0; i < len(d.codes) && f.err == nil; {
		row.flags = f.v()
		n := f.v()
		row.lsb, row.reserved = 0, 0
		if n > 0 {
			row.ptsDelta = f.s()
		}
		if n > 1 {
			row.mul = f.v()
		}
		if n > 2 {
			row.stream = f.v()
		}
		if n > 3 {
			row.lsb = f.v()
		}
		if n > 4 {
			row.reserved = f.v()
		}
		count := row.mul - row.lsb
		if n > 5 {
			count = f.v()
		}
		if n > 6 {
			f.s()
		}
		if n > 7 {
			row.headerIdx = f.v()
		}
		for j := uint64(8); j < n && f.err == nil; j++ {
			f.v()
		}
		if count == 0 || row.lsb > maxFrame || row.mul > maxFrame {
			f.fail("a run of %d frame codes", count)
		}
		for j := uint64(0); j < count && i < len(d.codes); i++ {
			if i == 'N' {
				d.codes[i].impossible = true
				continue
			}
			d.codes[i] = row
			d.codes[i].lsb += j
			j++
		}
	}
}

func (d *Reader) streamHeader(f *fields) {
	f.v() // number
	if class := f.v(); class != soundClass {
		f.fail("a stream of class %d", class)
	}
	f.text() // codec
	b := f.v()
	d.shift = f.v()
	f.v()    // the greatest distance of positions without a checksum
	f.v()    // delay
	f.v()    // flags
	f.text() // of the codec
	num, den, channels := f.v(), f.v(), f.v()
	switch {
	case f.err != nil:
	case b >= uint64(len(d.bases)) || d.shift > 62:
		f.fail("no such time base")
	case den != 1 || num < 1 || num > math.MaxInt32 || d.bases[b] != base{1, num}:
		f.fail("%d/%d samples a second do not count the positions", num, den)
	case channels < 1 || channels > 1<<12:
		f.fail("%d channels", channels)
	default:
		d.base, d.Rate, d.Channels = int(b), int(num), int(channels)
	}
}

// syncPoint sets the position that the next one is relative to.
func (d *Reader) syncPoint(f *fields) {
	t := f.v()
	if f.err != nil || len(d.bases) == 0 {
		return
	}
	// The position is one of the stream, as there is no other.
	if int(t%uint64(len(d.bases))) != d.base {
		f.fail("a synchronization point in another time base")
		return
	}
	d.last = int64(t / uint64(len(d.bases)))
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

// varint reads a number of seven bits a byte, the highest first.
func varint(r io.ByteReader) (uint64, error) {
	n := uint64(0)
	for range 10 {
		b, err := r.ReadByte()
		if err != nil {
			return 0, cut(err)
		}
		n = n<<7 | uint64(b&0x7f)
		if b < 0x80 {
			return n, nil
		}
	}
	return 0, fmt.Errorf("%w: a number of more than ten bytes", ErrFormat)
}

// cut makes an end within something an unexpected one.
func cut(err error) error {
	if err == io.EOF {
		return io.ErrUnexpectedEOF
	}
	return err
}

// fields are the numbers and strings of a packet. The first error stays.
type fields struct {
	bytes.Reader
	err error
}

func (f *fields) fail(format string, args ...any) {
	if f.err == nil {
		f.err = fmt.Errorf("%w: %s", ErrFormat, fmt.Sprintf(format, args...))
	}
}

func (f *fields) v() uint64 {
	n, err := varint(f)
	if err != nil {
		f.fail("a packet ends within a number")
		f.Reset(nil)
	}
	return n
}

// s reads a number with a sign: 0, 1, -1, 2, -2 are written as 0, 1, 2, 3, 4.
func (f *fields) s() int64 {
	n := f.v() + 1
	if n&1 != 0 {
		return -int64(n >> 1)
	}
	return int64(n >> 1)
}

func (f *fields) text() []byte {
	n := f.v()
	if n > uint64(f.Len()) {
		f.fail("a packet ends within a string")
		return nil
	}
	b := make([]byte, n)
	_, _ = f.Read(b) // there is as much
	return b
}
