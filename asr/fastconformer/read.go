package fastconformer

import (
	"errors"
	"fmt"
	"io/fs"
	"slices"

	"github.com/asr-backend/asr-backend/asr/graph"
)

// Read finds an encoder in a graph. Features and lengths name its inputs, and outputs those that are wanted
// of the graph. Files has the weights that lie beside the graph, or is nil. The graph's bytes must stay until
// the Encoder was written. An error of another structure wraps ErrUnknown.
func Read(m *graph.Model, features, lengths string, outputs []string, files fs.FS) (*Encoder, error) {
	network, err := m.Network(features, files)
	if err != nil {
		return nil, err
	}
	r := &reader{network}
	e := &Encoder{}
	for _, in := range r.Inputs {
		switch in.Name {
		case features:
			e.Features = in
		case lengths:
			e.Lengths = in
		}
	}
	rows := ""
	for _, name := range outputs {
		at := slices.IndexFunc(r.Outputs, func(v graph.Value) bool { return v.Name == name })
		if at < 0 {
			return nil, fmt.Errorf("fastconformer: no output %s", name)
		}
		out := Output{Value: r.Outputs[at]}
		x, err := r.output(name, &out)
		if err != nil {
			return nil, err
		}
		if x = r.skip(x); rows != "" && rows != x {
			return nil, fmt.Errorf("%w: its outputs follow from different rows", ErrUnknown)
		}
		rows = x
		e.Outputs = append(e.Outputs, out)
	}
	for {
		x, l, err := r.layer(rows)
		if err != nil {
			return nil, fmt.Errorf("layer %d from the end: %w", len(e.layers)+1, err)
		}
		e.layers = append(e.layers, l)
		if rows = r.skip(x); r.Maker(rows) == nil || r.Maker(rows).Op != "LayerNormalization" {
			break
		}
	}
	if e.subsampling, err = r.subsampling(rows); err != nil {
		return nil, err
	}
	return e, e.sizes()
}

// output matches what an output is made of, and returns the rows of the last layer.
func (r *reader) output(value string, out *Output) (rows string, err error) {
	at := r.skip(value)
	if n := r.Maker(at); n != nil && n.Op == "LogSoftmax" {
		out.logSoftmax = true
		at = r.skip(n.Inputs[0])
	}
	if n := r.Maker(at); n != nil && n.Op == "LayerNormalization" && !out.logSoftmax {
		out.columns = true // as encoders of transducers write rows
		return at, nil
	}
	x, head, err := r.linear(at, "the head")
	out.head = &head
	return x, err
}

// layer matches a layer, and returns what it is applied to.
func (r *reader) layer(value string) (x string, l layer, err error) {
	if x, l.norms[4], err = r.norm(value, "the norm at the end of a layer"); err != nil {
		return "", l, err
	}
	parts := []struct {
		norm  *norm
		what  string
		match func(value string) (string, error)
	}{
		{&l.norms[3], "the second feed-forward", func(v string) (string, error) { return r.feedForward(v, &l.second) }},
		{&l.norms[2], "the convolution", func(v string) (string, error) { return r.convolution(v, &l) }},
		{&l.norms[1], "the attention", func(v string) (string, error) { return r.attention(v, &l.attention) }},
		{&l.norms[0], "the first feed-forward", func(v string) (string, error) { return r.feedForward(v, &l.first) }},
	}
	for _, p := range parts {
		if x, *p.norm, err = r.residual(x, p.what, p.match); err != nil {
			return "", l, err
		}
	}
	return x, l, nil
}

// feedForward matches scale·linear(swish(linear(x))).
func (r *reader) feedForward(value string, f *feedForward) (x string, err error) {
	if x, f.scale, err = r.scaled(value); err != nil {
		return "", err
	}
	if x, f.linear[1], err = r.linear(x, "a feed-forward"); err != nil {
		return "", err
	}
	if x, err = r.swish(x, "the activation of a feed-forward"); err != nil {
		return "", err
	}
	x, f.linear[0], err = r.linear(x, "a feed-forward")
	return x, err
}

// convolution matches the convolution of a layer.
func (r *reader) convolution(value string, l *layer) (x string, err error) {
	if x, l.pointwise[1], err = r.linear(value, "a pointwise convolution"); err != nil {
		return "", err
	}
	if x, err = r.swish(x, "the activation of a convolution"); err != nil {
		return "", err
	}
	if n := r.Maker(r.skip(x)); n != nil && n.Op == "BatchNormalization" && len(n.Inputs) == 5 {
		b := &batchNorm{epsilon: n.Float("epsilon", 1e-5)}
		for i, to := range []**graph.Array{&b.weights, &b.bias, &b.mean, &b.variance} {
			if *to, err = r.constant(n.Inputs[1+i], "batch norm"); err != nil {
				return "", err
			}
		}
		l.batchNorm, x = b, n.Inputs[0]
	}
	n, err := r.maker(x, "Conv", "the depthwise convolution")
	if err != nil {
		return "", err
	}
	if l.depthwise, err = r.conv(n); err != nil {
		return "", err
	}
	gate, err := r.maker(n.Inputs[0], "Mul", "the gate")
	if err != nil {
		return "", err
	}
	a, b, ok := r.both(gate)
	if !ok {
		return "", r.want("the gate", gate.Outputs[0])
	}
	sigmoid := r.Maker(r.skip(b))
	if sigmoid == nil || sigmoid.Op != "Sigmoid" {
		a, b = b, a
		if sigmoid, err = r.maker(b, "Sigmoid", "the gate"); err != nil {
			return "", err
		}
	}
	a, b = r.skip(a), r.skip(sigmoid.Inputs[0])
	split := r.Maker(a)
	if split == nil || split.Op != "Split" || len(split.Outputs) != 2 || r.Maker(b) != split || a == b {
		return "", r.want("the gate", gate.Outputs[0])
	}
	l.gateFirst = b == split.Outputs[0]
	x, l.pointwise[0], err = r.linear(split.Inputs[0], "a pointwise convolution")
	return x, err
}

// conv returns the weights of a convolution.
func (r *reader) conv(n *graph.Node) (c convolution, err error) {
	if len(n.Inputs) < 2 {
		return c, r.want("a convolution", n.Outputs[0])
	}
	if c.weights, err = r.constant(n.Inputs[1], "a convolution"); err != nil {
		return c, err
	}
	if len(n.Inputs) > 2 && n.Inputs[2] != "" {
		c.bias, err = r.constant(n.Inputs[2], "the bias of a convolution")
	}
	return c, err
}

// attention matches the attention of a layer.
func (r *reader) attention(value string, a *attention) (x string, err error) {
	if value, a.out, err = r.linear(value, "the output of attention"); err != nil {
		return "", err
	}
	weighted, err := r.maker(value, "MatMul", "attention")
	if err != nil {
		return "", err
	}
	x, a.v, err = r.linear(weighted.Inputs[1], "the values of attention")
	if err != nil {
		return "", err
	}
	softmax, err := r.maker(weighted.Inputs[0], "Softmax", "the weights of attention")
	if err != nil {
		return "", err
	}
	scores, scale, err := r.scaled(softmax.Inputs[0])
	if err != nil {
		return "", err
	}
	sum, err := r.maker(scores, "Add", "the scores of attention")
	if err != nil {
		return "", err
	}
	p, q, ok := r.both(sum)
	if !ok {
		return "", r.want("the scores of attention", sum.Outputs[0])
	}
	byPosition, byContent, err := r.products(p, q)
	if err != nil {
		return "", err
	}
	content, key, err := r.query(byContent.Inputs[0], &a.u)
	if err != nil {
		return "", err
	}
	keys, keyScale, err := r.scaled(byContent.Inputs[1])
	if err != nil {
		return "", err
	}
	position, other, err := r.query(byPosition.Inputs[0], &a.w)
	if err != nil {
		return "", err
	}
	if near := content * keyScale / position; key != other || near < 0.999999 || near > 1.000001 {
		return "", r.want("the scores of attention", sum.Outputs[0])
	}
	a.scale = scale * position
	from := map[string]bool{r.skip(x): true}
	if x, a.q, err = r.linear(key, "the queries of attention"); err != nil {
		return "", err
	}
	from[r.skip(x)] = true
	if x, a.k, err = r.linear(keys, "the keys of attention"); err != nil {
		return "", err
	}
	if from[r.skip(x)] = true; len(from) > 1 {
		return "", r.want("attention", weighted.Outputs[0])
	}
	_, a.positions, err = r.linear(byPosition.Inputs[1], "the positions of attention")
	return x, err
}

// products finds the products of queries with keys, and those with positions, which follow from nothing.
func (r *reader) products(a, b string) (byPosition, byContent *graph.Node, err error) {
	for _, pair := range [][2]string{{a, b}, {b, a}} {
		p, _, err := r.scaled(pair[0])
		if err != nil {
			return nil, nil, err
		}
		c, _, err := r.scaled(pair[1])
		if err != nil {
			return nil, nil, err
		}
		byPosition, byContent = r.Maker(p), r.Maker(c)
		if byPosition != nil && byContent != nil && byPosition.Op == "MatMul" && byContent.Op == "MatMul" &&
			!r.Live(byPosition.Inputs[1]) && r.Live(byContent.Inputs[1]) {
			return byPosition, byContent, nil
		}
	}
	return nil, nil, r.want("the scores of attention", a)
}

// query matches scale·(q + bias), and returns the scale and q.
func (r *reader) query(value string, bias **graph.Array) (scale float32, q string, err error) {
	if value, scale, err = r.scaled(value); err != nil {
		return 0, "", err
	}
	n, err := r.maker(value, "Add", "the queries of attention")
	if err != nil {
		return 0, "", err
	}
	x, other := r.operands(n)
	if *bias, err = r.constant(other, "a bias of attention"); err != nil {
		return 0, "", err
	}
	return scale, r.skip(x), nil
}

// subsampling matches what makes rows of frames.
func (r *reader) subsampling(value string) (s subsampling, err error) {
	x, scale, err := r.scaled(value)
	if err != nil {
		return s, err
	}
	s.scale = scale
	if x, s.out, err = r.linear(x, "the end of the subsampling"); err != nil {
		return s, err
	}
	for i := 4; i >= 0; i-- {
		if i%2 == 0 { // after the first convolution and after both separable ones
			relu, err := r.maker(x, "Relu", "the activation of the subsampling")
			if err != nil {
				return s, err
			}
			x = relu.Inputs[0]
		}
		n, err := r.maker(x, "Conv", "a convolution of the subsampling")
		if err != nil {
			return s, err
		}
		if s.convs[i], err = r.conv(n); err != nil {
			return s, err
		}
		x = n.Inputs[0]
	}
	if at := r.skip(x); r.Maker(at) != nil {
		return s, r.want("the features", at)
	}
	return s, nil
}

// sizes fills in the sizes and checks that the parts fit together.
func (e *Encoder) sizes() error {
	s := &e.subsampling
	e.Layers, e.Width = len(e.layers), s.out.out
	wrong := func(what string, dims ...int) error {
		return fmt.Errorf("%w: %s has the size %v", ErrUnknown, what, dims)
	}
	first := s.convs[0].weights.Dims
	if len(first) != 4 || first[1] != 1 || first[2] != 3 || first[3] != 3 {
		return wrong("the first convolution of the subsampling", first...)
	}
	e.Channels = first[0]
	for i, c := range s.convs[1:] {
		want := []int{e.Channels, 1, 3, 3}
		if i%2 == 1 {
			want = []int{e.Channels, e.Channels, 1, 1}
		}
		if !slices.Equal(c.weights.Dims, want) {
			return wrong("a convolution of the subsampling", c.weights.Dims...)
		}
	}
	e.Bands = 8 * (s.out.in / e.Channels)
	if e.Bands%16 != 0 || s.out.in%e.Channels != 0 {
		return wrong("the end of the subsampling", s.out.in, s.out.out)
	}
	u := e.layers[0].attention.u.Dims
	if len(u) < 2 || e.Width%u[len(u)-1] != 0 {
		return wrong("a bias of attention", u...)
	}
	e.Heads = e.Width / u[len(u)-1]
	var errs []error
	for i := range e.layers {
		errs = append(errs, e.layers[i].sizes(e.Width))
	}
	for _, out := range e.Outputs {
		if out.head != nil && out.head.in != e.Width {
			errs = append(errs, wrong("the head", out.head.in, out.head.out))
		}
	}
	return errors.Join(errs...)
}

// sizes checks the sizes of a layer of a width.
func (l *layer) sizes(width int) error {
	wrong := func(what string, n ...int) error {
		return fmt.Errorf("%w: %s has the size %v with rows of %d", ErrUnknown, what, n, width)
	}
	a := &l.attention
	for _, m := range []*linear{&a.q, &a.k, &a.v, &a.positions, &a.out, &l.pointwise[1]} {
		if m.in != width || m.out != width {
			return wrong("a product", m.in, m.out)
		}
	}
	for _, f := range []*feedForward{&l.first, &l.second} {
		if f.linear[0].in != width || f.linear[0].out != f.linear[1].in || f.linear[1].out != width {
			return wrong("a feed-forward", f.linear[0].in, f.linear[0].out, f.linear[1].in, f.linear[1].out)
		}
	}
	d := l.depthwise.weights.Dims
	switch {
	case l.pointwise[0].in != width || l.pointwise[0].out != 2*width:
		return wrong("the gate", l.pointwise[0].in, l.pointwise[0].out)
	case len(d) != 3 || d[0] != width || d[1] != 1 || d[2]%2 == 0:
		return wrong("the depthwise convolution", d...)
	case a.u.Len() != width || a.w.Len() != width:
		return wrong("a bias of attention", a.u.Len(), a.w.Len())
	}
	for i := range l.norms {
		if l.norms[i].weights.Len() != width || l.norms[i].bias.Len() != width {
			return wrong("a norm", l.norms[i].weights.Len())
		}
	}
	return nil
}
