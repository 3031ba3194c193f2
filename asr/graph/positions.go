package graph

// PadPositions moves the column of zeros of the relative shift from the scores to the positions, which
// are constants once sizes are fixed. It returns how many it moved: one for each layer.
//
// Attention by relative positions (Dai et al. 2019, Transformer-XL, appendix B) multiplies queries with
// the encodings of 2T-1 distances, and brings the product of T by 2T-1 into place by a column of zeros in front,
// reading it as 2T by T, and dropping the first row. Zeros in front of the encodings give the same column.
func (m *Model) PadPositions(features string) (int, error) {
	uses := map[string]int{} // but for the shape
	err := m.eachNode(func(n *node) ([]field, bool) {
		for _, in := range n.inputs {
			if n.op != "Shape" {
				uses[in]++
			}
		}
		return nil, false
	})
	if err != nil {
		return 0, err
	}
	follow := follow{features: fromFeatures}
	products := map[string]node{} // of queries and positions, by their output
	moved := 0
	err = m.eachNode(func(n *node) ([]field, bool) {
		follow.node(n)
		if len(n.inputs) < 2 || len(n.outputs) != 1 {
			return nil, false
		}
		out := n.outputs[0]
		if n.op == "MatMul" && uses[out] == 1 && follow[n.inputs[0]] == fromFeatures && follow[n.inputs[1]] == fromNothing {
			products[out] = *n
			return nil, false
		}
		product, ok := products[n.inputs[0]]
		if n.op != "Pad" || !ok {
			return nil, false
		}
		// How much is padded follows from constants, which come before the Pad: the product moves here. The
		// old one stays for those who ask its shape, which ONNX Runtime works out without it.
		moved++
		positions := out + "_positions"
		n.inputs[0], n.outputs = product.inputs[1], []string{positions}
		return []field{n.field(), newNode("MatMul", []string{product.inputs[0], positions}, []string{out}).field()}, true
	})
	return moved, err
}
