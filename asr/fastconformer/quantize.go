package fastconformer

import (
	"math"
	"slices"
	"strings"

	"github.com/asr-backend/asr-backend/asr/graph"
)

// Precision says which products have weights of 8 bits. Products of attention, convolutions, the end of the
// subsampling and the head always have 32, since they cost little and lose most.
type Precision int

// The precisions.
const (
	Full    Precision = iota // none
	Int8                     // all products of layers
	Careful                  // all but the second of feed-forwards and the second pointwise convolution, whose inputs have the widest range
)

// quantizer is the state of writing products of 8 bits:
//
//	y = s_x s_w[j] Σ_k (x_k - z) w_kj + b_j
//
// Weights w are integers with sign, with a scale s_w of each column. Activations x are integers without
// sign, with one scale s_x and zero z of all rows, which each run finds anew. Processors multiply bytes
// without sign with bytes with sign; the other way round takes more than twice as long. Processors
// before VNNI add two such products in 16 bits, which 8 bits overflow and 7 do not.
//
// The scale of activations follows from the whole tensor, so that a window computes the same values in
// every batch only if it is alone in it.
type quantizer struct {
	bits    int
	careful bool
	made    map[string][3]string // activations that are quantised: integers, scale and zero
}

// takes reports whether a product has weights of 8 bits.
func (q *quantizer) takes(name string) bool {
	if q == nil || !strings.HasPrefix(name, "layer") {
		return false
	}
	return !q.careful || !slices.ContainsFunc([]string{".linear2", ".pointwise2"}, func(end string) bool { return strings.HasSuffix(name, end) })
}

// quantized writes a product of 8 bits.
func (w *writer) quantized(x string, weights, bias []float32, name string) string {
	in, ok := w.quantizer.made[x]
	if !ok {
		in = [3]string(w.Nodes("", "DynamicQuantizeLinear", name+".input", []string{x}, 3))
		w.quantizer.made[x] = in
	}
	out := len(bias)
	integers, scales := quantize(weights, out, w.quantizer.bits)
	return w.Nodes(graph.Microsoft, "MatMulIntegerToFloat", name, []string{
		in[0], w.Bytes8(name+".weight", integers, true, len(weights)/out, out),
		in[1], w.Floats(name+".scale", scales, out),
		in[2], w.Bytes8(name+".zero", make([]byte, out), true, out), w.Floats(name+".bias", bias, out)}, 1)[0]
}

// quantize makes integers with sign of weights [in out], and returns the scale of each column.
func quantize(weights []float32, out, bits int) (integers []byte, scales []float32) {
	most := float32(int(1)<<(bits-1) - 1)
	scales = make([]float32, out)
	for i, v := range weights {
		scales[i%out] = max(scales[i%out], float32(math.Abs(float64(v))))
	}
	for j := range scales {
		if scales[j] /= most; scales[j] == 0 {
			scales[j] = 1
		}
	}
	integers = make([]byte, len(weights))
	for i, v := range weights {
		integers[i] = byte(int8(math.RoundToEven(float64(v / scales[i%out]))))
	}
	return integers, scales
}
