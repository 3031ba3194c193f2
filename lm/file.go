package lm

import (
	"bytes"
	"encoding/binary"
	"encoding/json"
	"errors"
	"fmt"
	"hash/crc32"
	"math"
)

// magic begins each file. Its last bytes reveal transfers that change line ends.
const magic = "ngramlm\x01\r\n\x1a\n\x00\x00\x00\x00"

const (
	longestHead = 1 << 20
	alignment   = 8
	slack       = 8 // zero bytes behind each section
)

// ErrForeign means that a file is no language model of this program.
var ErrForeign = errors.New("not a language model of asr-backend")

// header describes the sections of a file.
type header struct {
	Order    int          `json:"order"`
	Counts   []int        `json:"counts"`
	Bits     int          `json:"bits"` // of each value: 8, 16 or 32
	Size     int          `json:"word_size"`
	Facts    Facts        `json:"facts"`
	Error    float32      `json:"error"`            // the largest difference that rounding made
	Quanta   [][2]quantum `json:"quanta,omitempty"` // of probabilities and weights at each level
	Sections []section    `json:"sections"`
}

type section struct {
	Name   string `json:"name"`
	Offset int    `json:"offset"`
	Length int    `json:"length"`
	CRC    uint32 `json:"crc32c"`
}

// padded is the length of a section with the zeros behind it.
func padded(length int) int { return (length + slack + alignment - 1) / alignment * alignment }

// OpenBytes opens a model in memory: a file of this program, which may be compressed with
// zstd. The bytes must not change while the model is used.
func OpenBytes(b []byte) (*Model, error) {
	if bytes.HasPrefix(b, []byte(zstdMagic)) {
		var err error
		if b, err = decompress(b); err != nil {
			return nil, fmt.Errorf("language model: %w", err)
		}
	}
	if !bytes.HasPrefix(b, []byte(magic)) {
		return nil, ErrForeign
	}
	rest := b[len(magic):]
	if len(rest) < 8 {
		return nil, errTruncated
	}
	length, sum := binary.LittleEndian.Uint32(rest), binary.LittleEndian.Uint32(rest[4:])
	if rest = rest[8:]; length > longestHead || int(length) > len(rest) {
		return nil, errTruncated
	}
	text := rest[:length]
	if checksum(text) != sum {
		return nil, fmt.Errorf("language model: the header is damaged")
	}
	m := &Model{}
	d := json.NewDecoder(bytes.NewReader(text))
	d.DisallowUnknownFields()
	if err := d.Decode(&m.header); err != nil {
		return nil, fmt.Errorf("language model: read header: %w", err)
	}
	if err := m.lay(b); err != nil {
		return nil, fmt.Errorf("language model: %w", err)
	}
	if err := m.check(); err != nil {
		return nil, fmt.Errorf("language model: %w", err)
	}
	return m, nil
}

var errTruncated = errors.New("language model: the file is not complete")

func checksum(b []byte) uint32 { return crc32.Checksum(b, crc32.MakeTable(crc32.Castagnoli)) }

// plan lists the sections of a model and their lengths, in the order of the file; those of
// words are known only once they are packed.
func (h *header) plan() []section {
	blocks := (h.Counts[0]-len(reserved)+blockSize-1)/blockSize + 1
	s := []section{{Name: "text", Length: -1}, {Name: "blocks", Length: 4 * blocks}}
	for k, n := range h.Counts {
		name := func(what string) string { return fmt.Sprintf("%s%d", what, k+1) }
		if k > 0 {
			s = append(s, section{Name: name("words"), Length: n * h.Size})
		}
		s = append(s, section{Name: name("prob"), Length: n * h.Bits / 8})
		if k+1 < len(h.Counts) {
			s = append(s, section{Name: name("backoff"), Length: n * h.Bits / 8}, section{Name: name("first"), Length: 4 * (n + 1)})
		}
	}
	return s
}

// valid returns an error if a header contradicts itself.
func (h *header) valid() error {
	if h.Order < 1 || h.Order > MaxOrder || len(h.Counts) != h.Order {
		return fmt.Errorf("order %d with %d counts", h.Order, len(h.Counts))
	}
	for k, n := range h.Counts {
		if n < 0 || n > math.MaxInt32 || k == 0 && n < len(reserved) {
			return fmt.Errorf("%d n-grams of length %d", n, k+1)
		}
	}
	if h.Bits != 8 && h.Bits != 16 && h.Bits != 32 {
		return fmt.Errorf("values of %d bits", h.Bits)
	}
	if h.Bits != 32 && len(h.Quanta) != h.Order {
		return fmt.Errorf("quanta of %d levels", len(h.Quanta))
	}
	for _, q := range h.Quanta {
		for _, q := range q {
			if top := q.decode(1<<h.Bits - 1); q.Step < 0 || !finite(q.Special) || !finite(q.Low) || !finite(top) {
				return fmt.Errorf("quanta out of bounds")
			}
		}
	}
	if h.Size != wordSize(h.Counts[0]) {
		return fmt.Errorf("words of %d bytes", h.Size)
	}
	return nil
}

func finite(f float32) bool { return !math.IsNaN(float64(f)) && !math.IsInf(float64(f), 0) }

// wordSize is how many bytes the number of a word takes.
func wordSize(words int) int {
	switch {
	case words <= 1<<16:
		return 2
	case words <= 1<<24:
		return 3
	}
	return 4
}

// lay finds the sections in a file and compares their checksums.
func (m *Model) lay(b []byte) error {
	h := &m.header
	if err := h.valid(); err != nil {
		return err
	}
	plan := h.plan()
	if len(plan) != len(h.Sections) {
		return fmt.Errorf("%d sections where %d must be", len(h.Sections), len(plan))
	}
	sections, used := map[string][]byte{}, 0
	for i, s := range h.Sections {
		switch want := plan[i]; {
		case s.Name != want.Name || want.Length >= 0 && s.Length != want.Length:
			return fmt.Errorf("section %q of %d bytes where %q must be", s.Name, s.Length, want.Name)
		case s.Offset < 0 || s.Length < 0 || s.Offset > len(b)-slack || s.Length > len(b)-slack-s.Offset:
			return errors.New("the file is not complete")
		case checksum(b[s.Offset:s.Offset+s.Length]) != s.CRC:
			return fmt.Errorf("section %q is damaged", s.Name)
		}
		used = s.Offset + padded(s.Length)
		sections[s.Name] = b[s.Offset : s.Offset+s.Length+slack]
	}
	if used > len(b) {
		return errors.New("the file is not complete")
	}
	if used != len(b) {
		return fmt.Errorf("the file has %d bytes where it must have %d", len(b), used)
	}
	m.order = h.Order
	m.vocab = vocabulary{text: sections["text"], blocks: number(sections["blocks"], 4), n: uint32(h.Counts[0])}
	m.vocab.text = m.vocab.text[:len(m.vocab.text)-slack]
	for k, n := range h.Counts {
		part := func(what string) []byte { return sections[fmt.Sprintf("%s%d", what, k+1)] }
		l := level{n: uint32(n), words: number(part("words"), h.Size), first: number(part("first"), 4)}
		l.prob = values{b: part("prob"), size: h.Bits / 8}
		l.back = values{b: part("backoff"), size: h.Bits / 8}
		if h.Bits != 32 {
			l.prob.quantum, l.back.quantum = h.Quanta[k][0], h.Quanta[k][1]
		}
		m.levels[k] = l
	}
	return nil
}

func number(b []byte, size int) numbers {
	return numbers{b, uint32(size), uint32(1<<(8*size) - 1)}
}

// check returns an error if what the sections say cannot be, so that nothing that reads them
// later can leave their bounds.
func (m *Model) check() error {
	if err := m.vocab.check(); err != nil {
		return err
	}
	for k := range m.order {
		l := &m.levels[k]
		for i := range l.n {
			if p := l.prob.at(i); !(p <= 0) || !finite(p) {
				return fmt.Errorf("an n-gram of length %d has a probability of 10^%g", k+1, p)
			}
		}
		if k+1 == m.order {
			break
		}
		if err := m.checkBelow(k); err != nil {
			return fmt.Errorf("n-grams of length %d: %w", k+1, err)
		}
	}
	return nil
}

func (m *Model) checkBelow(k int) error {
	l, next := &m.levels[k], &m.levels[k+1]
	if l.first.at(0) != 0 || l.first.at(l.n) != next.n {
		return errors.New("their continuations are not those of the next length")
	}
	for i := range l.n {
		if !finite(l.back.at(i)) {
			return fmt.Errorf("a weight of 10^%g", l.back.at(i))
		}
		lo, hi := l.first.at(i), l.first.at(i+1)
		if lo > hi || hi > next.n {
			return errors.New("their continuations overlap")
		}
		for last := int64(-1); lo < hi; lo++ {
			w := next.words.at(lo)
			if int64(w) <= last || w >= m.vocab.n {
				return errors.New("their continuations are out of order")
			}
			last = int64(w)
		}
	}
	return nil
}
