package nut

import (
	"encoding/binary"
	"fmt"
	"io"
	"math"
)

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
