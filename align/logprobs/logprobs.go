// Package logprobs keeps the rows of log-probabilities of a recording, so that a text can
// be aligned with them once all are there.
//
// Ten hours are 450,000 rows, which a model of 1,025 columns makes 1.8 GB in float32. Here
// a value takes 16 bits: a natural logarithm of 0 to -32 in steps of 1/2048, so that it is
// off by at most 0.00025; what is less probable than e^-32 counts as that. The first
// [InMemory] bytes stay in memory and the rest goes to a temporary file, which has no name
// and vanishes with the process. An aligner reads rows mostly in order, so a block of
// them is read from the file at once.
package logprobs

import (
	"encoding/binary"
	"errors"
	"fmt"
	"os"
	"slices"

	"github.com/asr-backend/asr-backend/timeline"
)

// InMemory is how many bytes are held before the rest goes to a file: 43 minutes of a
// model of 1,025 columns, or nearly three hours of one of 257.
const InMemory = 64 << 20

// steps is how many steps a nat is divided into.
const steps = 2048

// lowest is the largest nat that has a step.
const lowest = float32(1<<16-1) / steps

// blockBytes is about how much is read from the file at once.
const blockBytes = 1 << 20

// Store holds rows. It must be closed. It is for one goroutine.
type Store struct {
	width  int
	dir    string
	limit  int
	rows   timeline.Row
	memory []byte
	held   timeline.Row // rows in memory; the others are in the file
	file   *os.File
	out    []byte // to be written to the file
	block  []byte // read from the file: rows from blockAt on
	at     timeline.Row
	row    []float32
	err    error
}

// New returns a Store for rows of width values. The file, if one is needed, is made in
// dir; an empty dir is the system's folder for temporary files.
func New(width int, dir string) *Store {
	return &Store{width: width, dir: dir, limit: InMemory, row: make([]float32, width)}
}

// Rows returns how many rows there are.
func (s *Store) Rows() timeline.Row { return s.rows }

// Append adds a row.
func (s *Store) Append(row []float32) error {
	if len(row) != s.width {
		return fmt.Errorf("logprobs: a row of %d values, want %d", len(row), s.width)
	}
	if s.file == nil && len(s.memory)+2*s.width > s.limit {
		if err := s.spill(); err != nil {
			return err
		}
	}
	s.rows++
	if s.file == nil {
		s.memory = encode(s.memory, row)
		s.held = s.rows
		return nil
	}
	if s.out = encode(s.out, row); len(s.out) >= blockBytes {
		return s.flush()
	}
	return nil
}

func encode(to []byte, row []float32) []byte {
	at := len(to)
	to = slices.Grow(to, 2*len(row))[:at+2*len(row)]
	out := to[at:]
	for _, v := range row {
		u := int32(-v*steps + 0.5) // what is infinite or no number becomes the least int32
		if v < -lowest {
			u = 1<<16 - 1
		}
		binary.LittleEndian.PutUint16(out, uint16(max(u, 0)))
		out = out[2:]
	}
	return to
}

func (s *Store) spill() error {
	f, err := os.CreateTemp(s.dir, "asr-backend-rows-*")
	if err != nil {
		return fmt.Errorf("logprobs: make a temporary file: %w", err)
	}
	if err := os.Remove(f.Name()); err != nil {
		return errors.Join(fmt.Errorf("logprobs: %w", err), f.Close())
	}
	s.file, s.out = f, make([]byte, 0, blockBytes+2*s.width)
	return nil
}

func (s *Store) flush() error {
	_, err := s.file.Write(s.out)
	s.out = s.out[:0]
	if err != nil {
		return fmt.Errorf("logprobs: write the temporary file: %w", err)
	}
	return nil
}

// Row returns row i, one that is there. The slice is valid until the next call. If the
// file cannot be read the row is one of zeros, and Err says why.
func (s *Store) Row(i timeline.Row) []float32 {
	raw := s.memory
	at := i
	if i >= s.held {
		at = s.load(i)
		raw = s.block
	}
	raw = raw[2*s.width*int(at):][:2*s.width]
	for k := range s.row {
		s.row[k] = float32(int32(binary.LittleEndian.Uint16(raw))) * (-1.0 / steps)
		raw = raw[2:]
	}
	return s.row
}

// load makes sure that row i is in the block, and returns its place there.
func (s *Store) load(i timeline.Row) timeline.Row {
	bytes := timeline.Row(2 * s.width)
	if n := i - s.at; n >= 0 && (n+1)*bytes <= timeline.Row(len(s.block)) {
		return n
	}
	if len(s.out) > 0 {
		s.fail(s.flush())
	}
	rows := min(max(blockBytes/bytes, 1), s.rows-i)
	if need := int(rows * bytes); cap(s.block) < need {
		s.block = make([]byte, need)
	} else {
		s.block = s.block[:need]
	}
	if _, err := s.file.ReadAt(s.block, int64((i-s.held)*bytes)); err != nil {
		clear(s.block)
		s.fail(fmt.Errorf("logprobs: read the temporary file: %w", err))
	}
	s.at = i
	return 0
}

func (s *Store) fail(err error) {
	if s.err == nil {
		s.err = err
	}
}

// Err returns the first error of reading.
func (s *Store) Err() error { return s.err }

// Close frees the rows.
func (s *Store) Close() error {
	s.memory, s.block, s.out = nil, nil, nil
	if s.file == nil {
		return nil
	}
	return s.file.Close()
}
