package ort

import (
	"context"
	"errors"
	"fmt"

	binding "github.com/yalue/onnxruntime_go"
)

// Graph is a small graph that is run on tensors of the caller's, on the CPU: a part of a
// transducer. Its runs may overlap.
type Graph struct {
	session         *binding.DynamicAdvancedSession
	model           string
	inputs, outputs []string
}

// NewGraph loads a graph of which the named inputs and outputs are used. The caller closes it.
func (r *Runtime) NewGraph(m Source, inputs, outputs []string, o SessionOptions) (*Graph, error) {
	opts, err := r.sessionOptions(SessionOptions{Threads: o.Threads})
	if err != nil {
		return nil, err
	}
	defer opts.Destroy()
	g := &Graph{model: m.describe(), inputs: inputs, outputs: outputs}
	if m.Data == nil {
		g.session, err = binding.NewDynamicAdvancedSession(m.Path, inputs, outputs, opts)
	} else {
		g.session, err = binding.NewDynamicAdvancedSessionWithONNXData(m.Data, inputs, outputs, opts)
	}
	if err != nil {
		return nil, fmt.Errorf("load %s: %w", g.model, err)
	}
	return g, nil
}

// Close frees the graph. No run may be under way.
func (g *Graph) Close() error {
	if err := g.session.Destroy(); err != nil {
		return fmt.Errorf("ort: close %s: %w", g.model, err)
	}
	return nil
}

// Bound is a graph with the tensors that it computes on, so that a run allocates nothing. It is for
// one goroutine.
type Bound struct {
	graph           *Graph
	binding         *binding.IoBinding
	inputs, outputs *Values
}

// Bind binds a graph to its inputs and outputs, in the order of their names. The caller closes the
// Bound, with which it closes the tensors, before the Graph.
func (g *Graph) Bind(inputs, outputs *Values) (_ *Bound, err error) {
	b := &Bound{graph: g, inputs: inputs, outputs: outputs}
	defer func() {
		if err != nil {
			err = errors.Join(fmt.Errorf("bind %s: %w", g.model, err), b.Close())
		}
	}()
	if len(inputs.values) != len(g.inputs) || len(outputs.values) != len(g.outputs) {
		return nil, fmt.Errorf("%d inputs and %d outputs; want %d and %d", len(inputs.values), len(outputs.values), len(g.inputs), len(g.outputs))
	}
	if b.binding, err = g.session.CreateIoBinding(); err != nil {
		return nil, err
	}
	for i, v := range inputs.values {
		if err := b.binding.BindInput(g.inputs[i], v); err != nil {
			return nil, err
		}
	}
	for i, v := range outputs.values {
		if err := b.binding.BindOutput(g.outputs[i], v); err != nil {
			return nil, err
		}
	}
	return b, nil
}

// Run computes the outputs from the inputs. A run takes some milliseconds, so that ctx is only looked
// at before it.
func (b *Bound) Run(ctx context.Context) error {
	if err := context.Cause(ctx); err != nil {
		return err
	}
	if err := b.graph.session.RunWithBinding(b.binding); err != nil {
		return fmt.Errorf("run %s: %w", b.graph.model, err)
	}
	return nil
}

// Close frees the binding and the tensors. No run may be under way.
func (b *Bound) Close() error {
	var err error
	if b.binding != nil {
		err = b.binding.Destroy()
		b.binding = nil
	}
	return errors.Join(err, b.inputs.Close(), b.outputs.Close())
}

// Values are tensors over slices of the caller's, which must not be moved meanwhile.
type Values struct{ values []binding.Value }

// Float32 adds a tensor over data, whose length is the product of dims.
func (v *Values) Float32(data []float32, dims ...int) error { return add(v, data, dims) }

// Int32 adds a tensor over data, whose length is the product of dims.
func (v *Values) Int32(data []int32, dims ...int) error { return add(v, data, dims) }

func add[T binding.TensorData](v *Values, data []T, dims []int) error {
	t, err := binding.NewTensor(shape(dims...), data)
	if err != nil {
		return fmt.Errorf("ort: tensor of %v: %w", dims, err)
	}
	v.values = append(v.values, t)
	return nil
}

// Close frees the tensors once no run uses them.
func (v *Values) Close() error {
	var errs []error
	for _, t := range v.values {
		errs = append(errs, t.Destroy())
	}
	v.values = nil
	return errors.Join(errs...)
}
