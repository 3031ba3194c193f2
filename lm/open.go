package lm

import (
	"bufio"
	"bytes"
	"fmt"
	"io"
	"os"
	"strings"

	"github.com/asr-backend/asr-backend/internal/without"
)

// Open opens a model: a file of this program, which is mapped into memory, or decompressed
// into it if it is compressed with zstd; or one in ARPA format, compressed with gzip or not,
// which is read whole and kept as exact values. A mapped
// file must not be shortened while the model is open; to replace it, write another and rename
// it.
func Open(path string) (*Model, error) {
	m, err := open(path)
	if err != nil {
		return nil, fmt.Errorf("open language model %s: %w", path, err)
	}
	return m, nil
}

func open(path string) (*Model, error) {
	f, err := os.Open(path)
	if err != nil {
		return nil, without.Path(err)
	}
	defer f.Close()
	in := bufio.NewReader(f)
	start, _ := in.Peek(len(magic)) // a shorter file is refused below
	if string(start) == magic || strings.HasPrefix(string(start), zstdMagic) {
		b, unmap, err := mapFile(f)
		if err != nil {
			return nil, without.Path(err)
		}
		m, err := OpenBytes(b)
		if err != nil {
			_ = unmap() // the damage matters more
			return nil, err
		}
		m.close = unmap
		return m, nil
	}
	t, err := ReadARPA(in)
	if err != nil {
		return nil, err
	}
	return t.Model()
}

// Model returns the model of a table, with exact values.
func (t *Table) Model() (*Model, error) {
	var b bytes.Buffer
	if err := t.Encode(&b, EncodeOptions{Bits: 32}); err != nil {
		return nil, err
	}
	return OpenBytes(b.Bytes())
}

// Table returns the model as plain arrays.
func (m *Model) Table() *Table {
	t := &Table{Levels: make([]Level, m.order), Facts: m.header.Facts}
	for _, s := range m.vocab.all() {
		t.Words = append(t.Words, s)
	}
	for k := range m.order {
		from, to := &m.levels[k], &t.Levels[k]
		for i := range from.n {
			if k > 0 {
				to.Words = append(to.Words, Word(from.words.at(i)))
			}
			to.Prob = append(to.Prob, from.prob.at(i))
		}
		if k+1 == m.order {
			break
		}
		for i := range from.n {
			to.Backoff = append(to.Backoff, from.back.at(i))
			to.First = append(to.First, from.first.at(i))
		}
		to.First = append(to.First, m.levels[k+1].n)
	}
	return t
}

// Facts returns what the file says about itself.
func (m *Model) Facts() Facts { return m.header.Facts }

// Rounding returns the size of each value in bits, and the largest difference, as log10, that
// rounding to it made in a probability or weight. Values of 32 bits are exact.
func (m *Model) Rounding() (bits int, largest float32) { return m.header.Bits, m.header.Error }

// Close frees a mapped file. The model cannot be used any more.
func (m *Model) Close() error {
	if m.close == nil {
		return nil
	}
	err := m.close()
	m.close = nil
	return err
}

func readWhole(f *os.File) ([]byte, func() error, error) {
	if _, err := f.Seek(0, io.SeekStart); err != nil {
		return nil, nil, err
	}
	b, err := io.ReadAll(f)
	return b, func() error { return nil }, err
}
