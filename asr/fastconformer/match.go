package fastconformer

import (
	"errors"
	"fmt"
	"slices"

	"github.com/asr-backend/asr-backend/asr/graph"
)

// reader finds the parts of an encoder in a graph, from values back to what they are made of.
type reader struct{ *graph.Network }

// ErrUnknown is wrapped by errors about graphs of another structure than that of a FastConformer.
var ErrUnknown = errors.New("not the structure of a FastConformer")

// want returns the error for a value that is something else than what the encoder has there.
func (r *reader) want(what, value string) error {
	if n := r.Maker(value); n != nil {
		return fmt.Errorf("%w: %s %s stands for %s", ErrUnknown, n.Op, n.Name, what)
	}
	return fmt.Errorf("%w: the value %s stands for %s", ErrUnknown, value, what)
}

// skip goes back over nodes that only move values, or hide padding.
func (r *reader) skip(value string) string {
	for {
		n := r.Maker(value)
		if n == nil || n.Outputs[0] != value {
			return value
		}
		switch n.Op {
		case "Transpose", "Reshape", "Unsqueeze", "Squeeze", "Flatten", "Identity", "Pad", "Slice", "Cast", "Dropout":
			value = n.Inputs[0]
		case "Where":
			if len(n.Inputs) != 3 || r.Live(n.Inputs[1]) == r.Live(n.Inputs[2]) {
				return value
			}
			value = n.Inputs[1]
			if !r.Live(value) {
				value = n.Inputs[2]
			}
		case "Mul", "Add":
			x, other := r.operands(n)
			if x == "" || r.Live(other) {
				return value
			}
			if _, err := r.Constant(other); err == nil {
				return value
			}
			value = x // a mask
		default:
			return value
		}
	}
}

// operands returns the two inputs of a node, with the one that follows from the features first.
func (r *reader) operands(n *graph.Node) (x, other string) {
	switch {
	case len(n.Inputs) != 2:
		return "", ""
	case r.Live(n.Inputs[0]):
		return n.Inputs[0], n.Inputs[1]
	case r.Live(n.Inputs[1]):
		return n.Inputs[1], n.Inputs[0]
	}
	return "", ""
}

// maker returns the node of an operator that makes a value, but for what skip goes over.
func (r *reader) maker(value, op, what string) (*graph.Node, error) {
	value = r.skip(value)
	if n := r.Maker(value); n != nil && n.Op == op {
		return n, nil
	}
	return nil, r.want(what, value)
}

// constant returns a constant that is an operand of a node.
func (r *reader) constant(value, what string) (*graph.Array, error) {
	a, err := r.Constant(value)
	if err != nil {
		return nil, errors.Join(r.want(what, value), err)
	}
	return a, nil
}

// both returns the two operands of a node if both follow from the features.
func (r *reader) both(n *graph.Node) (a, b string, ok bool) {
	if a, b = r.operands(n); a == "" || !r.Live(b) {
		return "", "", false
	}
	return a, b, true
}

// scaled goes back over constant factors, and returns their product.
func (r *reader) scaled(value string) (string, float32, error) {
	scale := float32(1)
	for {
		value = r.skip(value)
		n := r.Maker(value)
		if n == nil || n.Op != "Mul" && n.Op != "Div" {
			return value, scale, nil
		}
		x, other := r.operands(n)
		if x == "" || r.Live(other) || n.Op == "Div" && x != n.Inputs[0] {
			return value, scale, nil
		}
		a, err := r.Constant(other)
		if err != nil || a.Len() != 1 {
			return value, scale, nil
		}
		f, err := a.Floats()
		if err != nil {
			return "", 0, err
		}
		if n.Op == "Div" {
			scale /= f[0]
		} else {
			scale *= f[0]
		}
		value = x
	}
}

// linear matches a linear layer, or a pointwise convolution. It returns what it is applied to.
func (r *reader) linear(value, what string) (x string, l linear, err error) {
	value = r.skip(value)
	n := r.Maker(value)
	if n != nil && n.Op == "Add" {
		x, other := r.operands(n)
		if l.bias, err = r.constant(other, "the bias of "+what); err != nil {
			return "", l, err
		}
		value = r.skip(x)
		n = r.Maker(value)
	}
	if n == nil || len(n.Inputs) < 2 {
		return "", l, r.want(what, value)
	}
	if l.weights, err = r.constant(n.Inputs[1], "the weights of "+what); err != nil {
		return "", l, err
	}
	dims := slices.DeleteFunc(slices.Clone(l.weights.Dims), func(n int) bool { return n == 1 })
	switch {
	case len(dims) != 2:
		return "", l, r.want(what, value)
	case n.Op == "MatMul":
	case n.Op == "Gemm" && n.Float("alpha", 1) == 1 && n.Float("beta", 1) == 1 && n.Int("transA", 0) == 0:
		l.turned = n.Int("transB", 0) == 1
	case n.Op == "Conv" && n.Int("group", 1) == 1 && !slices.ContainsFunc(n.Ints("strides"), func(s int64) bool { return s != 1 }):
		l.turned = true
	default:
		return "", l, r.want(what, value)
	}
	if len(n.Inputs) > 2 && n.Inputs[2] != "" {
		if l.bias != nil {
			return "", l, r.want(what, value)
		}
		if l.bias, err = r.constant(n.Inputs[2], "the bias of "+what); err != nil {
			return "", l, err
		}
	}
	l.in, l.out = dims[0], dims[1]
	if l.turned {
		l.in, l.out = l.out, l.in
	}
	if l.bias != nil && l.bias.Len() != l.out {
		return "", l, r.want(what, value)
	}
	return n.Inputs[0], l, nil
}

// norm matches a layer norm.
func (r *reader) norm(value, what string) (x string, out norm, err error) {
	n, err := r.maker(value, "LayerNormalization", what)
	if err != nil {
		return "", out, err
	}
	if len(n.Inputs) != 3 {
		return "", out, r.want(what, n.Outputs[0])
	}
	out.epsilon = n.Float("epsilon", 1e-5)
	if out.weights, err = r.constant(n.Inputs[1], what); err != nil {
		return "", out, err
	}
	out.bias, err = r.constant(n.Inputs[2], what)
	return n.Inputs[0], out, err
}

// swish matches x·sigmoid(x).
func (r *reader) swish(value, what string) (string, error) {
	n, err := r.maker(value, "Mul", what)
	if err != nil {
		return "", err
	}
	if a, b, ok := r.both(n); ok {
		for _, pair := range [][2]string{{a, b}, {b, a}} {
			gate, err := r.maker(pair[1], "Sigmoid", what)
			if err == nil && r.skip(gate.Inputs[0]) == r.skip(pair[0]) {
				return pair[0], nil
			}
		}
	}
	return "", r.want(what, n.Outputs[0])
}

// residual matches x + part(norm(x)): it returns x, and the sum's other operand, for which part is
// matched by the caller.
func (r *reader) residual(value, what string, part func(value string) (input string, err error)) (x string, out norm, err error) {
	n, err := r.maker(value, "Add", what)
	if err != nil {
		return "", out, err
	}
	a, b, ok := r.both(n)
	if !ok {
		return "", out, r.want(what, n.Outputs[0])
	}
	var errs []error
	for _, pair := range [][2]string{{a, b}, {b, a}} {
		input, err := part(pair[1])
		if err == nil {
			if x, out, err = r.norm(input, "the norm before "+what); err == nil && r.skip(x) == r.skip(pair[0]) {
				return pair[0], out, nil
			}
		}
		errs = append(errs, err)
	}
	return "", out, errors.Join(append(errs, r.want(what, n.Outputs[0]))...)
}
