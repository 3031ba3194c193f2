package fastconformer

import (
	"errors"
	"fmt"
	"io"
	"math"

	"github.com/asr-backend/asr-backend/asr/graph"
	"github.com/asr-backend/asr-backend/timeline"
)

// Options say how a graph is written.
type Options struct {
	// Rows is the longest window that the graph takes.
	Rows timeline.Row
	// Beside, if set, takes the weights and becomes the file of the name BesideName in the folder of the
	// graph; else they are in the graph, which can have 2 GB.
	Beside     io.Writer
	BesideName string
	// Precision says which products have weights of 8 bits.
	Precision Precision
	// Bits are those of such weights: 8, or 7 for processors whose products of 8 bits overflow, see Quantized.
	Bits int
	// Metadata is written into the graph.
	Metadata map[string]string
}

// Write writes the graph. Its inputs and outputs have the names and types that they have in the export, and
// the input of lengths has no effect. All windows of a batch have the length of the tensor.
func (e *Encoder) Write(o Options) ([]byte, error) {
	if o.Rows < 1 {
		return nil, errors.New("fastconformer: windows of no rows")
	}
	w := &writer{Builder: graph.Builder{Beside: o.Beside, BesideName: o.BesideName}, e: e, rows: int(o.Rows)}
	if o.Precision != Full {
		if o.Bits != 7 && o.Bits != 8 {
			return nil, fmt.Errorf("fastconformer: weights of %d bits; want 7 or 8", o.Bits)
		}
		w.quantizer = &quantizer{bits: o.Bits, careful: o.Precision == Careful, made: map[string][3]string{}}
	}
	if o.Beside == nil {
		w.Grow(4*(e.weights()+2*w.rows*e.Width) + 1<<20)
	}
	w.Input(e.Features)
	w.Input(e.Lengths)
	x := w.subsampling()
	w.shapes()
	for i := range e.layers {
		x = w.layer(x, &e.layers[len(e.layers)-1-i], fmt.Sprintf("layer%d.", i))
	}
	for i := range e.Outputs {
		w.output(x, &e.Outputs[i])
	}
	if w.failed != nil {
		return nil, fmt.Errorf("fastconformer: %w", w.failed)
	}
	return w.Bytes(o.Metadata)
}

// weights returns how many the large matrices have.
func (e *Encoder) weights() int {
	n := e.subsampling.out.weights.Len()
	for i := range e.layers {
		l := &e.layers[i]
		a := &l.attention
		for _, m := range []*linear{&l.first.linear[0], &l.first.linear[1], &l.second.linear[0], &l.second.linear[1],
			&a.q, &a.k, &a.v, &a.positions, &a.out, &l.pointwise[0], &l.pointwise[1]} {
			n += m.weights.Len()
		}
	}
	for _, out := range e.Outputs {
		if out.head != nil {
			n += out.head.weights.Len()
		}
	}
	return n
}

// writer is the state of Write. Rows of a batch stand one below another, [batch·rows width].
type writer struct {
	graph.Builder
	e      *Encoder
	rows   int   // the most
	failed error // the first error of reading weights

	quantizer *quantizer // nil for weights of 32 bits

	convolved string // what the last convolution of the subsampling makes, [batch channels rows bands/8]

	// Shapes of what layers compute, which follow from the sizes of the batch.
	perWindow string // [batch rows width]
	perHead   string // [batch rows heads width/heads]
	flat      string // [batch heads 2·rows·rows], of scores
	shifted   string // [batch heads rows 2·rows-1]
	// Where slices begin and end.
	one, rowCount            string
	positionFrom, positionTo string // of the columns of positions
	flatFrom, flatTo         string // of the scores of a head
	distances                string // encodings of distances, [2·rows width]
}

// floats reads weights.
func (w *writer) floats(a *graph.Array) []float32 {
	data, err := a.Floats()
	if err == nil && len(data) != a.Len() {
		err = fmt.Errorf("%d weights for a shape of %d", len(data), a.Len())
	}
	if err != nil {
		w.failed = errors.Join(w.failed, err)
		return make([]float32, a.Len())
	}
	return data
}

func scale(data []float32, by float32) []float32 {
	if by != 1 {
		for i := range data {
			data[i] *= by
		}
	}
	return data
}

// matrix reads the weights of a linear layer as [in out].
func (w *writer) matrix(l *linear) []float32 {
	data := w.floats(l.weights)
	if l.turned {
		data = graph.Transposed(data, l.out, l.in)
	}
	return data
}

// bias reads that of a linear layer, zeros if it has none.
func (w *writer) bias(l *linear) []float32 {
	if l.bias == nil {
		return make([]float32, l.out)
	}
	return w.floats(l.bias)
}

// linear computes by·(xW + b) for rows.
func (w *writer) linear(x string, l *linear, by float32, name string) string {
	return w.product(x, scale(w.matrix(l), by), scale(w.bias(l), by), name)
}

func (w *writer) product(x string, weights, bias []float32, name string) string {
	out := len(bias)
	if w.quantizer.takes(name) {
		return w.quantized(x, weights, bias, name)
	}
	return w.Node("Gemm", name, []string{x, w.Floats(name+".weight", weights, len(weights)/out, out), w.Floats(name+".bias", bias, out)})
}

func (w *writer) norm(x string, n *norm, name string) string {
	return w.Node("LayerNormalization", name, []string{x, w.Floats(name+".weight", w.floats(n.weights), w.e.Width), w.Floats(name+".bias", w.floats(n.bias), w.e.Width)},
		graph.IntAttribute("axis", -1), graph.FloatAttribute("epsilon", n.epsilon))
}

func (w *writer) swish(x, name string) string {
	return w.Nodes(graph.Microsoft, "QuickGelu", name, []string{x}, 1, graph.FloatAttribute("alpha", 1))[0]
}

func (w *writer) reshape(x, shape, name string) string {
	return w.Node("Reshape", name, []string{x, shape})
}

func (w *writer) transpose(x, name string, perm ...int64) string {
	return w.Node("Transpose", name, []string{x}, graph.IntsAttribute("perm", perm...))
}

func (w *writer) slice(x, from, to string, axis int64, name string) string {
	return w.Node("Slice", name, []string{x, from, to, w.Ints(axis)})
}

// flatRows makes [batch·rows width] of [batch rows width].
func (w *writer) flatRows(x, name string) string {
	return w.reshape(x, w.Ints(-1, int64(w.e.Width)), name)
}

// subsampling makes rows of frames.
func (w *writer) subsampling() string {
	s := &w.e.subsampling
	x := w.transpose(w.e.Features.Name, "subsampling.frames", 0, 2, 1)
	x = w.Node("Unsqueeze", "subsampling.frames", []string{x, w.Ints(1)})
	for i := range s.convs {
		c, name := &s.convs[i], fmt.Sprintf("subsampling.conv%d", i)
		bias := make([]float32, w.e.Channels)
		if c.bias != nil {
			bias = w.floats(c.bias)
		}
		in := []string{x, w.Floats(name+".weight", w.floats(c.weights), c.weights.Dims...), w.Floats(name+".bias", bias, w.e.Channels)}
		switch {
		case i%2 == 0 && i > 0: // pointwise
			x = w.Node("Conv", name, in, graph.IntsAttribute("kernel_shape", 1, 1))
		default:
			group := int64(w.e.Channels)
			if i == 0 {
				group = 1
			}
			x = w.Node("Conv", name, in, graph.IntsAttribute("kernel_shape", 3, 3), graph.IntsAttribute("strides", 2, 2),
				graph.IntsAttribute("pads", 1, 1, 1, 1), graph.IntAttribute("group", group))
		}
		if i%2 == 0 {
			x = w.Node("Relu", name+".relu", []string{x})
		}
	}
	w.convolved = x
	x = w.transpose(x, "subsampling.rows", 0, 2, 1, 3)
	x = w.reshape(x, w.Ints(-1, int64(s.out.in)), "subsampling.rows")
	return w.linear(x, &s.out, s.scale, "subsampling.out")
}

// shapes computes what layers need of the sizes of the batch.
func (w *writer) shapes() {
	size := func(axis int64) string {
		return w.Node("Shape", "size", []string{w.convolved}, graph.IntAttribute("start", axis), graph.IntAttribute("end", axis+1))
	}
	concat := func(parts ...string) string {
		return w.Node("Concat", "shape", parts, graph.IntAttribute("axis", 0))
	}
	ints := func(v int) string { return w.Ints(int64(v)) }
	heads, width := w.e.Heads, w.e.Width
	batch, rows := size(0), size(2)
	w.rowCount, w.one = rows, ints(0)
	double := w.Node("Mul", "size", []string{rows, ints(2)})
	stride := w.Node("Sub", "size", []string{double, ints(1)})
	w.perWindow = concat(batch, rows, ints(width))
	w.perHead = concat(batch, rows, ints(heads), ints(width/heads))
	w.flat = concat(batch, ints(heads), ints(-1))
	w.shifted = concat(batch, ints(heads), rows, stride)
	w.positionFrom = w.Node("Sub", "size", []string{ints(w.rows), rows})
	w.positionTo = w.Node("Add", "size", []string{w.positionFrom, double})
	w.flatFrom = w.Node("Sub", "size", []string{rows, ints(1)})
	w.flatTo = w.Node("Add", "size", []string{w.flatFrom, w.Node("Mul", "size", []string{rows, stride})})
	w.distances = w.Floats("distances", distances(w.rows, width), 2*w.rows, width)
}

// distances returns the encodings of the distances rows-1 to -rows+1 (Vaswani et al. 2017, section 3.5) and
// a row of zeros, which makes their number even: 2·rows × width.
func distances(rows, width int) []float32 {
	out := make([]float32, 2*rows*width)
	for i := range 2*rows - 1 {
		for j := 0; j < width; j += 2 {
			angle := float64(float32(rows-1-i) * float32(math.Exp(float64(float32(j)*float32(-math.Log(10000)/float64(width))))))
			sin, cos := math.Sincos(angle)
			out[i*width+j], out[i*width+j+1] = float32(sin), float32(cos)
		}
	}
	return out
}

// layer adds one to rows.
func (w *writer) layer(x string, l *layer, name string) string {
	add := func(part string) { x = w.Node("Add", name+"residual", []string{x, part}) }
	add(w.feedForward(w.norm(x, &l.norms[0], name+"norm1"), &l.first, name+"feedforward1"))
	add(w.attention(w.norm(x, &l.norms[1], name+"norm2"), &l.attention, name))
	add(w.convolution(w.norm(x, &l.norms[2], name+"norm3"), l, name))
	add(w.feedForward(w.norm(x, &l.norms[3], name+"norm4"), &l.second, name+"feedforward2"))
	return w.norm(x, &l.norms[4], name+"norm5")
}

func (w *writer) feedForward(x string, f *feedForward, name string) string {
	x = w.swish(w.linear(x, &f.linear[0], 1, name+".linear1"), name+".swish")
	return w.linear(x, &f.linear[1], f.scale, name+".linear2")
}

func (w *writer) attention(x string, a *attention, name string) string {
	e := w.e
	depth := e.Width / e.Heads
	biased := func(q string, bias *graph.Array, name string) string {
		return w.Node("Add", name, []string{q, w.Floats(name, scale(w.floats(bias), a.scale), e.Width)})
	}
	q := w.linear(x, &a.q, a.scale, name+"query")
	k := w.reshape(w.linear(x, &a.k, 1, name+"key"), w.perWindow, name+"key")
	v := w.reshape(w.linear(x, &a.v, 1, name+"value"), w.perWindow, name+"value")

	// The product of constants, [heads depth 2·rows], is computed when the graph is loaded.
	p := w.Node("MatMul", name+"positions", []string{w.distances, w.Floats(name+"positions.weight", w.matrix(&a.positions), e.Width, e.Width)})
	p = w.reshape(p, w.Ints(int64(2*w.rows), int64(e.Heads), int64(depth)), name+"positions")
	p = w.transpose(p, name+"positions", 1, 2, 0)
	p = w.slice(p, w.positionFrom, w.positionTo, 2, name+"positions")

	toPosition := w.transpose(w.reshape(biased(q, a.w, name+"query.position"), w.perHead, name+"query.position"), name+"query.position", 0, 2, 1, 3)
	scores := w.Node("MatMul", name+"scores", []string{toPosition, p})
	scores = w.slice(w.reshape(scores, w.flat, name+"scores"), w.flatFrom, w.flatTo, 2, name+"scores")
	scores = w.slice(w.reshape(scores, w.shifted, name+"shift"), w.one, w.rowCount, 3, name+"shift")

	content := w.reshape(biased(q, a.u, name+"query.content"), w.perWindow, name+"query.content")
	y := w.Nodes(graph.Microsoft, "MultiHeadAttention", name+"attention", []string{content, k, v, "", "", scores}, 1,
		graph.IntAttribute("num_heads", int64(e.Heads)), graph.FloatAttribute("scale", 1))[0]
	return w.linear(w.flatRows(y, name+"attention"), &a.out, 1, name+"attention.out")
}

func (w *writer) convolution(x string, l *layer, name string) string {
	width := w.e.Width
	weights, bias := w.matrix(&l.pointwise[0]), w.bias(&l.pointwise[0])
	half := func(second bool, name string) string {
		from := 0
		if second {
			from = width
		}
		part := make([]float32, 0, width*width)
		for row := range width {
			part = append(part, weights[row*2*width+from:][:width]...)
		}
		return w.product(x, part, bias[from:][:width], name)
	}
	gate := w.Node("Sigmoid", name+"gate", []string{half(!l.gateFirst, name+"gate")})
	y := w.Node("Mul", name+"gated", []string{half(l.gateFirst, name+"pointwise1"), gate})
	y = w.transpose(w.reshape(y, w.perWindow, name+"gated"), name+"gated", 0, 2, 1)
	kernel := int64(l.depthwise.weights.Dims[2])
	depthwise, shift := w.depthwise(l)
	y = w.Node("Conv", name+"depthwise", []string{y, w.Floats(name+"depthwise.weight", depthwise, l.depthwise.weights.Dims...), w.Floats(name+"depthwise.bias", shift, width)},
		graph.IntsAttribute("kernel_shape", kernel), graph.IntsAttribute("pads", kernel/2, kernel/2), graph.IntAttribute("group", int64(width)))
	y = w.transpose(w.swish(y, name+"depthwise.swish"), name+"depthwise", 0, 2, 1)
	return w.linear(w.flatRows(y, name+"depthwise"), &l.pointwise[1], 1, name+"pointwise2")
}

// depthwise returns the weights and biases of a depthwise convolution with the batch norm after it.
func (w *writer) depthwise(l *layer) (weights, bias []float32) {
	weights, bias = w.floats(l.depthwise.weights), make([]float32, w.e.Width)
	if l.depthwise.bias != nil {
		bias = w.floats(l.depthwise.bias)
	}
	b := l.batchNorm
	if b == nil {
		return weights, bias
	}
	gamma, beta, mean, variance := w.floats(b.weights), w.floats(b.bias), w.floats(b.mean), w.floats(b.variance)
	if len(gamma) != len(bias) || len(beta) != len(bias) || len(mean) != len(bias) || len(variance) != len(bias) {
		w.failed = errors.Join(w.failed, fmt.Errorf("%w: batch norm of %d channels", ErrUnknown, len(gamma)))
		return weights, bias
	}
	kernel := len(weights) / len(bias)
	for c := range bias {
		by := float64(gamma[c]) / math.Sqrt(float64(variance[c])+float64(b.epsilon))
		for i := range kernel {
			weights[c*kernel+i] = float32(float64(weights[c*kernel+i]) * by)
		}
		bias[c] = float32((float64(bias[c])-float64(mean[c]))*by + float64(beta[c]))
	}
	return weights, bias
}

// output makes an output of rows.
func (w *writer) output(x string, out *Output) {
	if out.head == nil {
		x = w.reshape(x, w.perWindow, out.Name)
		if out.columns {
			x = w.transpose(x, out.Name, 0, 2, 1)
		}
		w.Output(x, out.Value)
		return
	}
	x = w.linear(x, out.head, 1, out.Name)
	x = w.reshape(x, w.Node("Concat", "shape", []string{w.Node("Slice", "size", []string{w.perWindow, w.Ints(0), w.Ints(2)}), w.Ints(int64(out.head.out))}, graph.IntAttribute("axis", 0)), out.Name)
	if out.logSoftmax {
		x = w.Node("LogSoftmax", out.Name, []string{x}, graph.IntAttribute("axis", -1))
	}
	w.Output(x, out.Value)
}
