package flac

import (
	"errors"
	"io"
)

// A Frame is the samples of one frame.
type Frame struct {
	Rate int // samples a second
	Bits int // of a sample
	// Start is the number of the first sample by the frame's own number.
	Start int64
	// Skipped is how many bytes before the frame were none: damage.
	Skipped int64
	// Channels holds the samples as stored, valid until the next call.
	Channels [][]int64
}

// A Decoder decodes the frames of a stream.
type Decoder struct {
	r    io.Reader
	info Info

	buf  []byte // of which [at, n) is not used up; slack bytes follow n
	at   int
	n    int
	err  error // of r
	tail int64 // bytes after the last frame

	last  header // of the last frame, with a block of 0 before the first
	start int64  // its first sample
	store store
}

// store holds the samples of a frame.
type store struct {
	channels [8][]int64
	used     [8][]int64
}

// fit returns room for the samples of a frame.
func (s *store) fit(h header) [][]int64 {
	for c := range h.channels {
		if len(s.channels[c]) < h.block {
			s.channels[c] = make([]int64, h.block)
		}
		s.used[c] = s.channels[c][:h.block]
	}
	return s.used[:h.channels]
}

const (
	firstWindow = 64 << 10
	// maxWindow is more than the longest frame: 65535 samples of eight channels,
	// stored as they are.
	maxWindow = 4 << 20
)

// NewDecoder returns a decoder of the frames in r, which stands after the metadata.
func NewDecoder(r io.Reader, info Info) *Decoder {
	return &Decoder{r: r, info: info, buf: make([]byte, firstWindow)}
}

// Tail returns, after io.EOF, how many bytes follow the last good frame.
func (d *Decoder) Tail() int64 { return d.tail }

// Next returns the next frame whose checksum is right, io.EOF after the last, or the
// error of the reader.
func (d *Decoder) Next() (Frame, error) {
	skipped := int64(0)
	for {
		h, size, err := d.decode()
		if err == nil {
			d.at += size
			d.start, d.last = d.place(h), h
			return Frame{Rate: h.rate, Bits: h.bits, Start: d.start, Skipped: skipped, Channels: d.store.used[:h.channels]}, nil
		}
		if errors.Is(err, errShort) && d.more() {
			continue
		}
		if d.err != nil && d.err != io.EOF {
			return Frame{}, d.err
		}
		if d.at >= d.n {
			d.tail = skipped
			return Frame{}, io.EOF
		}
		// The next place where a header could begin.
		k := d.at + 1
		for k < d.n && !(d.buf[k] == 0xff && (k+1 == d.n || d.buf[k+1]>>1 == 0xf8>>1)) {
			k++
		}
		skipped += int64(k - d.at)
		d.at = k
	}
}

// place returns the number of the first sample of a frame. Where blocks are not variable
// all are as long as the first, but for the last, which may be shorter.
func (d *Decoder) place(h header) int64 {
	switch {
	case h.variable:
		return h.number
	case d.last.block > 0 && !d.last.variable && h.number > d.last.number:
		return d.start + (h.number-d.last.number)*int64(d.last.block)
	}
	return h.number * int64(max(h.block, d.info.MaxBlock))
}

// decode tries the bytes at hand as a frame.
func (d *Decoder) decode() (header, int, error) {
	if d.at == d.n {
		return header{}, 0, errShort
	}
	return decodeFrame(d.buf[d.at:d.n+slack], d.n-d.at, &d.info, &d.store)
}

// more fills the window and says whether there was anything. What is used up makes room
// first; only a frame longer than the window makes it grow. Filling it whole keeps a slow
// reader from having the same frame tried at every byte.
func (d *Decoder) more() bool {
	if d.err != nil {
		return false
	}
	if d.at > 0 {
		d.n = copy(d.buf, d.buf[d.at:d.n])
		d.at = 0
	}
	if d.n+slack >= len(d.buf) {
		if len(d.buf) >= maxWindow {
			return false
		}
		d.buf = append(d.buf, make([]byte, len(d.buf))...)
	}
	got, err := io.ReadFull(d.r, d.buf[d.n:len(d.buf)-slack])
	d.n += got
	if err == io.ErrUnexpectedEOF {
		err = io.EOF
	}
	d.err = err
	return got > 0
}
