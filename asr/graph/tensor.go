package graph

import (
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"math"
	"strconv"

	"google.golang.org/protobuf/encoding/protowire"
)

// The types of elements.
const (
	typeFloat   = 1
	typeUint8   = 2
	typeInt8    = 3
	typeInt64   = 7
	typeBool    = 9
	typeFloat16 = 10
)

// The numbers of fields of a TensorProto.
const (
	tensorDim      = 1
	tensorKind     = 2
	tensorFloats   = 4
	tensorName     = 8
	tensorRaw      = 9
	tensorExternal = 13
	tensorLocation = 14
)

// tensor is a TensorProto: weights, or a constant.
type tensor struct {
	name   string
	kind   uint64 // type of its elements
	dims   []uint64
	data   []byte // little-endian; nil if they lie in another file
	beside place
}

// place is where weights lie in another file, or nowhere.
type place struct {
	file           string
	offset, length int64
}

func parseTensor(body []byte) (t tensor, err error) {
	var floats []byte
	err = each(body, func(number protowire.Number, raw, body []byte) error {
		v, isInt := varint(raw)
		switch {
		case number == tensorDim && isInt:
			t.dims = append(t.dims, v)
		case number == tensorDim: // packed
			for len(body) > 0 {
				v, n := protowire.ConsumeVarint(body)
				if n < 0 {
					return protowire.ParseError(n)
				}
				t.dims, body = append(t.dims, v), body[n:]
			}
		case number == tensorKind:
			t.kind = v
		case number == tensorName:
			t.name = string(body)
		case number == tensorRaw:
			t.data = body
		case number == tensorFloats && body != nil:
			floats = append(floats, body...)
		case number == tensorFloats && len(raw) >= 4:
			floats = append(floats, raw[len(raw)-4:]...)
		case number == tensorExternal:
			return t.beside.entry(body)
		}
		return nil
	})
	if t.data == nil && t.beside.file == "" {
		t.data = floats
	}
	return t, err
}

// entry reads one of the pairs of strings that say where weights lie.
func (p *place) entry(body []byte) (err error) {
	var key, value string
	err = each(body, func(number protowire.Number, _, body []byte) error {
		if number == 1 {
			key = string(body)
		} else {
			value = string(body)
		}
		return nil
	})
	if err != nil {
		return err
	}
	switch key {
	case "location":
		p.file = value
	case "offset":
		p.offset, err = strconv.ParseInt(value, 10, 64)
	case "length":
		p.length, err = strconv.ParseInt(value, 10, 64)
	}
	return err
}

// size returns the number of elements.
func (t *tensor) size() uint64 {
	n := uint64(1)
	for _, d := range t.dims {
		n *= d
	}
	return n
}

// body returns the TensorProto.
func (t *tensor) body() (body []byte) {
	for _, n := range t.dims {
		body = appendInt(body, tensorDim, n)
	}
	body = appendInt(body, tensorKind, t.kind)
	body = appendMessage(body, tensorName, []byte(t.name))
	if t.beside.file == "" && t.data == nil {
		return body
	}
	if t.beside.file == "" {
		return appendMessage(body, tensorRaw, t.data)
	}
	for _, pair := range [][2]string{{"location", t.beside.file}, {"offset", strconv.FormatInt(t.beside.offset, 10)}, {"length", strconv.FormatInt(t.beside.length, 10)}} {
		body = appendMessage(body, tensorExternal, appendMessage(appendMessage(nil, 1, []byte(pair[0])), 2, []byte(pair[1])))
	}
	return appendInt(body, tensorLocation, 1)
}

// Weights says where weights lie that are not in the file of the graph, and where they are to lie.
type Weights struct {
	// Files are those of the folder of the graph. It may be nil if all weights are in the graph's own.
	Files fs.FS
	// Beside takes the new weights, and becomes the file of the name BesideName in the folder of the new
	// graph. With nil, they are in the graph. A graph of over 2 GB cannot be one file.
	Beside     io.Writer
	BesideName string
	written    int64
}

// halve makes the elements 16-bit floats.
func (w *Weights) halve(t *tensor) error {
	data, err := w.read(t)
	if err != nil {
		return err
	}
	if uint64(len(data)) != 4*t.size() {
		return fmt.Errorf("%d bytes for %d numbers", len(data), t.size())
	}
	t.kind, t.data, t.beside = typeFloat16, make([]byte, 0, len(data)/2), place{}
	for ; len(data) > 0; data = data[4:] {
		t.data = binary.LittleEndian.AppendUint16(t.data, toHalf(math.Float32frombits(binary.LittleEndian.Uint32(data))))
	}
	if w.Beside == nil || t.size() < worthwhile {
		return nil
	}
	t.beside = place{w.BesideName, w.written, int64(len(t.data))}
	w.written += t.beside.length
	if _, err := w.Beside.Write(t.data); err != nil {
		return err
	}
	t.data = nil
	return nil
}

// read returns the elements, wherever they lie.
func (w *Weights) read(t *tensor) ([]byte, error) {
	if t.beside.file == "" {
		return t.data, nil
	}
	if w.Files == nil {
		return nil, errors.New("they lie in another file")
	}
	f, err := w.Files.Open(t.beside.file)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	at, ok := f.(io.ReaderAt)
	if !ok {
		return nil, errors.New("their file cannot be read from the middle")
	}
	size := t.beside.length
	if size == 0 {
		size = int64(4 * t.size())
	}
	info, err := f.Stat()
	if err != nil {
		return nil, err
	}
	if size < 0 || t.beside.offset < 0 || size > info.Size() {
		return nil, fmt.Errorf("%s is too short", t.beside.file)
	}
	data := make([]byte, size)
	if _, err := at.ReadAt(data, t.beside.offset); err != nil {
		return nil, fmt.Errorf("%s: %w", t.beside.file, err)
	}
	return data, nil
}

// toHalf rounds to the nearest 16-bit float, to the even one of two. Numbers beyond the largest become
// that.
func toHalf(f float32) uint16 {
	b := math.Float32bits(f)
	sign := uint16(b >> 16 & 0x8000)
	switch b &= 0x7fffffff; {
	case b > 0x7f800000: // not a number
		return sign | 0x7e00
	case b >= 0x477ff000: // 65,520 would round up to infinity
		return sign | 0x7bff
	case b < 0x38800000: // below 2⁻¹⁴: a multiple of 2⁻²⁴, which is what adding 0.5 leaves of a mantissa
		return sign | uint16(math.Float32bits(math.Float32frombits(b)+0.5)-math.Float32bits(0.5))
	}
	return sign | uint16((b+0xfff+b>>13&1-112<<23)>>13)
}
