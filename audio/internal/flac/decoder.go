package flac

import (
	"errors"
	"io"

	"github.com/asr-backend/asr-backend/audio/internal/ahead"
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

// A Decoder decodes the frames of a stream, on several goroutines if it has workers.
type Decoder struct {
	finder  finder
	store   store
	workers int
	size    int // of a batch in bytes

	// With workers, from the first call of Next on:
	batches *ahead.Queue[batch]
	now     *batch
	given   int   // of its frames
	skipped int64 // bytes at the end of the batches before that are no frame

	last  header // of the last frame, with a block of 0 before the first
	start int64  // its first sample
	tail  int64  // bytes after the last frame
}

// finder finds the frames in bytes.
type finder struct {
	r    io.Reader
	info *Info

	buf []byte // of which [at, n) is not used up; slack bytes follow n
	at  int
	n   int
	err error // of r
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

// NewDecoder returns a decoder of the frames in r, which stands after the metadata. With workers, so many
// goroutines decode ahead of Next; they run from its first call until Close, and one of them reads r.
func NewDecoder(r io.Reader, info Info, workers int) *Decoder {
	return &Decoder{finder: finder{r: r, info: &info, buf: make([]byte, firstWindow)}, workers: workers, size: batchBytes}
}

// Tail returns, after io.EOF, how many bytes follow the last good frame.
func (d *Decoder) Tail() int64 { return d.tail }

// Next returns the next frame whose checksum is right, io.EOF after the last, or the
// error of the reader.
func (d *Decoder) Next() (Frame, error) {
	var f found
	var err error
	if d.workers > 0 {
		f, err = d.ahead()
	} else {
		f, err = d.finder.found(&d.store)
	}
	if err != nil {
		d.tail = f.skipped
		return Frame{}, err
	}
	d.start, d.last = d.place(f.header), f.header
	return Frame{Rate: f.rate, Bits: f.bits, Start: d.start, Skipped: f.skipped, Channels: f.channels}, nil
}

// found decodes the next frame. With an error, it is what was skipped before that.
func (d *finder) found(store *store) (found, error) {
	h, skipped, err := d.next(store)
	return found{h, skipped, store.used[:h.channels]}, err
}

// next decodes the next frame into a store, and returns how many bytes were skipped before it. At the end these
// are all that were left.
func (d *finder) next(store *store) (h header, skipped int64, err error) {
	for {
		h, size, err := d.decode(store)
		if err == nil {
			d.at += size
			return h, skipped, nil
		}
		if errors.Is(err, errShort) && d.more() {
			continue
		}
		if d.err != nil && d.err != io.EOF {
			return header{}, skipped, d.err
		}
		if d.at >= d.n {
			return header{}, skipped, io.EOF
		}
		k := nextSync(d.buf[:d.n], d.at+1)
		skipped += int64(k - d.at)
		d.at = k
	}
}

// nextSync returns the next place at which a header could begin, or the length.
func nextSync(b []byte, from int) int {
	for k := from; k < len(b); k++ {
		if b[k] == 0xff && (k+1 == len(b) || b[k+1]>>1 == 0xf8>>1) {
			return k
		}
	}
	return len(b)
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
	return h.number * int64(max(h.block, d.finder.info.MaxBlock))
}

// decode tries the bytes at hand as a frame.
func (d *finder) decode(store *store) (header, int, error) {
	if d.at == d.n {
		return header{}, 0, errShort
	}
	return decodeFrame(d.buf[d.at:d.n+slack], d.n-d.at, d.info, store)
}

// more fills the window and says whether there was anything. What is used up makes room
// first; only a frame longer than the window makes it grow. Filling it whole keeps a slow
// reader from having the same frame tried at every byte.
func (d *finder) more() bool {
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
