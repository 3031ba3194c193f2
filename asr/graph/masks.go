package graph

import (
	"fmt"
	"maps"
	"slices"
)

// DropMasks takes out what hides the padding of windows, for windows without any. It returns how many
// nodes that were.
//
// A mask follows from the lengths and not from the features. Where it chooses between a value that
// follows from the features and one that does not, such as zero or -10,000, the first remains. Features that
// are multiplied with a mask remain. This is right for masks that let valid frames pass. A file does not
// say that they do: compare the rows. The input of lengths stays and has no effect any more.
func (m *Model) DropMasks(features, lengths string) (int, error) {
	outputs, err := m.outputs()
	if err != nil {
		return 0, err
	}
	follow := follow{features: fromFeatures, lengths: fromLengths}
	instead := map[string]string{} // values, in the place of outputs of dropped nodes
	dropped := 0
	err = m.eachNode(func(n *node) ([]field, bool) {
		renamed := false
		for i, in := range n.inputs {
			if to, ok := instead[in]; ok {
				n.inputs[i], renamed = to, true
			}
		}
		if kept := passes(n, follow); kept != "" && !outputs[n.outputs[0]] {
			instead[n.outputs[0]] = kept
			dropped++
			return nil, true
		}
		follow.node(n)
		if !renamed {
			return nil, false
		}
		return []field{n.field()}, true
	})
	if err != nil {
		return 0, err
	}
	return dropped, m.prune(outputs)
}

// prune takes out nodes whose outputs nobody uses. ONNX Runtime would run some of them.
func (m *Model) prune(outputs map[string]bool) error {
	used, fields := maps.Clone(outputs), slices.Clone(m.fields)
	for i, f := range slices.Backward(fields) {
		if f.number != graphNode {
			continue
		}
		n, err := parseNode(f.body)
		if err != nil {
			return fmt.Errorf("graph: node: %w", err)
		}
		if !slices.ContainsFunc(n.outputs, func(out string) bool { return used[out] }) {
			fields[i].raw = nil
			continue
		}
		for _, in := range n.inputs {
			used[in] = true
		}
	}
	m.fields = slices.DeleteFunc(fields, func(f field) bool { return f.raw == nil })
	return nil
}

// passes returns the input that passes a node that applies a mask, or nothing if it is another node.
func passes(n *node, follow follow) string {
	var a, b string
	switch {
	case len(n.outputs) != 1:
		return ""
	case n.op == "Where" && len(n.inputs) == 3 && follow[n.inputs[0]] == fromLengths:
		if a, b = n.inputs[1], n.inputs[2]; follow[a] == fromFeatures && follow[b] == fromFeatures {
			return ""
		}
	case n.op == "Mul" && len(n.inputs) == 2:
		if a, b = n.inputs[0], n.inputs[1]; follow[a] != fromLengths && follow[b] != fromLengths {
			return ""
		}
	}
	switch fromFeatures {
	case follow[a]:
		return a
	case follow[b]:
		return b
	}
	return ""
}
