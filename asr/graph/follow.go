package graph

// kind says what a value follows from.
type kind uint8

const (
	fromNothing  kind = iota // from constants, and from the shapes of other values
	fromLengths              // from the lengths of windows and not from the features
	fromFeatures             // from the features
)

// follow knows what values follow from. Nodes are noted in their order, each of which comes
// after those that make its inputs.
type follow map[string]kind

// node notes the outputs of a node and returns what they follow from.
func (f follow) node(n *node) kind {
	k := fromNothing
	if n.op != "Shape" && n.op != "Size" {
		for _, in := range n.inputs {
			k = max(k, f[in])
		}
	}
	for _, out := range n.outputs {
		f[out] = k
	}
	return k
}
