package transducer

import (
	"errors"
	"fmt"
	"slices"

	"github.com/asr-backend/asr-backend/asr/ort"
)

// Files are the graphs of a transducer beside its encoder, in one of two layouts: Joint alone,
// NeMo's decoder_joint, which has both networks, or sherpa-onnx's decoder and joiner.
type Files struct {
	Joint           *ort.Source
	Decoder, Joiner *ort.Source
}

// Shape is what the graphs of a model say of themselves.
type Shape struct {
	RowWidth       int // values of a row of the encoder
	Layers, Hidden int // of the prediction network's LSTM
	Output         int // values that the prediction network gives to the joint; 0 if one graph has both
	Width          int // logits of a row
}

// names are those of the inputs and outputs that are used, in the order of use.
type names struct{ in, out []string }

// inspect returns the shape of a model and the names in its graphs. An error is a sentence for
// a person.
func inspect(r *ort.Runtime, f Files) (s Shape, decoder, joiner names, err error) {
	if f.Joint != nil {
		sig, err := r.Inspect(*f.Joint)
		if err != nil {
			return s, decoder, joiner, err
		}
		in, out := sig.Inputs, sig.Outputs
		if len(in) != 5 || len(out) != 4 {
			return s, decoder, joiner, fmt.Errorf("the decoder has %d inputs and %d outputs; want encoder_outputs, targets, target_length and two states, and outputs, lengths and two states", len(in), len(out))
		}
		if err := s.rows(in[0], out[0]); err != nil {
			return s, decoder, joiner, err
		}
		return s, named(in, out, 0, 2, 3), joiner, s.states(in[1:], out[1:])
	}
	d, err := r.Inspect(*f.Decoder)
	if err != nil {
		return s, decoder, joiner, err
	}
	j, err := r.Inspect(*f.Joiner)
	if err != nil {
		return s, decoder, joiner, err
	}
	if len(d.Inputs) != 4 || len(d.Outputs) != 4 || len(j.Inputs) != 2 || len(j.Outputs) != 1 {
		return s, decoder, joiner, fmt.Errorf("the decoder has %d inputs and %d outputs, and the joiner %d and %d; want 4 and 4, 2 and 1", len(d.Inputs), len(d.Outputs), len(j.Inputs), len(j.Outputs))
	}
	// The names of the second states are whatever the exporter made up: their places count.
	out, given := d.Outputs[0], j.Inputs[1]
	if !is(out, "float32", 3) || !is(given, "float32", 3) || out.Dims[1] < 1 || out.Dims[1] != given.Dims[1] {
		return s, decoder, joiner, fmt.Errorf("the decoder gives %v and the joiner takes %v", out, given)
	}
	s.Output = int(out.Dims[1])
	err = errors.Join(s.rows(j.Inputs[0], j.Outputs[0]), s.states(d.Inputs, d.Outputs[1:]))
	return s, named(d.Inputs, d.Outputs, 0, 2, 3), named(j.Inputs, j.Outputs, 0), err
}

// rows takes the sizes of rows and logits.
func (s *Shape) rows(in, out ort.Tensor) error {
	if !is(in, "float32", 3) || in.Dims[1] < 1 {
		return fmt.Errorf("the joint takes %v; want rows, float32 [batch, values, rows]", in)
	}
	if !is(out, "float32", 4) || out.Dims[3] < 2 {
		return fmt.Errorf("the joint gives %v; want logits, float32 [batch, rows, 1, pieces]", out)
	}
	s.RowWidth, s.Width = int(in.Dims[1]), int(out.Dims[3])
	return nil
}

// states takes the sizes of the states: in are targets, their length and two states, and out
// the length and two states.
func (s *Shape) states(in, out []ort.Tensor) error {
	if !is(in[0], "int32", 2) || !is(in[1], "int32", 1) {
		return fmt.Errorf("the decoder takes %v and %v; want targets and their length, int32", in[0], in[1])
	}
	hidden, cell := in[2], in[3]
	if !is(hidden, "float32", 3) || !is(cell, "float32", 3) || hidden.Dims[0] < 1 || hidden.Dims[2] < 1 || cell.Dims[0] != hidden.Dims[0] || cell.Dims[2] != hidden.Dims[2] {
		return fmt.Errorf("the decoder takes the states %v and %v; want those of an LSTM, float32 [layers, batch, values]", hidden, cell)
	}
	for _, o := range out[1:] {
		if !is(o, "float32", 3) || o.Dims[0] != hidden.Dims[0] || o.Dims[2] != hidden.Dims[2] {
			return fmt.Errorf("the decoder gives the state %v and takes %v", o, hidden)
		}
	}
	s.Layers, s.Hidden = int(hidden.Dims[0]), int(hidden.Dims[2])
	return nil
}

func is(t ort.Tensor, kind string, dims int) bool { return t.Type == kind && len(t.Dims) == dims }

// named returns the names of all inputs and of the outputs with some indices.
func named(in, out []ort.Tensor, indices ...int) names {
	var n names
	for _, t := range in {
		n.in = append(n.in, t.Name)
	}
	for i, t := range out {
		if slices.Contains(indices, i) {
			n.out = append(n.out, t.Name)
		}
	}
	return n
}
