package graph

import (
	"encoding/binary"
	"errors"
	"fmt"
	"io/fs"
	"math"
	"slices"

	"google.golang.org/protobuf/encoding/protowire"
)

// Network is a graph for reading: what makes a value, and what constants are. It keeps parts of the bytes
// of its Model.
type Network struct {
	Inputs, Outputs []Value
	makers          map[string]*Node
	tensors         map[string]tensor
	weights         Weights
	follow          follow
}

// Value is an input or output of a graph.
type Value struct {
	Name string
	// Type is the element type such as float32; empty if it is not known.
	Type string
	// Dims are the dimensions, -1 where a run may choose; nil if the file does not say.
	Dims []int64
}

// Node is one operation.
type Node struct {
	Op, Name        string
	Inputs, Outputs []string
	attributes      node
}

// Network reads the graph. Files has the weights that lie beside it, or is nil. The value named features is
// the input that Live looks for.
func (m *Model) Network(features string, files fs.FS) (*Network, error) {
	n := &Network{makers: map[string]*Node{}, tensors: map[string]tensor{}, weights: Weights{Files: files}, follow: follow{features: fromFeatures}}
	var err error
	if n.Inputs, n.Outputs, err = m.Values(); err != nil {
		return nil, err
	}
	for _, f := range m.fields {
		if f.number == graphInitializer {
			t, err := parseTensor(f.body)
			if err != nil {
				return nil, fmt.Errorf("graph: weights: %w", err)
			}
			n.tensors[t.name] = t
		}
	}
	for _, f := range m.fields {
		if f.number == graphNode {
			if err := n.add(f.body); err != nil {
				return nil, fmt.Errorf("graph: node: %w", err)
			}
		}
	}
	return n, nil
}

// add notes a node. Its inputs are known, so that no value follows from itself.
func (n *Network) add(body []byte) error {
	raw, err := parseNode(body)
	if err != nil {
		return err
	}
	node := &Node{Op: raw.op, Name: raw.name(), Inputs: raw.inputs, Outputs: raw.outputs, attributes: raw}
	for _, in := range raw.inputs {
		_, constant := n.tensors[in]
		if in != "" && !constant && n.makers[in] == nil && !slices.ContainsFunc(n.Inputs, func(v Value) bool { return v.Name == in }) {
			return fmt.Errorf("%s %s: nothing before it makes %s", node.Op, node.Name, in)
		}
	}
	for _, out := range raw.outputs {
		if n.makers[out] != nil && out != "" {
			return fmt.Errorf("%s %s: %s is made twice", node.Op, node.Name, out)
		}
		n.makers[out] = node
	}
	n.follow.node(&raw)
	return nil
}

// name returns the name of a node, or nothing.
func (n *node) name() (name string) {
	_ = each(n.rest, func(number protowire.Number, _, body []byte) error {
		if number == nodeName {
			name = string(body)
		}
		return nil
	})
	return name
}

// Maker returns the node that makes a value, or nil for inputs and constants of the graph.
func (n *Network) Maker(value string) *Node { return n.makers[value] }

// Live reports whether a value follows from the features, beyond their shape.
func (n *Network) Live(value string) bool { return n.follow[value] == fromFeatures }

// Int returns an attribute, or other if the node does not have it.
func (n *Node) Int(name string, other int64) int64 {
	if v, ok := intAttribute(&n.attributes, name); ok {
		return int64(v)
	}
	return other
}

// Float returns an attribute, or other if the node does not have it.
func (n *Node) Float(name string, other float32) float32 {
	const field = 2
	raw, _ := attribute(&n.attributes, name, field)
	if _, kind, at := protowire.ConsumeTag(raw); at > 0 && kind == protowire.Fixed32Type && len(raw) == at+4 {
		return math.Float32frombits(binary.LittleEndian.Uint32(raw[at:]))
	}
	return other
}

// Ints returns an attribute, or nil.
func (n *Node) Ints(name string) (v []int64) {
	const field = 8
	for _, a := range n.attributes.attributes {
		if got, err := nameOf(a); err != nil || got != name {
			continue
		}
		_ = each(a, func(number protowire.Number, raw, body []byte) error {
			if number != field {
				return nil
			}
			if one, ok := varint(raw); ok {
				v = append(v, int64(one))
			}
			for len(body) > 0 { // packed
				one, n := protowire.ConsumeVarint(body)
				if n < 0 {
					return protowire.ParseError(n)
				}
				v, body = append(v, int64(one)), body[n:]
			}
			return nil
		})
	}
	return v
}

// Array is a constant: floats, or integers.
type Array struct {
	Dims []int
	Ints []int64
	// floats reads them, in 32 bits whatever the file has; nil of integers.
	floats func() ([]float32, error)
}

// Floats reads the elements, anew each time. The caller may change them.
func (a *Array) Floats() ([]float32, error) {
	if a.floats == nil {
		return nil, fmt.Errorf("integers: %w", ErrNotConstant)
	}
	return a.floats()
}

// ErrNotConstant says that a value is none of the constants that are read.
var ErrNotConstant = errors.New("not a constant")

// Constant returns the value of an initializer, of a Constant, and of what Identity, Cast, Transpose, Squeeze,
// Unsqueeze and Reshape make of one.
func (n *Network) Constant(value string) (*Array, error) {
	if t, ok := n.tensors[value]; ok {
		return n.array(t)
	}
	node := n.makers[value]
	if node == nil {
		return nil, fmt.Errorf("%s: %w", value, ErrNotConstant)
	}
	if node.Op == "Constant" {
		return n.constant(node)
	}
	if !slices.Contains([]string{"Identity", "Cast", "Transpose", "Squeeze", "Unsqueeze", "Reshape"}, node.Op) || len(node.Inputs) == 0 {
		return nil, fmt.Errorf("%s: %w", value, ErrNotConstant)
	}
	a, err := n.Constant(node.Inputs[0])
	if err != nil {
		return nil, err
	}
	switch node.Op {
	case "Transpose":
		return a.transpose(node.Ints("perm"))
	case "Reshape":
		to, err := n.Constant(node.Inputs[len(node.Inputs)-1])
		if err != nil {
			return nil, err
		}
		return a, a.reshape(to.Ints)
	case "Squeeze", "Unsqueeze":
		axes := node.Ints("axes")
		if len(node.Inputs) > 1 {
			given, err := n.Constant(node.Inputs[1])
			if err != nil {
				return nil, err
			}
			axes = given.Ints
		}
		return a, a.squeeze(axes, node.Op == "Unsqueeze")
	}
	return a, nil
}

// constant reads what a node of the operator Constant holds.
func (n *Network) constant(node *Node) (*Array, error) {
	if body, ok := tensorAttribute(&node.attributes, "value"); ok {
		t, err := parseTensor(body)
		if err != nil {
			return nil, fmt.Errorf("graph: %s: %w", node.Name, err)
		}
		return n.array(t)
	}
	const none = -1 << 62
	if v := node.Int("value_int", none); v != none {
		return &Array{Ints: []int64{v}}, nil
	}
	if v := node.Ints("value_ints"); v != nil {
		return &Array{Dims: []int{len(v)}, Ints: v}, nil
	}
	if v := node.Float("value_float", float32(math.NaN())); v == v {
		return &Array{floats: func() ([]float32, error) { return []float32{v}, nil }}, nil
	}
	return nil, fmt.Errorf("%s: %w", node.Name, ErrNotConstant)
}

// array is the constant that a tensor holds.
func (n *Network) array(t tensor) (*Array, error) {
	a := &Array{}
	for _, d := range t.dims {
		if d > math.MaxInt32 {
			return nil, errShape
		}
		a.Dims = append(a.Dims, int(d))
	}
	switch t.kind {
	case typeFloat, typeFloat16:
		a.floats = func() ([]float32, error) { return n.floats(&t) }
		return a, nil
	case typeInt64:
	default:
		return nil, fmt.Errorf("%s of type %d: %w", t.name, t.kind, ErrNotConstant)
	}
	data, err := n.read(&t, 8)
	if err != nil {
		return nil, err
	}
	a.Ints = make([]int64, len(data)/8)
	for i := range a.Ints {
		a.Ints[i] = int64(binary.LittleEndian.Uint64(data[8*i:]))
	}
	return a, nil
}

func (n *Network) floats(t *tensor) ([]float32, error) {
	if t.kind == typeFloat16 {
		data, err := n.read(t, 2)
		if err != nil {
			return nil, err
		}
		floats := make([]float32, len(data)/2)
		for i := range floats {
			floats[i] = widen(binary.LittleEndian.Uint16(data[2*i:]))
		}
		return floats, nil
	}
	data, err := n.read(t, 4)
	if err != nil {
		return nil, err
	}
	floats := make([]float32, len(data)/4)
	for i := range floats {
		floats[i] = math.Float32frombits(binary.LittleEndian.Uint32(data[4*i:]))
	}
	return floats, nil
}

// read returns the bytes of a tensor whose elements have so many each.
func (n *Network) read(t *tensor, each uint64) ([]byte, error) {
	data, err := n.weights.read(t)
	if err != nil {
		return nil, fmt.Errorf("graph: %s: %w", t.name, err)
	}
	if uint64(len(data)) != each*t.size() {
		return nil, fmt.Errorf("graph: %s: %d bytes for %d numbers: %w", t.name, len(data), t.size(), ErrNotConstant)
	}
	return data, nil
}

// widen widens a 16-bit float.
func widen(h uint16) float32 {
	sign, exponent, mantissa := uint32(h&0x8000)<<16, uint32(h>>10&31), uint32(h&1023)
	switch exponent {
	case 0: // a multiple of 2⁻²⁴
		return math.Float32frombits(sign | math.Float32bits(float32(mantissa)*0x1p-24))
	case 31:
		return math.Float32frombits(sign | 0xff<<23 | mantissa<<13)
	}
	return math.Float32frombits(sign | (exponent+112)<<23 | mantissa<<13)
}
