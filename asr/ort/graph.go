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
	session *binding.DynamicAdvancedSession
	model   string
}

// NewGraph loads a graph of which the named inputs and outputs are used. The caller closes it.
func (r *Runtime) NewGraph(m Source, inputs, outputs []string, o SessionOptions) (*Graph, error) {
	opts, err := r.sessionOptions(SessionOptions{Threads: o.Threads})
	if err != nil {
		return nil, err
	}
	defer opts.Destroy()
	g := &Graph{model: m.describe()}
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

// Run computes the outputs from the inputs, in the order of their names. A run takes some
// milliseconds, so that ctx is only looked at before it.
func (g *Graph) Run(ctx context.Context, inputs, outputs *Values) error {
	if err := context.Cause(ctx); err != nil {
		return err
	}
	if err := g.session.Run(inputs.values, outputs.values); err != nil {
		return fmt.Errorf("run %s: %w", g.model, err)
	}
	return nil
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
