package graph

import (
	"fmt"

	"google.golang.org/protobuf/encoding/protowire"
)

// Values returns the inputs and outputs of the graph, in their order. Weights that old files list as inputs
// are none.
func (m *Model) Values() (inputs, outputs []Value, err error) {
	weights := map[string]bool{}
	for _, f := range m.fields {
		if f.number == graphInitializer {
			t, err := parseTensor(f.body)
			if err != nil {
				return nil, nil, fmt.Errorf("graph: weights: %w", err)
			}
			weights[t.name] = true
		}
	}
	for _, f := range m.fields {
		if f.number != graphInput && f.number != graphOutput {
			continue
		}
		v, err := parseValue(f.body)
		if err != nil {
			return nil, nil, fmt.Errorf("graph: %w", err)
		}
		switch {
		case f.number == graphOutput:
			outputs = append(outputs, v)
		case !weights[v.Name]:
			inputs = append(inputs, v)
		}
	}
	return inputs, outputs, nil
}

// parseValue reads a ValueInfoProto.
func parseValue(body []byte) (v Value, err error) {
	name, kind, err := typeOf(body)
	if err != nil {
		return v, err
	}
	v = Value{Name: name, Type: elementType(kind)}
	err = inside(body, []protowire.Number{2, 1, 2}, func(shape []byte) error { // type, tensor, shape
		v.Dims = []int64{}
		return each(shape, func(number protowire.Number, _, dim []byte) error {
			if number != 1 {
				return nil
			}
			n := int64(-1)
			err := each(dim, func(number protowire.Number, raw, _ []byte) error {
				if size, ok := varint(raw); ok && number == 1 {
					n = int64(size)
				}
				return nil
			})
			v.Dims = append(v.Dims, n)
			return err
		})
	})
	return v, err
}

// inside calls f for the messages at a path of fields.
func inside(body []byte, path []protowire.Number, f func(body []byte) error) error {
	if len(path) == 0 {
		return f(body)
	}
	return each(body, func(number protowire.Number, _, body []byte) error {
		if number != path[0] {
			return nil
		}
		return inside(body, path[1:], f)
	})
}

// elementType names the types that a model may have, and returns nothing for another.
func elementType(kind uint64) string {
	names := map[uint64]string{1: "float32", 2: "uint8", 3: "int8", 4: "uint16", 5: "int16", 6: "int32", 7: "int64", 9: "bool", 10: "float16", 11: "double", 12: "uint32", 13: "uint64", 16: "bfloat16"}
	return names[kind]
}

// Metadata returns the key-value pairs that the file holds beside the graph.
func (m *Model) Metadata() (map[string]string, error) {
	const modelMetadata = 14
	all := map[string]string{}
	for _, part := range [][]byte{m.before, m.after} {
		err := each(part, func(number protowire.Number, _, body []byte) error {
			if number != modelMetadata {
				return nil
			}
			var key, value string
			err := each(body, func(number protowire.Number, _, body []byte) error {
				switch number {
				case 1:
					key = string(body)
				case 2:
					value = string(body)
				}
				return nil
			})
			all[key] = value
			return err
		})
		if err != nil {
			return nil, fmt.Errorf("graph: metadata: %w", err)
		}
	}
	return all, nil
}
