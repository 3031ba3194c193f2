// Package fastconformer reads the weights of a FastConformer encoder out of an ONNX export, and writes a
// graph of the same inputs and outputs that computes the same with less work.
//
// # The encoder
//
// A FastConformer (Rekesh et al. 2023, arXiv:2305.05084) takes log-mel features [batch bands frames].
// Three convolutions of stride 2, of which two are separable, leave a row of every eight frames. L layers
// follow, each of which adds to its input
//
//	½ feed-forward            linear, swish, linear
//	attention                 multi-head, with relative positions (Dai et al. 2019, Transformer-XL)
//	convolution               pointwise, gate, depthwise, batch norm, swish, pointwise
//	½ feed-forward
//
// each over a layer norm, and ends with a layer norm. A CTC head is one more product and a log-softmax. The
// scores of attention of query i for key j are
//
//	((q_i + u)·k_j + (q_i + v)·p_{i-j}) / √d
//
// with p the projected encodings of distances, and u and v learned.
//
// # How it is read
//
// By what computes what, and not by names, which differ between exporters: Read follows a graph from its
// outputs back to its features and finds this structure, with the nodes in between that only move values
// (transposes, reshapes) or hide padding (masks). Whatever else it meets is an error that names the node,
// and the model runs as it was exported.
//
// # What is written
//
// A window holds one recording and no padding, and all windows of a batch are equally long. So all masks
// are true and are left out. What else is done once, in weights, and not in every run:
//
//   - the ½ of the feed-forwards, the factor √width after the subsampling that some models have, and the
//     1/√d of attention are in weights and biases;
//   - the projections of position encodings are constants, which ONNX Runtime computes when it loads the
//     graph;
//   - the relative shift is two slices. Scores [T, 2T] of queries and distances, read as one line,
//     have those of query 0 and key 0 at T-1, and those of the next query 2T-1 further on;
//   - pointwise convolutions are products of rows, batch norm is in the depthwise convolution, and the two
//     halves of the gate are products of their own, so that the sigmoid is computed in one of them;
//   - attention and swish are the operators MultiHeadAttention and QuickGelu of ONNX Runtime.
//
// doc/performance.md has what this gains. The length of windows is free up to a limit, which the position
// encodings set.
package fastconformer

import "github.com/asr-backend/asr-backend/asr/graph"

// Encoder is a FastConformer as it was found in a graph. Its weights stay there until Write reads them.
type Encoder struct {
	Features, Lengths graph.Value // the inputs
	Outputs           []Output

	Bands, Channels, Width, Heads int // mel bands, of the subsampling, of a row, of attention
	Layers                        int

	subsampling subsampling
	layers      []layer // from the last to the first
}

// Output is one of the graph that follows from the rows of the last layer.
type Output struct {
	graph.Value
	head       *linear // nil: the rows themselves
	logSoftmax bool
	columns    bool // [batch columns rows]
}

// subsampling is what makes rows of frames.
type subsampling struct {
	convs [5]convolution // 3×3, and twice 3×3 in depth and 1×1
	out   linear
	scale float32 // of rows
}

// convolution holds the weights of a convolution, or of a linear layer as one.
type convolution struct{ weights, bias *graph.Array }

// linear is y = xW + b.
type linear struct {
	weights *graph.Array // [in out], or [out in] if turned, with axes of one besides
	turned  bool
	bias    *graph.Array // may be nil
	in, out int
}

// norm is a layer norm.
type norm struct {
	weights, bias *graph.Array
	epsilon       float32
}

// layer is one of the encoder, in the order of its computation.
type layer struct {
	norms         [5]norm // of the four parts, and of the end
	first, second feedForward
	attention     attention
	pointwise     [2]linear
	depthwise     convolution
	batchNorm     *batchNorm // nil if it is in the depthwise convolution
	gateFirst     bool       // the gate is the first half of what pointwise[0] makes
}

type feedForward struct {
	linear [2]linear
	scale  float32
}

type attention struct {
	q, k, v, positions, out linear
	u, w                    *graph.Array // the biases for content and for positions
	scale                   float32
}

type batchNorm struct {
	weights, bias, mean, variance *graph.Array
	epsilon                       float32
}
