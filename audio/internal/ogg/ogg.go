// Package ogg reads the pages of an Ogg file and goes on after damage.
//
// A page is a head of 27 bytes, a table of up to 255 segment lengths and the segments.
// A packet is the segments up to and with the first that is shorter than 255 bytes, and
// may run over several pages. The head carries
//
//	granule position  how far sound has come with the last packet that ends here
//	serial number     of the stream, as several may share a file
//	sequence number   of the page in its stream, by which a lost one shows
//	checksum          over the whole page
//
// Reference: RFC 3533.
package ogg

import (
	"bufio"
	"bytes"
	"encoding/binary"
	"io"
)

const (
	headSize = 27
	// MaxPage is the longest page in bytes; a Reader needs a buffer at least as long.
	MaxPage = headSize + 255 + 255*255
	// maxPacket is how much of a packet is kept. Sound is far below; comments with
	// pictures are above, and nobody here reads them.
	maxPacket = 128 << 10
)

// NoGranule is the position of a page on which no packet ends.
const NoGranule = -1

// A Page is one page of the stream followed.
type Page struct {
	Serial  uint32
	Granule int64
	First   bool // of its stream
	Last    bool // of its stream
	// Gap says that pages or parts of packets are missing before this one.
	Gap bool
	// Packets are those that end on this page, valid until the next call.
	Packets [][]byte

	sequence uint32
}

// A Reader reads pages.
type Reader struct {
	r *bufio.Reader

	following bool
	serial    uint32
	sequence  uint32 // of the next page
	damaged   bool   // bytes were skipped since the last page
	cut       bool

	partial []byte // of a packet that goes on
	open    bool   // there is such a packet
	store   []byte
	packets [][]byte
}

// NewReader returns a reader on r, whose buffer holds at least MaxPage bytes.
func NewReader(r *bufio.Reader) *Reader { return &Reader{r: r} }

// Cut says, after io.EOF, whether the file ends within a page.
func (r *Reader) Cut() bool { return r.cut }

// Follow makes Next return only the pages of one stream, and the first pages of others
// that begin after it.
func (r *Reader) Follow(p Page) {
	r.following, r.serial, r.sequence = true, p.Serial, p.sequence+1
}

// Next returns the next good page, or io.EOF.
func (r *Reader) Next() (Page, error) {
	for {
		b, err := r.page()
		if err != nil {
			return Page{}, err
		}
		p, ok := r.parse(b)
		if _, err := r.r.Discard(len(b)); err != nil {
			return Page{}, err
		}
		if ok {
			return p, nil
		}
	}
}

// page returns the bytes of the next page whose checksum is right, not yet consumed.
func (r *Reader) page() ([]byte, error) {
	for {
		head, err := r.r.Peek(headSize)
		if err == io.EOF {
			r.cut = len(head) > 0
			return nil, io.EOF
		}
		if err != nil {
			return nil, err
		}
		// 32 bits: "OggS"; 8 bits: version 0
		if string(head[:5]) == "OggS\x00" {
			size := headSize + int(head[26])
			b, err := r.r.Peek(size)
			if err == nil {
				for _, n := range b[headSize:] {
					size += int(n)
				}
				b, err = r.r.Peek(size)
			}
			switch {
			case err == nil && checksum(b) == binary.LittleEndian.Uint32(b[22:]):
				return b, nil
			case err == io.EOF:
				r.cut = true
			case err != nil:
				return nil, err
			}
		}
		r.damaged = true
		if err := r.resync(); err != nil {
			return nil, err
		}
	}
}

// resync passes over one byte and on to the next that could begin a page.
func (r *Reader) resync() error {
	if _, err := r.r.Discard(1); err != nil {
		return err
	}
	for {
		b, err := r.r.Peek(max(1, r.r.Buffered()))
		if err != nil && len(b) == 0 {
			return err
		}
		n := 0
		for n < len(b) && b[n] != 'O' {
			n++
		}
		if _, err := r.r.Discard(n); err != nil || n < len(b) {
			return err
		}
	}
}

// parse takes a page apart; ok is false for those of streams that are not followed.
func (r *Reader) parse(b []byte) (p Page, ok bool) {
	// 8 bits: continued, first, last; 64 bits: granule; 32 bits each: serial, sequence
	flags := b[5]
	p.Granule = int64(binary.LittleEndian.Uint64(b[6:]))
	p.Serial = binary.LittleEndian.Uint32(b[14:])
	p.sequence = binary.LittleEndian.Uint32(b[18:])
	p.First, p.Last = flags&2 != 0, flags&4 != 0
	foreign := r.following && p.Serial != r.serial
	switch {
	case foreign && !p.First:
		return p, false
	case p.First:
		r.open = false
	default:
		p.Gap = r.damaged || p.sequence != r.sequence
	}
	if !foreign {
		r.damaged = false
		r.sequence = p.sequence + 1
	}

	continued := flags&1 != 0
	drop := continued && (!r.open || p.Gap) // the packet's beginning is lost
	if !continued && r.open {
		p.Gap = true // its end is
	}
	if !continued || p.Gap {
		r.open = false
	}
	if !r.open {
		r.partial = r.partial[:0]
	}
	r.assemble(b, drop)
	p.Packets = r.packets
	return p, true
}

// assemble cuts a page into packets.
func (r *Reader) assemble(b []byte, drop bool) {
	table := b[headSize : headSize+int(b[26])]
	data := b[headSize+len(table):]
	if r.store == nil {
		r.store = make([]byte, 0, MaxPage+2*maxPacket) // never moves: packets point into it
	}
	r.packets, r.store = r.packets[:0], r.store[:0]
	start := 0
	if r.open {
		r.store = append(r.store, r.partial...)
	}
	ends := true
	for _, n := range table {
		if len(r.store)-start < maxPacket {
			r.store = append(r.store, data[:n]...)
		}
		data = data[n:]
		if ends = n < 255; ends {
			if !drop {
				r.packets = append(r.packets, r.store[start:len(r.store):len(r.store)])
			}
			drop = false
			start = len(r.store)
		}
	}
	r.open = !ends && !drop
	r.partial = append(r.partial[:0], r.store[start:]...)
}

// LastGranule returns the position on the last page that begins in b, the end of a file,
// or NoGranule. It is an estimate: nothing is checked.
func LastGranule(b []byte) int64 {
	for {
		at := bytes.LastIndex(b, []byte("OggS\x00"))
		if at < 0 {
			return NoGranule
		}
		if len(b)-at >= headSize {
			if g := int64(binary.LittleEndian.Uint64(b[at+6:])); g >= 0 {
				return g
			}
		}
		b = b[:at]
	}
}

// checksum is that of a page: x^32 + the polynomial 0x04c11db7, with its own field zero.
func checksum(b []byte) uint32 {
	c := uint32(0)
	for i, v := range b {
		if i >= 22 && i < 26 {
			v = 0
		}
		c = c<<8 ^ crcTable[uint8(c>>24)^v]
	}
	return c
}

var crcTable = func() (t [256]uint32) {
	for i := range t {
		c := uint32(i) << 24
		for range 8 {
			c = c<<1 ^ c>>31*0x04c11db7
		}
		t[i] = c
	}
	return t
}()
