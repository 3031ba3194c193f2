// Package graph rewrites ONNX graphs for the device that runs them.
//
// An ONNX file is one protobuf message (onnx.proto of github.com/onnx/onnx):
//
//	ModelProto   7 graph  and others, such as the versions of operators
//	GraphProto   1 node*  5 initializer*  11 input*  12 output*  and others
//	NodeProto    1 input*  2 output*  3 name  4 op_type  5 attribute*
//	ValueInfo    1 name  2 type: 1 tensor: 2 shape: 1 dim*: 1 value or 2 name of a size
//
// Weights are most of a file. So a Model keeps all but nodes and inputs as they are, as parts of
// the bytes that were read, and Bytes writes them in their order.
//
// # What is rewritten, and why
//
// On a GPU, every node without a kernel there sends its data to the host and back, and the GPU
// waits. In a FastConformer export that is one node of the 1,800 that are left after ONNX Runtime's
// own optimisations: Tile, of the mask of valid frames, which is bool. ExpandTiles puts Expand in
// its place.
//
// Exports leave the sizes of a batch open, and compute shapes from them in some 500 nodes on the
// host. A session on a GPU only ever sees one shape. FixInput writes it into the graph, and ONNX Runtime
// computes those nodes once, when it loads the graph.
//
// Of most rows only a summary is kept: the best piece and three numbers. SumRows computes it on the
// device, so that 20 bytes a row come back and not 4 bytes for each of a thousand pieces.
package graph

import (
	"errors"
	"fmt"
	"slices"

	"google.golang.org/protobuf/encoding/protowire"
)

// Model is an ONNX file.
type Model struct {
	before, after []byte // what stands around the graph
	fields        []field
}

// field is one of a graph: a node, an input, or anything else.
type field struct {
	number protowire.Number
	raw    []byte // with its tag
	body   []byte // without tag and length; of a node or an input
}

// The numbers of fields.
const (
	modelGraph       = 7
	modelOpset       = 8
	graphNode        = 1
	graphInitializer = 5
	graphInput       = 11
	graphOutput      = 12
	graphValue       = 13

	nodeInput     = 1
	nodeOutput    = 2
	nodeName      = 3
	nodeOp        = 4
	nodeAttribute = 5
)

// Parse reads an ONNX file. The Model keeps parts of data, which must not change.
func Parse(data []byte) (*Model, error) {
	m := &Model{}
	found := false
	err := each(data, func(number protowire.Number, raw, body []byte) error {
		switch {
		case number == modelGraph && body != nil:
			if found {
				return errors.New("two graphs")
			}
			found = true
			return m.parseGraph(body)
		case found:
			m.after = append(m.after, raw...)
		default:
			m.before = append(m.before, raw...)
		}
		return nil
	})
	if err == nil && !found {
		err = errors.New("no graph")
	}
	if err != nil {
		return nil, fmt.Errorf("graph: not an ONNX file: %w", err)
	}
	return m, nil
}

func (m *Model) parseGraph(data []byte) error {
	return each(data, func(number protowire.Number, raw, body []byte) error {
		m.fields = append(m.fields, field{number, raw, body})
		return nil
	})
}

// each calls f for the fields of a message, with body nil unless its length is written before it.
func each(data []byte, f func(number protowire.Number, raw, body []byte) error) error {
	for len(data) > 0 {
		number, kind, n := protowire.ConsumeTag(data)
		if n < 0 {
			return protowire.ParseError(n)
		}
		size := protowire.ConsumeFieldValue(number, kind, data[n:])
		if size < 0 {
			return protowire.ParseError(size)
		}
		var body []byte
		if kind == protowire.BytesType {
			body, _ = protowire.ConsumeBytes(data[n:])
		}
		if err := f(number, data[:n+size], body); err != nil {
			return err
		}
		data = data[n+size:]
	}
	return nil
}

// Clone returns a Model that can be rewritten apart. Both keep parts of the same bytes.
func (m *Model) Clone() *Model {
	c := *m
	c.fields = slices.Clone(m.fields)
	return &c
}

// Bytes returns the file.
func (m *Model) Bytes() []byte {
	size := 0
	for _, f := range m.fields {
		size += len(f.raw)
	}
	out := make([]byte, 0, len(m.before)+len(m.after)+size+16)
	out = append(out, m.before...)
	out = protowire.AppendTag(out, modelGraph, protowire.BytesType)
	out = protowire.AppendVarint(out, uint64(size))
	for _, f := range m.fields {
		out = append(out, f.raw...)
	}
	return append(out, m.after...)
}

// Inputs returns the names of the inputs of the graph, in their order.
func (m *Model) Inputs() (names []string, err error) {
	for _, f := range m.fields {
		if f.number != graphInput {
			continue
		}
		name, err := nameOf(f.body)
		if err != nil {
			return nil, fmt.Errorf("graph: input: %w", err)
		}
		names = append(names, name)
	}
	return names, nil
}

// outputs returns the names of the outputs of the graph.
func (m *Model) outputs() (map[string]bool, error) {
	names := map[string]bool{}
	for _, f := range m.fields {
		if f.number != graphOutput {
			continue
		}
		name, err := nameOf(f.body)
		if err != nil {
			return nil, fmt.Errorf("graph: output: %w", err)
		}
		names[name] = true
	}
	return names, nil
}

// nameOf returns the name of a ValueInfoProto, or of an AttributeProto.
func nameOf(body []byte) (name string, err error) {
	err = each(body, func(number protowire.Number, _, value []byte) error {
		if number == 1 {
			name = string(value)
		}
		return nil
	})
	return name, err
}

// typeOf returns the name of a ValueInfoProto and the type of its elements, 0 if it is no tensor.
func typeOf(body []byte) (name string, kind uint64, err error) {
	err = each(body, func(number protowire.Number, _, value []byte) error {
		switch number {
		case 1:
			name = string(value)
		case 2: // type
			return each(value, func(number protowire.Number, _, value []byte) error {
				if number != 1 { // a tensor
					return nil
				}
				return each(value, func(number protowire.Number, raw, _ []byte) error {
					if number == 1 {
						kind, _ = varint(raw)
					}
					return nil
				})
			})
		}
		return nil
	})
	return name, kind, err
}

// node is a NodeProto.
type node struct {
	inputs, outputs []string
	op              string
	attributes      [][]byte // as they were read
	rest            []byte   // other fields, such as the name
}

func parseNode(body []byte) (n node, err error) {
	err = each(body, func(number protowire.Number, raw, value []byte) error {
		switch number {
		case nodeInput:
			n.inputs = append(n.inputs, string(value))
		case nodeOutput:
			n.outputs = append(n.outputs, string(value))
		case nodeOp:
			n.op = string(value)
		case nodeAttribute:
			n.attributes = append(n.attributes, value)
		default:
			n.rest = append(n.rest, raw...)
		}
		return nil
	})
	return n, err
}

// eachNode calls change for each node, in their order. If it reports ok, what it returns takes the place
// of the node.
func (m *Model) eachNode(change func(n *node) (instead []field, ok bool)) error {
	fields := make([]field, 0, len(m.fields))
	for _, f := range m.fields {
		if f.number != graphNode {
			fields = append(fields, f)
			continue
		}
		n, err := parseNode(f.body)
		if err != nil {
			return fmt.Errorf("graph: node: %w", err)
		}
		if instead, ok := change(&n); ok {
			fields = append(fields, instead...)
		} else {
			fields = append(fields, f)
		}
	}
	m.fields = fields
	return nil
}

// newNode returns a node that is named like its first output.
func newNode(op string, inputs, outputs []string, attributes ...[]byte) node {
	return node{inputs, outputs, op, attributes, appendMessage(nil, nodeName, []byte(outputs[0]))}
}

// field returns the node as one of a graph.
func (n node) field() field { return newField(graphNode, n.body()) }

// body returns the NodeProto.
func (n node) body() (body []byte) {
	for _, in := range n.inputs {
		body = appendMessage(body, nodeInput, []byte(in))
	}
	for _, out := range n.outputs {
		body = appendMessage(body, nodeOutput, []byte(out))
	}
	body = append(body, n.rest...)
	body = appendMessage(body, nodeOp, []byte(n.op))
	for _, a := range n.attributes {
		body = appendMessage(body, nodeAttribute, a)
	}
	return body
}

func newField(number protowire.Number, body []byte) field {
	return field{number, appendMessage(nil, number, body), body}
}

// appendMessage appends a field whose length is written before it: a message, or a string.
func appendMessage(to []byte, number protowire.Number, body []byte) []byte {
	return protowire.AppendBytes(protowire.AppendTag(to, number, protowire.BytesType), body)
}
