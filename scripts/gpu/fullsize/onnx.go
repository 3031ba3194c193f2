package fullsize

import (
	"encoding/binary"
	"fmt"
	"math"

	"google.golang.org/protobuf/encoding/protowire"
)

// Kinds of values in a tensor.
const (
	kindFloat = 1
)

// tensor is a TensorProto of onnx.proto.
type tensor struct {
	dims  []int64
	kind  uint64
	raw   []byte // values, little endian
	note  string // doc_string
	other []byte // fields that stay as they are
}

// edit calls change for every tensor of a model, weights and constants, and returns the model
// with what has changed. A weight is named as in the graph, a constant by the output of its node.
func edit(model []byte, change func(name string, t *tensor) error) ([]byte, error) {
	tensor := func(name string) func([]byte) ([]byte, error) {
		return func(body []byte) ([]byte, error) {
			own, t, err := parseTensor(body)
			if err != nil {
				return nil, err
			}
			if name != "" {
				own = name
			}
			if err := change(own, &t); err != nil {
				return nil, err
			}
			return t.bytes(), nil
		}
	}
	node := func(body []byte) ([]byte, error) {
		output, err := firstOutput(body)
		if err != nil {
			return nil, err
		}
		attribute := func(body []byte) ([]byte, error) { return replace(body, fields{5: tensor(output)}) }
		return replace(body, fields{5: attribute})
	}
	graph := func(body []byte) ([]byte, error) { return replace(body, fields{1: node, 5: tensor("")}) }
	out, err := replace(model, fields{7: graph})
	if err != nil {
		return nil, fmt.Errorf("fullsize: edit an ONNX file: %w", err)
	}
	return out, nil
}

func firstOutput(node []byte) (output string, err error) {
	_, err = replace(node, fields{2: func(body []byte) ([]byte, error) {
		if output == "" {
			output = string(body)
		}
		return body, nil
	}})
	return output, err
}

// fields says what becomes of the fields of a message that are messages or bytes, by number.
type fields map[protowire.Number]func(body []byte) ([]byte, error)

// replace returns a message with some of its fields replaced.
func replace(data []byte, by fields) ([]byte, error) {
	out := make([]byte, 0, len(data))
	for len(data) > 0 {
		number, kind, tag := protowire.ConsumeTag(data)
		if tag < 0 {
			return nil, protowire.ParseError(tag)
		}
		size := protowire.ConsumeFieldValue(number, kind, data[tag:])
		if size < 0 {
			return nil, protowire.ParseError(size)
		}
		if f := by[number]; f != nil && kind == protowire.BytesType {
			body, _ := protowire.ConsumeBytes(data[tag:])
			body, err := f(body)
			if err != nil {
				return nil, err
			}
			out = protowire.AppendBytes(protowire.AppendTag(out, number, kind), body)
		} else {
			out = append(out, data[:tag+size]...)
		}
		data = data[tag+size:]
	}
	return out, nil
}

func parseTensor(data []byte) (name string, t tensor, err error) {
	for len(data) > 0 {
		number, kind, tag := protowire.ConsumeTag(data)
		if tag < 0 {
			return "", t, protowire.ParseError(tag)
		}
		size := protowire.ConsumeFieldValue(number, kind, data[tag:])
		if size < 0 {
			return "", t, protowire.ParseError(size)
		}
		value, whole := data[tag:tag+size], data[:tag+size]
		switch {
		case number == 1 && kind == protowire.VarintType:
			v, _ := protowire.ConsumeVarint(value)
			t.dims = append(t.dims, int64(v))
		case number == 1 && kind == protowire.BytesType:
			packed, _ := protowire.ConsumeBytes(value)
			for len(packed) > 0 {
				v, n := protowire.ConsumeVarint(packed)
				if n < 0 {
					return "", t, protowire.ParseError(n)
				}
				t.dims, packed = append(t.dims, int64(v)), packed[n:]
			}
		case number == 2 && kind == protowire.VarintType:
			t.kind, _ = protowire.ConsumeVarint(value)
		case number == 9 && kind == protowire.BytesType:
			t.raw, _ = protowire.ConsumeBytes(value)
		case number == 12 && kind == protowire.BytesType:
			note, _ := protowire.ConsumeBytes(value)
			t.note = string(note)
		default:
			if number == 8 && kind == protowire.BytesType {
				own, _ := protowire.ConsumeBytes(value)
				name = string(own)
			}
			t.other = append(t.other, whole...)
		}
		data = data[tag+size:]
	}
	return name, t, nil
}

// bytes returns the message. An empty tensor has its values in other, or none.
func (t tensor) bytes() []byte {
	out := make([]byte, 0, len(t.raw)+len(t.other)+len(t.note)+64)
	for _, d := range t.dims {
		out = protowire.AppendVarint(protowire.AppendTag(out, 1, protowire.VarintType), uint64(d))
	}
	out = protowire.AppendVarint(protowire.AppendTag(out, 2, protowire.VarintType), t.kind)
	out = append(out, t.other...)
	if t.raw != nil {
		out = protowire.AppendBytes(protowire.AppendTag(out, 9, protowire.BytesType), t.raw)
	}
	if t.note != "" {
		out = protowire.AppendString(protowire.AppendTag(out, 12, protowire.BytesType), t.note)
	}
	return out
}

// most is how many values a tensor may have that is drawn.
const most = 1 << 28

// count is how many values the tensor holds by its shape.
func (t tensor) count() (int, error) {
	n := int64(1)
	for _, d := range t.dims {
		if d <= 0 || n > most/d {
			return 0, fmt.Errorf("fullsize: a tensor of shape %v", t.dims)
		}
		n *= d
	}
	return int(n), nil
}

func (t tensor) floats() []float32 {
	values := make([]float32, len(t.raw)/4)
	for i := range values {
		values[i] = math.Float32frombits(binary.LittleEndian.Uint32(t.raw[4*i:]))
	}
	return values
}

func (t *tensor) setFloats(values []float32) {
	t.raw = make([]byte, 0, 4*len(values))
	for _, v := range values {
		t.raw = binary.LittleEndian.AppendUint32(t.raw, math.Float32bits(v))
	}
}
