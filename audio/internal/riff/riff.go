// Package riff reads the head of a WAVE file, up to the first byte of sound.
//
// A file is a form of 12 bytes and then chunks, each an identifier, a length and as many
// bytes, padded to an even number:
//
//	"RIFF" size "WAVE"   little-endian; "RIFX" is the same, big-endian
//	"RF64" or "BW64"     sizes of 0xFFFFFFFF stand for the 64-bit ones in chunk "ds64"
//	"fmt "               layout of a sample
//	"data"               the sound
//
// The format comes before the sound by the standard; ReadFormat reads files in which it
// comes after. Of several formats the first counts, as in ffmpeg.
//
// Writers that cannot seek back leave a placeholder for the lengths. Lengths are claims
// of a stranger: nothing here allocates by them.
//
// References: Microsoft, "Multimedia Programming Interface and Data Specifications 1.0";
// Microsoft, "Multiple Channel Audio Data and WAVE Files"; EBU Tech 3306 (RF64); ITU-R
// BS.2088 (BW64).
package riff

import (
	"encoding/binary"
	"errors"
	"fmt"
	"io"
)

// The format tags of sound that is stored sample by sample.
const (
	TagPCM        = 1
	TagFloat      = 3
	TagALaw       = 6
	TagMuLaw      = 7
	TagExtensible = 0xfffe
)

// ErrNotWAVE reports bytes that do not begin like a WAVE file.
var ErrNotWAVE = errors.New("not a WAVE file")

// ErrFormat reports a format that is too short to be one.
var ErrFormat = errors.New("the format is too short")

// ErrDataFirst reports sound that comes before its format.
var ErrDataFirst = errors.New("data chunk before any fmt chunk")

// Unknown is the length of a data chunk whose writer did not know it.
const Unknown = -1

// A Header is what a WAVE file says before its sound.
type Header struct {
	Form      string // RIFF, RIFX, RF64 or BW64
	BigEndian bool
	Format    Format
	DataAt    int64 // offset of the first byte of sound
	Data      int64 // bytes of sound as declared, or Unknown
}

// A Format is the content of chunk "fmt ".
type Format struct {
	Tag        uint16 // of the extension, where there is one
	Channels   int
	Rate       int // frames a second
	FrameBytes int // bytes of a sample in all channels
	Bits       int // of a sample, or of its container in an extensible format
	ValidBits  int // of the container that carry sound; 0 where not said
}

// Read reads a header from r, which then stands at the first byte of sound. With
// ErrDataFirst the header is complete but for its format.
func Read(r io.Reader) (Header, error) {
	p := parser{r: r}
	return p.header()
}

// ReadFormat completes a header that came with ErrDataFirst. r stands behind the last
// byte of sound; the caller then goes back to the first.
func (h *Header) ReadFormat(r io.Reader) error {
	p := parser{r: r, order: h.order()}
	if err := p.skipChunk(h.Data, h.Data); err != nil {
		return fmt.Errorf("no fmt chunk: %w", err)
	}
	for {
		b, err := p.read(chunkHead)
		if err != nil {
			return fmt.Errorf("no fmt chunk: %w", err)
		}
		id, size := Chunk(b, h.BigEndian)
		found := id == "fmt "
		if found {
			h.Format, err = p.format(size)
		} else {
			err = p.skipChunk(size, 0)
		}
		if err != nil {
			return fmt.Errorf("chunk %q of %d bytes: %w", id, size, err)
		}
		if found {
			return nil
		}
	}
}

// chunkHead is the length of a chunk's identifier and length.
const chunkHead = 8

// Chunk reads the first eight bytes of a chunk.
func Chunk(b []byte, bigEndian bool) (id string, size int64) {
	h := Header{BigEndian: bigEndian}
	return string(b[:4]), int64(h.order().Uint32(b[4:]))
}

func (h *Header) order() binary.ByteOrder {
	if h.BigEndian {
		return binary.BigEndian
	}
	return binary.LittleEndian
}

type parser struct {
	r     io.Reader
	at    int64 // bytes consumed
	order binary.ByteOrder
	buf   [40]byte // a fmt chunk with extension is the longest thing kept
	ahead int      // bytes of the next read that are in buf already
}

func (p *parser) header() (Header, error) {
	var h Header
	b, err := p.read(12)
	if err != nil {
		return h, err
	}
	h.Form = string(b[:4])
	switch {
	case string(b[8:12]) != "WAVE":
		return h, ErrNotWAVE
	case h.Form == "RIFF" || h.Form == "RF64" || h.Form == "BW64":
	case h.Form == "RIFX":
		h.BigEndian = true
	default:
		return h, ErrNotWAVE
	}
	p.order = h.order()

	data64 := int64(Unknown) // the data length in ds64
	haveFormat := false
	for {
		b, err := p.read(chunkHead)
		if err != nil {
			return h, fmt.Errorf("no data chunk: %w", err)
		}
		id, size := Chunk(b, h.BigEndian)
		switch {
		case id == "ds64":
			data64, err = p.ds64(size)
		case id == "fmt " && !haveFormat:
			h.Format, err = p.format(size)
			haveFormat = true
		case id == "data":
			h.DataAt, h.Data = p.at, size
			if placeholder(size) {
				h.Data = Unknown
			}
			if size == 0xffffffff && data64 > 0 {
				h.Data = data64
			}
			if !haveFormat {
				return h, ErrDataFirst
			}
			return h, nil
		default:
			err = p.skipChunk(size, 0)
		}
		if err != nil {
			return h, fmt.Errorf("chunk %q of %d bytes: %w", id, size, err)
		}
	}
}

// placeholder says whether a data length is one that writers to a pipe leave: zero,
// all ones (ffmpeg), 2^31 less a page (SoX), 2^31 (arecord) or one less.
func placeholder(size int64) bool {
	switch size {
	case 0, 0xffffffff, 0x7ffff000, 0x80000000, 0x7fffffff:
		return true
	}
	return false
}

// ds64 returns the 64-bit length of the data chunk, or Unknown if it makes no sense.
func (p *parser) ds64(size int64) (int64, error) {
	if size < 16 {
		return Unknown, p.skipChunk(size, 0)
	}
	b, err := p.read(16) // form size (64), data size (64)
	if err != nil {
		return Unknown, err
	}
	data := int64(p.order.Uint64(b[8:]))
	if data < 0 {
		data = Unknown
	}
	return data, p.skipChunk(size, 16)
}

func (p *parser) format(size int64) (Format, error) {
	var f Format
	if size < 14 {
		return f, ErrFormat
	}
	n := int(min(size, 40))
	b, err := p.read(n)
	if err != nil {
		return f, err
	}
	f.Tag = p.order.Uint16(b)               // 16 bits: format
	f.Channels = int(p.order.Uint16(b[2:])) // 16 bits
	f.Rate = int(p.order.Uint32(b[4:]))     // 32 bits: frames a second
	// 32 bits: bytes a second, which follow from the rest and are often wrong
	f.FrameBytes = int(p.order.Uint16(b[12:])) // 16 bits: block alignment
	if n >= 16 {
		f.Bits = int(p.order.Uint16(b[14:])) // 16 bits: bits a sample
	}
	if f.Tag == TagExtensible && n == 40 {
		f.ValidBits = int(p.order.Uint16(b[18:])) // after 16 bits: length of the extension
		// 32 bits: speaker positions
		if tag, ok := p.subFormat(b[24:]); ok {
			f.Tag = tag
		}
	}
	return f, p.skipChunk(size, int64(n))
}

// subFormat returns the tag inside a GUID of the form tag-0000-0010-8000-00AA00389B71,
// which all sub-formats with an ordinary tag have.
func (p *parser) subFormat(guid []byte) (tag uint16, ok bool) {
	first := p.order.Uint32(guid)
	ok = first <= 0xffff && p.order.Uint16(guid[4:]) == 0 && p.order.Uint16(guid[6:]) == 0x10 &&
		string(guid[8:16]) == "\x80\x00\x00\xaa\x00\x38\x9b\x71"
	return uint16(first), ok
}

// read returns the next n bytes, valid until the next call. A header has no good end.
func (p *parser) read(n int) ([]byte, error) {
	m, err := io.ReadFull(p.r, p.buf[p.ahead:n])
	p.at += int64(m)
	p.ahead = 0
	if err == io.EOF {
		err = io.ErrUnexpectedEOF
	}
	return p.buf[:n], err
}

// skipChunk passes over what is left of a chunk of size bytes, of which done were read,
// and over its padding.
func (p *parser) skipChunk(size, done int64) error {
	m, err := io.CopyN(io.Discard, p.r, size-done)
	p.at += m
	if err == nil && size%2 == 1 {
		_, err = p.read(1)
		// Some writers forget the padding: a letter belongs to the next identifier.
		if c := p.buf[0] | 0x20; c >= 'a' && c <= 'z' {
			p.ahead = 1
		}
	}
	if err == io.EOF {
		err = io.ErrUnexpectedEOF
	}
	return err
}
