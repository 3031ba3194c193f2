package mpeg

import (
	"bufio"
	"io"
)

// A Frame is one frame as it lies in a file.
type Frame struct {
	Header
	Data    []byte // valid until the next call of Next
	Cut     bool   // the file ends within the frame, so Data is only its beginning
	Skipped int64  // bytes since the last frame that are neither frame nor tag
}

// A Scanner finds the frames of a file, past tags, junk and damage.
//
// Junk looks like a header now and then. In step with the stream a frame counts if it
// is like the one before; out of step, or where the format changes, only if another one
// follows where it ends.
type Scanner struct {
	r      *bufio.Reader
	last   Header
	inStep bool
	free   int // length of free format frames without padding
	tries  int // searches for it in vain

	tail int64 // junk after the last frame
}

// maxTries bounds the searches for the length of free format frames, which junk can ask
// for at every byte.
const maxTries = 1000

// NewScanner returns a scanner on r, whose buffer holds at least 16 KiB.
func NewScanner(r *bufio.Reader) *Scanner { return &Scanner{r: r} }

// Tail returns, after io.EOF, how many bytes of junk follow the last frame.
func (s *Scanner) Tail() int64 { return s.tail }

// Next returns the next frame, or io.EOF.
func (s *Scanner) Next() (Frame, error) {
	skipped := int64(0)
	for {
		b, err := s.r.Peek(2*maxFrame + HeaderSize)
		if err != nil && err != io.EOF {
			return Frame{}, err
		}
		atEnd := err == io.EOF
		if len(b) < HeaderSize {
			s.tail = skipped + int64(len(b))
			return Frame{}, io.EOF
		}
		if n := TagSize(b); n > 0 {
			if err := s.discard(n); err != nil {
				return Frame{}, err
			}
			continue
		}
		if h, err := ParseHeader(b); err == nil {
			size, ok := s.frame(h, b, atEnd)
			if ok {
				s.last, s.inStep = h, true
				f := Frame{Header: h, Data: b[:size], Skipped: skipped}
				_, err := s.r.Discard(size) // does not touch what Peek returned
				return f, err
			}
			if s.inStep && size > len(b) && size <= maxFrame && h.Like(s.last) {
				s.inStep = false
				f := Frame{Header: h, Data: b, Cut: true, Skipped: skipped}
				_, err := s.r.Discard(len(b))
				return f, err
			}
		}
		s.inStep = false
		n := 1
		for n < len(b) && b[n] != 0xff && b[n] != 'I' && b[n] != 'T' && b[n] != 'A' {
			n++ // nothing else begins a frame or a tag
		}
		if _, err := s.r.Discard(n); err != nil {
			return Frame{}, err
		}
		skipped += int64(n)
	}
}

// frame returns the length of the frame with header h that begins b, and whether to
// believe in it.
func (s *Scanner) frame(h Header, b []byte, atEnd bool) (size int, ok bool) {
	size = h.Size()
	if h.Bitrate == 0 {
		if s.free == 0 || !h.Like(s.last) {
			if s.tries >= maxTries {
				return 0, false
			}
			s.free = freeSize(h, b)
		}
		if s.free == 0 {
			s.tries++
			return 0, false
		}
		size = s.free + h.padding()
	}
	switch {
	case size < HeaderSize || size > maxFrame || size > len(b):
		return size, false
	case s.inStep && h.Like(s.last):
		return size, true
	}
	rest := b[size:]
	if len(rest) < HeaderSize || TagSize(rest) > 0 {
		return size, atEnd || len(rest) >= HeaderSize
	}
	next, err := ParseHeader(rest)
	return size, err == nil && next.Like(h)
}

// discard passes over n bytes, fewer at the end of the file.
func (s *Scanner) discard(n int64) error {
	_, err := io.CopyN(io.Discard, s.r, n)
	if err == io.EOF {
		return nil
	}
	return err
}
