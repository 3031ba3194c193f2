package flac

import (
	"encoding/binary"
	"io"

	"github.com/asr-backend/asr-backend/audio/internal/ahead"
)

// Frames can be decoded in any order, but where one ends is known only once it is decoded. So a batch is a number
// of bytes up to a place where a frame begins for sure: its header follows another frame, from its header to its
// checksum, and all three checksums are right. A decoder that goes through the file from its beginning comes by that
// place, too, and so the frames are the same, also where there is damage.

const (
	batchBytes = 128 << 10 // a second or two of music
	// batchSamples is how many samples of all channels workers decode ahead. The frames of digital silence have a
	// few bytes, and a batch can have thousands.
	batchSamples = 1 << 18
)

// batch is bytes with whole frames, and what was decoded of them.
type batch struct {
	finder  finder // goes on behind the frames
	next    []byte // of the next batch
	follows bool   // there is a next batch
	frames  []found
	stores  []*store // of the frames
	ended   bool     // and then:
	end     found    // skipped bytes behind the frames
	err     error    // io.EOF or that of the reader
}

type found struct {
	header
	skipped  int64
	channels [][]int64
}

// ahead returns the next frame, as the finder would.
func (d *Decoder) ahead() (found, error) {
	if d.now == nil {
		d.batches = ahead.Start(d.workers, ahead.Steps[batch]{New: func() *batch { return new(batch) }, Fill: d.fill, Decode: (*batch).decode})
		d.now = d.batches.Next()
	}
	for {
		f, err := d.now.at(d.given, &d.store)
		f.skipped += d.skipped
		if err == io.EOF && d.now.follows {
			d.skipped = f.skipped
			d.now, d.given = d.batches.Next(), 0
			continue
		}
		d.given++
		d.skipped = 0
		return f, err
	}
}

// Close stops the workers and waits for their end.
func (d *Decoder) Close() {
	if d.batches != nil {
		d.batches.Close()
		d.batches = nil
	}
}

// fill fills a batch and reports whether another one follows. The last one has all that is left, or, where no
// two frames are found for long, the reader itself.
func (d *Decoder) fill(b, before *batch, _ <-chan struct{}) (more bool) {
	f, rest := &b.finder, d.finder.buf[d.finder.at:d.finder.n]
	if before != nil {
		rest = before.next
	}
	f.r, f.info, f.err = d.finder.r, d.finder.info, nil
	f.buf, f.at, f.n = append(f.buf[:0], rest...), 0, len(rest)
	b.follows = false
	for size := d.size; size <= maxWindow; size *= 2 {
		if more := size + slack - len(f.buf); more > 0 {
			f.buf = append(f.buf, make([]byte, more)...)
		}
		if !f.more() || f.err != nil {
			return false
		}
		if end := boundary(f.buf, f.n, f.info); end > 0 {
			b.next = append(b.next[:0], f.buf[end:f.n]...)
			f.n, f.err = end, io.EOF
			b.follows = true
			return true
		}
	}
	return false
}

// boundary returns the last place in n bytes, behind which slack bytes follow, where a frame begins for sure, or 0.
func boundary(b []byte, n int, info *Info) int {
	var later [4]int // headers that were found, the nearest first; a frame may have bytes like a header's in it
	for p := n - 2; p >= 0; p-- {
		if b[p] != 0xff || b[p+1]>>1 != 0xf8>>1 {
			continue
		}
		if _, err := parseHeader(&reader{b: b[p:], end: 8 * (n - p)}, info); err != nil {
			continue
		}
		for _, q := range later {
			if q > 0 && crc16(b[p:q-2]) == binary.BigEndian.Uint16(b[q-2:]) {
				return q
			}
		}
		copy(later[1:], later[:])
		later[0] = p
	}
	return 0
}

// decode decodes the first frames, which are all but in silence.
func (b *batch) decode() {
	b.frames, b.ended = b.frames[:0], false
	for samples := 0; samples < batchSamples && !b.ended; {
		n := len(b.frames)
		if n == len(b.stores) {
			b.stores = append(b.stores, new(store))
		}
		f, err := b.finder.found(b.stores[n])
		if err != nil {
			b.ended, b.end, b.err = true, f, err
			break
		}
		b.frames = append(b.frames, f)
		samples += f.block * f.header.channels
	}
}

// at returns frame i, or the error that is there, with what was skipped before it. One that is not decoded yet is
// decoded into a store.
func (b *batch) at(i int, store *store) (found, error) {
	switch {
	case i < len(b.frames):
		return b.frames[i], nil
	case b.ended:
		return b.end, b.err
	}
	return b.finder.found(store)
}
