package graph

import (
	"errors"

	"google.golang.org/protobuf/encoding/protowire"
)

// The numbers of fields of an AttributeProto.
const (
	attributeInt    = 3
	attributeTensor = 5
	attributeGraph  = 6
	attributeGraphs = 11
	attributeKind   = 20
)

// attribute returns a field of an attribute of a node, whole and without tag and length.
func attribute(n *node, name string, field protowire.Number) (raw, body []byte) {
	for _, a := range n.attributes {
		if got, err := nameOf(a); err != nil || got != name {
			continue
		}
		_ = each(a, func(number protowire.Number, r, b []byte) error {
			if number == field {
				raw, body = r, b
			}
			return nil
		})
	}
	return raw, body
}

// tensorAttribute returns the tensor that an attribute of a node holds.
func tensorAttribute(n *node, name string) (tensor []byte, ok bool) {
	_, tensor = attribute(n, name, attributeTensor)
	return tensor, tensor != nil
}

// intAttribute returns the integer that an attribute of a node holds.
func intAttribute(n *node, name string) (v uint64, ok bool) {
	raw, _ := attribute(n, name, attributeInt)
	return varint(raw)
}

// constantType returns the type of what Constant or ConstantOfShape makes.
func constantType(n *node) (uint64, error) {
	if body, ok := tensorAttribute(n, "value"); ok {
		t, err := parseTensor(body)
		return t.kind, err
	}
	if n.op == "ConstantOfShape" {
		return typeFloat, nil // zeros
	}
	for _, a := range n.attributes {
		switch name, err := nameOf(a); {
		case err != nil:
			return 0, err
		case name == "value_float", name == "value_floats":
			return typeFloat, nil
		case name == "value_int", name == "value_ints":
			return typeInt64, nil
		}
	}
	return 0, errors.New("a constant of an unknown type")
}

// number and tensorNamed are attributes of nodes.
func number(name string, v int64) []byte {
	const kindInt = 2
	return appendInt(appendInt(appendMessage(nil, 1, []byte(name)), attributeInt, uint64(v)), attributeKind, kindInt)
}

func tensorNamed(name string, tensor []byte) []byte {
	const kindTensor = 4
	return appendInt(appendMessage(appendMessage(nil, 1, []byte(name)), attributeTensor, tensor), attributeKind, kindTensor)
}

func appendInt(to []byte, number protowire.Number, v uint64) []byte {
	return protowire.AppendVarint(protowire.AppendTag(to, number, protowire.VarintType), v)
}

// varint returns the number that a field holds, tag included.
func varint(raw []byte) (uint64, bool) {
	_, kind, n := protowire.ConsumeTag(raw)
	if n < 0 || kind != protowire.VarintType {
		return 0, false
	}
	v, n := protowire.ConsumeVarint(raw[n:])
	return v, n >= 0
}
