package graph

import (
	"errors"
	"fmt"
	"slices"
	"strings"

	"google.golang.org/protobuf/encoding/protowire"
)

// Half makes a graph compute with 16-bit floats: its weights, and what follows from the features. 32-bit
// floats remain, between nodes Cast:
//
//   - the inputs and outputs of the graph;
//   - LogSoftmax, whose sums are over all pieces;
//   - Range and Resize, which have no 16-bit kernels;
//   - small constants, and what follows from the lengths alone: 16 bits count to 2,048 only, and a window has
//     2,560 frames.
//
// Kernels of LayerNormalization and Softmax sum up in 32 bits anyway. Numbers beyond ±65,504 become that.
// Files has the weights that lie beside the graph; see Weights.
func (m *Model) Half(features, lengths string, w Weights) error {
	outputs, err := m.outputs()
	if err != nil {
		return err
	}
	h := &halver{weights: w, outputs: outputs, types: map[string]uint64{}, single: map[string]bool{}, casts: map[string]string{},
		follow: follow{features: fromFeatures, lengths: fromLengths}}
	if err := h.declare(m.fields); err != nil {
		return fmt.Errorf("graph: fp16: %w", err)
	}
	for _, f := range m.fields {
		if err := h.add(f); err != nil {
			return fmt.Errorf("graph: fp16: %w", err)
		}
	}
	m.fields = h.fields
	return nil
}

// halver is the state of Half.
type halver struct {
	weights Weights
	outputs map[string]bool
	follow  follow
	types   map[string]uint64 // of all values so far; floats are typeFloat, whatever they have become
	single  map[string]bool   // floats that are still 32-bit
	casts   map[string]string // the value that has the other form of a value
	fields  []field
}

// declare notes the types of what nodes begin with.
func (h *halver) declare(fields []field) error {
	for _, f := range fields {
		switch f.number {
		case graphInitializer:
			t, err := parseTensor(f.body)
			if err != nil {
				return err
			}
			h.types[t.name] = t.kind
			delete(h.single, t.name) // old files list weights as inputs, too
		case graphInput:
			name, kind, err := typeOf(f.body)
			if err != nil {
				return err
			}
			if _, known := h.types[name]; !known {
				h.types[name], h.single[name] = kind, true
			}
		}
	}
	return nil
}

// add writes a field of the graph in its new form.
func (h *halver) add(f field) error {
	switch f.number {
	case graphNode:
		n, err := parseNode(f.body)
		if err == nil {
			err = h.node(&n)
		}
		if err != nil {
			return fmt.Errorf("node %s: %w", n.op, err)
		}
		return nil
	case graphInitializer:
		t, err := parseTensor(f.body)
		if err != nil {
			return err
		}
		if t.kind == typeFloat {
			if err := h.weights.halve(&t); err != nil {
				return fmt.Errorf("weights %s: %w", t.name, err)
			}
			f = newField(graphInitializer, t.body())
		}
	case graphValue:
		return nil // notes on types, which have changed
	}
	h.fields = append(h.fields, f)
	return nil
}

// node writes a node, and before it those that cast its inputs.
func (h *halver) node(n *node) error {
	made, err := h.outputType(n)
	if err != nil {
		return err
	}
	single := h.staysSingle(n, h.follow.node(n))
	for i, in := range n.inputs {
		if h.types[in] == typeFloat && h.single[in] != single {
			n.inputs[i] = h.other(in)
		}
	}
	for _, out := range n.outputs {
		h.types[out] = made
		h.single[out] = single
	}
	if !single && made == typeFloat {
		if err := h.halveAttributes(n); err != nil {
			return err
		}
		for i, out := range n.outputs {
			if h.outputs[out] {
				h.single[out] = true
				n.outputs[i] = out + "_fp16"
				defer h.cast(n.outputs[i], out, typeFloat)
			}
		}
	}
	h.fields = append(h.fields, n.field())
	return nil
}

// staysSingle reports whether a node computes with 32-bit floats.
func (h *halver) staysSingle(n *node, follows kind) bool {
	switch n.op {
	case "LogSoftmax", "Range", "Resize":
		return true
	case "Constant":
		a, ok := tensorAttribute(n, "value")
		if !ok {
			return true
		}
		t, err := parseTensor(a)
		return err != nil || t.size() < worthwhile
	case "Cast":
		if h.types[n.inputs[0]] == typeBool {
			return false // a mask
		}
	}
	switch follows {
	case fromLengths:
		return true
	case fromFeatures:
		return false
	}
	return !slices.ContainsFunc(n.inputs, func(in string) bool { return h.types[in] == typeFloat && !h.single[in] })
}

// worthwhile is from how many numbers on a constant is made smaller.
const worthwhile = 1024

// other returns the other form of a float.
func (h *halver) other(name string) string {
	if to, ok := h.casts[name]; ok {
		return to
	}
	kind, to := uint64(typeFloat16), name+"_as_fp16"
	if !h.single[name] {
		kind, to = typeFloat, name+"_as_fp32"
	}
	h.cast(name, to, kind)
	h.casts[name] = to
	return to
}

func (h *halver) cast(from, to string, kind uint64) {
	h.fields = append(h.fields, newNode("Cast", []string{from}, []string{to}, number("to", int64(kind))).field())
}

// halveAttributes changes the types that attributes say.
func (h *halver) halveAttributes(n *node) error {
	for i, a := range n.attributes {
		name, err := nameOf(a)
		if err != nil {
			return err
		}
		switch {
		case n.op == "Cast" && name == "to":
			n.attributes[i] = number("to", typeFloat16)
		case n.op == "Constant" && name == "value":
			body, _ := tensorAttribute(n, name)
			t, err := parseTensor(body)
			if err == nil {
				err = h.weights.halve(&t)
			}
			if err != nil {
				return err
			}
			n.attributes[i] = tensorNamed(name, t.body())
		}
	}
	return nil
}

// outputType returns the type of what a node makes.
func (h *halver) outputType(n *node) (uint64, error) {
	for _, a := range n.attributes {
		err := each(a, func(number protowire.Number, _, _ []byte) error {
			if number == attributeGraph || number == attributeGraphs {
				return errors.New("graphs inside a graph cannot be converted")
			}
			return nil
		})
		if err != nil {
			return 0, err
		}
	}
	if len(n.outputs) == 0 {
		return 0, errors.New("no output")
	}
	if strings.Contains(n.op, "Quantize") || strings.HasSuffix(n.op, "Integer") {
		return 0, errors.New("the model is quantised already")
	}
	from := 0
	switch n.op {
	case "Shape", "Size", "ArgMax", "ArgMin", "NonZero":
		return typeInt64, nil
	case "Equal", "Less", "LessOrEqual", "Greater", "GreaterOrEqual", "And", "Or", "Xor", "Not", "IsNaN", "IsInf":
		return typeBool, nil
	case "Cast":
		to, ok := intAttribute(n, "to")
		if !ok {
			return 0, errors.New("no type")
		}
		return to, nil
	case "Constant", "ConstantOfShape":
		return constantType(n)
	case "Where":
		from = 1
	}
	if len(n.inputs) <= from || h.types[n.inputs[from]] == 0 {
		return 0, errors.New("the type of its output is not known")
	}
	return h.types[n.inputs[from]], nil
}
