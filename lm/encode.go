package lm

import (
	"encoding/binary"
	"encoding/json"
	"fmt"
	"io"
	"math"
)

// EncodeOptions says how a Table becomes a file.
type EncodeOptions struct {
	// Bits is the size of each probability and weight: 8, 16, or 32 for exact values. The
	// zero value stands for 8.
	Bits int
}

// floor is the lowest logarithm among those that share quanta. Lower ones, such as the -99 of
// words that cannot occur, have a code of their own.
const floor = -20

// Encode writes a table as a file of this program. The same table always gives the same
// bytes.
func (t *Table) Encode(w io.Writer, o EncodeOptions) error {
	if o.Bits == 0 {
		o.Bits = 8
	}
	if err := t.Check(); err != nil {
		return fmt.Errorf("encode language model: %w", err)
	}
	h := header{Order: len(t.Levels), Bits: o.Bits, Size: wordSize(len(t.Words)), Facts: t.Facts}
	for _, l := range t.Levels {
		h.Counts = append(h.Counts, len(l.Prob))
	}
	if o.Bits != 8 && o.Bits != 16 && o.Bits != 32 {
		return fmt.Errorf("encode language model: values of %d bits; possible are 8, 16 and 32", o.Bits)
	}
	text, blocks := packWords(t.Words[len(reserved):])
	if uint64(len(text)) > math.MaxUint32 {
		return fmt.Errorf("encode language model: the words take %d bytes, more than 4 GB", len(text))
	}
	sections := [][]byte{text, packNumbers(blocks, 4)}
	for k, l := range t.Levels {
		if k > 0 {
			sections = append(sections, packNumbers(l.Words, h.Size))
		}
		prob, p := packValues(l.Prob, &h, -99)
		sections = append(sections, prob)
		var q quantum
		if k+1 < len(t.Levels) {
			var back []byte
			back, q = packValues(l.Backoff, &h, 0)
			sections = append(sections, back, packNumbers(l.First, 4))
		}
		if o.Bits != 32 {
			h.Quanta = append(h.Quanta, [2]quantum{p, q})
		}
	}
	return h.write(w, sections)
}

func (h *header) write(w io.Writer, sections [][]byte) error {
	h.Sections = h.plan()
	for i, b := range sections {
		h.Sections[i].Length, h.Sections[i].CRC = len(b), checksum(b)
	}
	// Offsets follow the header, whose length depends on their digits: they begin at a round
	// position far enough behind it.
	position := 4096
	var text []byte
	for {
		offset := position
		for i, b := range sections {
			h.Sections[i].Offset = offset
			offset += padded(len(b))
		}
		var err error
		if text, err = json.Marshal(h); err != nil {
			return fmt.Errorf("encode language model: %w", err)
		}
		if len(magic)+8+len(text) <= position {
			break
		}
		position *= 2
	}
	if len(text) > longestHead {
		return fmt.Errorf("encode language model: the notes are longer than %d bytes", longestHead)
	}
	head := append([]byte(magic), 0, 0, 0, 0, 0, 0, 0, 0)
	binary.LittleEndian.PutUint32(head[len(magic):], uint32(len(text)))
	binary.LittleEndian.PutUint32(head[len(magic)+4:], checksum(text))
	head = append(head, text...)
	written := 0
	put := func(b []byte, end int) error {
		for _, b := range [][]byte{b, make([]byte, end-written-len(b))} {
			n, err := w.Write(b)
			if written += n; err != nil {
				return fmt.Errorf("write language model: %w", err)
			}
		}
		return nil
	}
	if err := put(head, position); err != nil {
		return err
	}
	for i, b := range sections {
		end := h.Sections[i].Offset + padded(len(b))
		if err := put(b, end); err != nil {
			return err
		}
	}
	return nil
}

func packNumbers[N ~uint32](x []N, size int) []byte {
	b := make([]byte, 0, len(x)*size)
	for _, x := range x {
		b = appendNumber(b, uint32(x), size)
	}
	return b
}

// packValues writes logarithms. Those equal to special, and those below floor, get code 0.
func packValues(x []float32, h *header, special float32) ([]byte, quantum) {
	b := make([]byte, 0, len(x)*h.Bits/8)
	if h.Bits == 32 {
		for _, f := range x {
			b = binary.LittleEndian.AppendUint32(b, math.Float32bits(f))
		}
		return b, quantum{}
	}
	low, high := float32(math.Inf(1)), float32(math.Inf(-1))
	for _, f := range x {
		if f < floor {
			special = min(special, f)
		} else if f != special {
			low, high = min(low, f), max(high, f)
		}
	}
	q := quantum{Special: special}
	if low <= high {
		q.Low = low
		q.Step = (high - low) / float32(int(1)<<h.Bits-2)
		for q.decode(1<<h.Bits-1) > high { // a probability must not become more than 1
			q.Step = math.Nextafter32(q.Step, 0)
		}
	}
	for _, f := range x {
		code := q.code(f, h.Bits)
		if special != 0 && f >= floor || special == 0 {
			h.Error = max(h.Error, abs(q.decode(code)-f))
		}
		b = appendNumber(b, code, h.Bits/8)
	}
	return b, q
}

func (q *quantum) code(f float32, bits int) uint32 {
	if f == q.Special || f < floor {
		return 0
	}
	if q.Step == 0 {
		return 1
	}
	c := math.Round(float64(f-q.Low)/float64(q.Step)) + 1
	return uint32(min(max(c, 1), float64(int(1)<<bits-1)))
}

func abs(f float32) float32 { return float32(math.Abs(float64(f))) }
