package sentencepiece

import (
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"math"
)

// Limits of what a file may hold. Published tokenizers have up to 256,000 pieces and
// some 5 MB, of which the rules of normalisation are a quarter.
const (
	maxFile   = 64 << 20
	maxPieces = 1 << 20
	maxPiece  = 1 << 10
)

var errCut = errors.New("the file is cut off or is no tokenizer")

// Read reads a tokenizer.model.
func Read(r io.Reader) (*Model, error) {
	data, err := io.ReadAll(io.LimitReader(r, maxFile+1))
	if err != nil {
		return nil, fmt.Errorf("tokenizer: %w", err)
	}
	if len(data) > maxFile {
		return nil, fmt.Errorf("tokenizer: more than %d MiB", maxFile>>20)
	}
	return Parse(data)
}

// Parse reads a tokenizer.model from memory. The Model does not keep data.
func Parse(data []byte) (*Model, error) {
	m := &Model{kind: unigram, normal: normalizer{prefix: true, collapse: true, escape: true}}
	err := fields(data, func(f field) error {
		switch f.number {
		case 1: // pieces
			return m.readPiece(f.bytes)
		case 2: // trainer_spec
			return m.readTrainer(f.bytes)
		case 3: // normalizer_spec
			return m.normal.read(f.bytes)
		}
		return nil
	})
	if err == nil {
		err = m.check()
	}
	if err != nil {
		return nil, fmt.Errorf("tokenizer: %w", err)
	}
	return m, nil
}

func (m *Model) check() error {
	if len(m.pieces) == 0 {
		return errCut
	}
	switch m.kind {
	case unigram, bpe:
	default:
		return fmt.Errorf("model type %d: only unigram (1) and BPE (2) can be read", m.kind)
	}
	byByte := m.byByte
	if err := m.index(); err != nil {
		return err
	}
	if byByte {
		for b, p := range m.bytes {
			if m.pieces[p].class != byteValue {
				return fmt.Errorf("byte fallback without a piece for byte %#02x", b)
			}
		}
	}
	m.byByte = byByte
	return nil
}

func (m *Model) readPiece(data []byte) error {
	p := piece{class: normal}
	err := fields(data, func(f field) error {
		switch f.number {
		case 1:
			p.text = string(f.bytes)
		case 2:
			p.score = math.Float32frombits(uint32(f.value))
		case 3:
			p.class = class(f.value)
		}
		return nil
	})
	switch {
	case err != nil:
		return err
	case len(m.pieces) == maxPieces:
		return fmt.Errorf("more than %d pieces", maxPieces)
	case p.text == "" || len(p.text) > maxPiece:
		return fmt.Errorf("piece %d has %d bytes; want 1 to %d", len(m.pieces), len(p.text), maxPiece)
	case math.IsNaN(float64(p.score)):
		return fmt.Errorf("piece %d has no number for a score", len(m.pieces))
	case p.class < normal || p.class > byteValue:
		return fmt.Errorf("piece %d is of the unknown type %d", len(m.pieces), p.class)
	}
	m.pieces = append(m.pieces, p)
	return nil
}

func (m *Model) readTrainer(data []byte) error {
	return fields(data, func(f field) error {
		switch f.number {
		case 3: // model_type
			m.kind = kind(f.value)
		case 24: // treat_whitespace_as_suffix
			m.normal.suffix = f.value != 0
		case 35: // byte_fallback
			m.byByte = f.value != 0
		}
		return nil
	})
}

func (n *normalizer) read(data []byte) error {
	return fields(data, func(f field) error {
		switch f.number {
		case 2: // precompiled_charsmap
			return n.readRules(f.bytes)
		case 3: // add_dummy_prefix
			n.prefix = f.value != 0
		case 4: // remove_extra_whitespaces
			n.collapse = f.value != 0
		case 5: // escape_whitespaces
			n.escape = f.value != 0
		}
		return nil
	})
}

// field is one field of a protocol buffer message.
type field struct {
	number int
	value  uint64 // of numbers, also of floats
	bytes  []byte // of strings and messages
}

// fields calls visit for each field of a message.
//
// Encoding: protobuf.dev/programming-guides/encoding. A key is number<<3 | wire type.
func fields(data []byte, visit func(field) error) error {
	for len(data) > 0 {
		key, n := binary.Uvarint(data)
		if n <= 0 || key>>3 == 0 || key>>3 > 1<<29 {
			return errCut
		}
		data = data[n:]
		f := field{number: int(key >> 3)}
		switch key & 7 {
		case 0: // varint
			if f.value, n = binary.Uvarint(data); n <= 0 {
				return errCut
			}
		case 1: // 64 bits
			if n = 8; len(data) < n {
				return errCut
			}
			f.value = binary.LittleEndian.Uint64(data)
		case 2: // length and bytes
			size, k := binary.Uvarint(data)
			if k <= 0 || size > uint64(len(data)-k) {
				return errCut
			}
			f.bytes = data[k : k+int(size)]
			n = k + int(size)
		case 5: // 32 bits
			if n = 4; len(data) < n {
				return errCut
			}
			f.value = uint64(binary.LittleEndian.Uint32(data))
		default:
			return errCut
		}
		data = data[n:]
		if err := visit(f); err != nil {
			return err
		}
	}
	return nil
}
