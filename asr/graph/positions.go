package graph

import "fmt"

// PadPositions moves the column of zeros of the relative shift from the scores to the positions, which
// are constants once sizes are fixed. It returns how many it moved: one for each layer.
//
// Attention by relative positions (Dai et al. 2019, Transformer-XL, appendix B) multiplies queries with
// the encodings of 2T-1 distances, and brings the product of T by 2T-1 into place by a column of zeros in front,
// reading it as 2T by T, and dropping the first row. Zeros in front of the encodings give the same column.
func (m *Model) PadPositions(features string) (int, error) {
	uses := map[string]int{} // but for the shape
	nodes := make([]node, len(m.fields))
	for i, f := range m.fields {
		if f.number != graphNode {
			continue
		}
		n, err := parseNode(f.body)
		if err != nil {
			return 0, fmt.Errorf("graph: node: %w", err)
		}
		nodes[i] = n
		for _, in := range n.inputs {
			if n.op != "Shape" {
				uses[in]++
			}
		}
	}
	follow := follow{features: fromFeatures}
	products := map[string]int{} // of queries and positions, by their output
	var fields []field
	moved := 0
	for i, f := range m.fields {
		n := nodes[i]
		follow.node(&n)
		if f.number != graphNode || len(n.outputs) != 1 {
			fields = append(fields, f)
			continue
		}
		out := n.outputs[0]
		at, padded := 0, false
		if len(n.inputs) > 0 {
			at, padded = products[n.inputs[0]]
		}
		switch {
		case n.op == "MatMul" && len(n.inputs) == 2 && uses[out] == 1 && follow[n.inputs[0]] == fromFeatures && follow[n.inputs[1]] == fromNothing:
			products[out] = len(fields)
		case n.op == "Pad" && padded:
			// How much is padded follows from constants, which come before the Pad: the product moves here.
			product, err := parseNode(fields[at].body)
			if err != nil {
				return 0, fmt.Errorf("graph: node: %w", err)
			}
			positions := out + "_positions"
			n.inputs[0], n.outputs = product.inputs[1], []string{positions}
			// The old product stays for those who ask its shape, which ONNX Runtime works out without it.
			fields = append(fields, n.field())
			f = newNode("MatMul", []string{product.inputs[0], positions}, []string{out}).field()
			moved++
		}
		fields = append(fields, f)
	}
	m.fields = fields
	return moved, nil
}
