package graph

import (
	"fmt"

	"google.golang.org/protobuf/encoding/protowire"
)

// ExpandTiles puts Expand in the place of Tile where it does the same: where every size that is
// repeated is one. That is so of the mask, which comes out of Unsqueeze, also through an Expand. Where it
// is not, runs fail: Expand repeats nothing else. It returns how many it has replaced.
func (m *Model) ExpandTiles() (int, error) {
	makers := map[string]node{}
	replaced := 0
	err := m.eachNode(func(n *node) ([]field, bool) {
		for _, out := range n.outputs {
			makers[out] = *n
		}
		if n.op != "Tile" || len(n.inputs) != 2 || len(n.outputs) != 1 || !unsqueezed(makers, n.inputs[0]) {
			return nil, false
		}
		size, to := n.outputs[0]+"_size", n.outputs[0]+"_to"
		replaced++
		return []field{
			newNode("Shape", n.inputs[:1], []string{size}).field(),
			newNode("Mul", []string{size, n.inputs[1]}, []string{to}).field(),
			newNode("Expand", []string{n.inputs[0], to}, n.outputs).field(),
		}, true
	})
	return replaced, err
}

// mostExpands is through how many nodes unsqueezed looks. A damaged graph may be a circle.
const mostExpands = 4

// unsqueezed reports whether a value comes out of Unsqueeze. Nodes come after what they need.
func unsqueezed(makers map[string]node, value string) bool {
	for range mostExpands + 1 {
		switch n := makers[value]; {
		case n.op == "Unsqueeze":
			return true
		case n.op != "Expand" || len(n.inputs) == 0:
			return false
		default:
			value = n.inputs[0]
		}
	}
	return false
}

// FixInput gives an input of the graph a shape of fixed sizes.
func (m *Model) FixInput(name string, dims ...int64) error {
	for i, f := range m.fields {
		if f.number != graphInput {
			continue
		}
		body, found, err := fixInput(f.body, name, dims)
		if err != nil {
			return fmt.Errorf("graph: input %s: %w", name, err)
		}
		if found {
			m.fields[i] = newField(graphInput, body)
			return nil
		}
	}
	return fmt.Errorf("graph: no input %s", name)
}

// fixInput returns a ValueInfoProto with another shape, if it has that name.
func fixInput(body []byte, name string, dims []int64) (out []byte, found bool, err error) {
	err = each(body, func(number protowire.Number, raw, value []byte) error {
		switch {
		case number == 1:
			found = string(value) == name
			out = append(out, raw...)
		case number == 2: // type
			kind, err := fixType(value, dims)
			if err != nil {
				return err
			}
			out = appendMessage(out, 2, kind)
		default:
			out = append(out, raw...)
		}
		return nil
	})
	return out, found, err
}

// fixType returns the TypeProto of a tensor with another shape.
func fixType(body []byte, dims []int64) (out []byte, err error) {
	err = each(body, func(number protowire.Number, raw, value []byte) error {
		if number != 1 {
			out = append(out, raw...)
			return nil
		}
		var tensor []byte
		err := each(value, func(number protowire.Number, raw, _ []byte) error {
			if number != 2 { // the type of elements
				tensor = append(tensor, raw...)
			}
			return nil
		})
		var shape []byte
		for _, n := range dims {
			dim := protowire.AppendTag(nil, 1, protowire.VarintType)
			shape = appendMessage(shape, 1, protowire.AppendVarint(dim, uint64(n)))
		}
		out = appendMessage(out, 1, appendMessage(tensor, 2, shape))
		return err
	})
	return out, err
}
