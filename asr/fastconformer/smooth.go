package fastconformer

import (
	"math"

	"github.com/asr-backend/asr-backend/asr/graph"
)

// smooth holds the factors by which the columns of the inputs of a layer's products are divided, and the rows of
// their weights multiplied: those after the norms of the first feed-forward, attention, convolution and
// second feed-forward, and the values of attention. The products stay the same, and a column
// with large values costs the others fewer of the 8 bits (Xiao et al. 2023, SmoothQuant,
// arXiv:2211.10438). The factors are in the weights of the norms and of the values. What follows an activation
// function has no weights to put them in.
type smooth [5][]float32

// smoothing returns the factors of a layer; none without ranges.
func (w *writer) smoothing(l *layer, ranges []float32, number int) (s smooth) {
	if w.quantizer == nil || ranges == nil {
		return s
	}
	a := &l.attention
	for i, weights := range [len(s)][]*linear{{&l.first.linear[0]}, {&a.q, &a.k, &a.v}, {&l.pointwise[0]}, {&l.second.linear[0]}, {&a.out}} {
		most := make([]float32, w.e.Width)
		for _, m := range weights {
			for k, v := range w.matrix(m) {
				most[k/m.out] = max(most[k/m.out], float32(math.Abs(float64(v))))
			}
		}
		s[i] = make([]float32, w.e.Width)
		for k := range s[i] {
			s[i][k] = factor(ranges[(number*len(s)+i)*w.e.Width+k], most[k])
		}
	}
	return s
}

// factor is the root of the quotient of both ranges, rounded to a power of two: so it changes no bits of a
// mantissa, and is the same on machines that round otherwise.
func factor(activations, weights float32) float32 {
	quotient := float64(activations) / float64(weights)
	if !(quotient > 1e-12 && quotient < 1e12) {
		return 1
	}
	return float32(math.Exp2(math.Round(math.Log2(quotient) / 2)))
}

// scaleRows multiplies the rows of a matrix.
func scaleRows(m, factors []float32) []float32 {
	if factors == nil {
		return m
	}
	columns := len(m) / len(factors)
	for i := range m {
		m[i] *= factors[i/columns]
	}
	return m
}

// divide divides the columns of a matrix.
func divide(m, factors []float32) []float32 {
	if factors == nil {
		return m
	}
	for i := range m {
		m[i] /= factors[i%len(factors)]
	}
	return m
}

// RangesOutput is the output of the graph that WriteRanges writes: float32[1 RangesRows width].
const RangesOutput = "ranges"

// RangesRows is how many rows the output of WriteRanges has, whatever the length of the window.
func (e *Encoder) RangesRows() int { return len(e.layers) * len(smooth{}) }

// WriteRanges writes a graph that computes the largest absolute value of each column of activations in a
// window. The largest over several windows of speech are what Options.Ranges wants.
func (e *Encoder) WriteRanges(o Options) ([]byte, error) {
	o.ranges, o.Precision, o.Ranges = true, Full, nil
	return e.Write(o)
}

// outputRanges makes the output of WriteRanges.
func (w *writer) outputRanges() {
	// Four inputs are after norms; that of the values' product comes after the attention's.
	var parts []string
	for at := 0; at < len(w.inputs); at += len(smooth{}) {
		norms := w.inputs[at:]
		for _, x := range []string{norms[0], norms[1], norms[3], norms[4], norms[2]} {
			x = w.Node("Abs", "range", []string{x})
			parts = append(parts, w.Node("ReduceMax", "range", []string{x, w.Ints(0)}, graph.IntAttribute("keepdims", 1)))
		}
	}
	x := w.Node("Concat", "ranges", parts, graph.IntAttribute("axis", 0))
	x = w.reshape(x, w.Ints(1, int64(len(parts)), int64(w.e.Width)), "ranges")
	w.Output(x, graph.Value{Name: RangesOutput, Type: "float32", Dims: []int64{1, int64(len(parts)), int64(w.e.Width)}})
}
