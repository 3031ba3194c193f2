package asr

import (
	"context"
	"errors"
	"fmt"
	"math"
	"math/rand/v2"
	"slices"
	"strconv"
	"time"

	"github.com/asr-backend/asr-backend/asr/ctc"
	"github.com/asr-backend/asr-backend/asr/ort"
	"github.com/asr-backend/asr-backend/timeline"
)

// MaxRows is the longest run that exported FastConformer models do: their position
// table has 5,000 rows to each side. One row more runs without an error and is wrong.
const MaxRows timeline.Row = 5000

// Contract is what a checked model promises.
type Contract struct {
	Names   ort.Names
	Bands   int
	Width   int // columns of the output, blank included; of an encoder, the values of a row
	MaxRows timeline.Row
	// RawFeatures is true for models that take log-mel values as they are; all others
	// take them normalised per band over the window.
	RawFeatures bool
	// Unnormalised outputs are logits: log-softmax is ours to do.
	Unnormalised bool
	// Padding is false for exports whose padded frames leak into valid rows (NeMo before
	// 2.5): runs of such a model hold inputs of one length only.
	Padding bool
	// Encoder is true for the encoder of a transducer: its rows are no distributions. If it has
	// a CTC head too, Names says which output that is.
	Encoder bool
	// Precision is that of the graph.
	Precision Precision
}

// signature checks what the graph says of itself. Second says that it is the encoder of a hybrid, of
// which only the CTC head is used, its second output.
func (c *Contract) signature(s *ort.Signature, card *Card, vocabulary *ctc.Vocabulary, second bool) error {
	if len(s.Inputs) != 2 {
		return fmt.Errorf("the graph has %d inputs %v, want 2 (features and lengths): streaming models, and models that take audio, cannot be used", len(s.Inputs), s.Inputs)
	}
	for _, in := range s.Inputs {
		switch {
		case in.Type == "float32" && len(in.Dims) == 3:
			c.Names.Features = in.Name
			c.Bands = int(in.Dims[1])
		case in.Type == "int64" && len(in.Dims) == 1:
			c.Names.Lengths = in.Name
		default:
			return fmt.Errorf("input %v is neither features float32[batch mels frames] nor lengths int64[batch]", in)
		}
	}
	if c.Names.Features == "" || c.Names.Lengths == "" {
		return fmt.Errorf("inputs %v: want one of features and one of lengths", s.Inputs)
	}
	if c.Bands < 0 {
		c.Bands = card.Bands
	}
	if c.Bands != 80 && c.Bands != 128 {
		return fmt.Errorf("the model takes %d mel bands; only 80 and 128 are known", c.Bands)
	}
	if c.Encoder {
		return c.encoder(s, vocabulary)
	}
	c.Width = vocabulary.Width()
	if second {
		if c.Names.LogProbs = headOf(s, c.Width); c.Names.LogProbs == "" {
			return errors.New("it is a transducer and has no CTC head; use another decoder than ctc")
		}
		return nil
	}
	if len(s.Outputs) == 0 || s.Outputs[0].Type != "float32" || len(s.Outputs[0].Dims) != 3 {
		return fmt.Errorf("outputs %v: want log-probabilities float32[batch rows pieces] first", s.Outputs)
	}
	out := s.Outputs[0]
	c.Names.LogProbs = out.Name
	w := out.Dims[2]
	if int(w) == c.Width {
		return nil
	}
	if head := headOf(s, c.Width); head != "" { // the graph writes the rows of its encoder first
		c.Names.LogProbs = head
		return nil
	}
	if w >= 0 {
		return fmt.Errorf("the model writes %d columns but the vocabulary has %d pieces and blank: they do not belong together", w, c.Width-1)
	}
	return nil
}

// encoder checks the output of a transducer's encoder.
func (c *Contract) encoder(s *ort.Signature, vocabulary *ctc.Vocabulary) error {
	if len(s.Outputs) == 0 || s.Outputs[0].Type != "float32" || len(s.Outputs[0].Dims) != 3 || s.Outputs[0].Dims[1] < 1 {
		return fmt.Errorf("outputs %v: want rows float32[batch values rows] first, of an encoder", s.Outputs)
	}
	c.Names.LogProbs, c.Names.ColumnsFirst = s.Outputs[0].Name, true
	c.Width = int(s.Outputs[0].Dims[1])
	c.Names.Head, c.Names.HeadWidth = headOf(s, vocabulary.Width()), vocabulary.Width()
	return nil
}

// headOf returns the name of the CTC head's output in a graph that writes an encoder's rows first,
// or nothing.
func headOf(s *ort.Signature, width int) string {
	for _, out := range s.Outputs[min(len(s.Outputs), 1):] {
		if out.Type == "float32" && len(out.Dims) == 3 && int(out.Dims[2]) == width {
			return out.Name
		}
	}
	return ""
}

// metadata checks what sherpa-onnx writes into its exports.
func (c *Contract) metadata(m map[string]string) error {
	switch n, ok := m["normalize_type"]; {
	case !ok, n == "per_feature":
	case n == "NA":
		c.RawFeatures = true
	default:
		return fmt.Errorf("the model wants features normalised by %q; only per_feature and NA (not at all) can be made", n)
	}
	if f, ok := m["subsampling_factor"]; ok && f != "8" {
		return fmt.Errorf("the model subsamples by %s; only 8 (FastConformer) can be used", f)
	}
	if r, err := strconv.ParseInt(m["max_rows"], 10, 64); err == nil && r > 0 {
		c.MaxRows = timeline.Row(r)
	}
	return nil
}

// normalisedWithin is how far the log-sum-exp of a row of log-probabilities is from zero.
func (p Precision) normalisedWithin() float64 {
	if p == FP16 {
		return 0.02 // each value near 7 has a rounding error of up to 0.002
	}
	return 1e-3
}

// probe runs the model on noise of several lengths and checks row counts and that rows are
// distributions. It returns how many seconds of audio the session computes in a second, by the last and
// longest run, after the first ones have warmed it up.
func (c *Contract) probe(ctx context.Context, r *ort.Runtime, s *ort.Session) (speed float64, err error) {
	for _, frames := range []timeline.Frame{1, 8, 9, 64, 257} {
		start := time.Now()
		rows, err := c.run(ctx, r, s, int(frames), int(frames))
		if err != nil {
			return 0, fmt.Errorf("a run of %d frames failed, as with a model that does not subsample by 8: %w", frames, err)
		}
		took := max(time.Since(start), time.Microsecond)
		speed = frames.Sample().Duration().Seconds() / took.Seconds()
		if err := c.check(rows); err != nil {
			return 0, fmt.Errorf("%w (probe of %d frames)", err, frames)
		}
	}
	return speed, nil
}

// probePadding finds out whether padding changes valid rows.
func (c *Contract) probePadding(ctx context.Context, r *ort.Runtime, s *ort.Session) error {
	const frames, padded = 203, 280
	alone, err := c.run(ctx, r, s, frames, frames)
	if err != nil {
		return err
	}
	with, err := c.run(ctx, r, s, frames, padded)
	if err != nil {
		return err
	}
	if c.Encoder {
		c.Padding = distance(alone.values, with.values) < encoderBound
		return nil
	}
	bound := c.Precision.paddingBound()
	a := agreement{logits: c.Unnormalised}
	a.compare(alone.values, with.values, c.Width, bound)
	c.Padding = a.check(bound) == nil
	return nil
}

// probed is what a model writes of some rows.
type probed struct {
	values []float32 // of the rows
	head   []float32 // log-probabilities of the CTC head of a hybrid
}

// run returns the rows of the first frames of a tensor of padded frames, which hold noise.
func (c *Contract) run(ctx context.Context, r *ort.Runtime, s *ort.Session, frames, padded int) (*probed, error) {
	noise := rand.New(rand.NewPCG(1, 2))
	values := make([]float32, c.Bands*padded)
	for t := range frames {
		for m := range c.Bands {
			values[m*padded+t] = float32(noise.NormFloat64())
		}
	}
	return c.rows(ctx, r, s, values, frames)
}

// rows returns the rows of the first frames of a window of features.
func (c *Contract) rows(ctx context.Context, r *ort.Runtime, s *ort.Session, features []float32, frames int) (_ *probed, err error) {
	want := func(n int) int { return int(timeline.RowsIn(timeline.Frame(n))) }
	padded := len(features) / c.Bands
	b, err := r.NewBuffers(1, c.Bands, padded, want(padded), c.Width)
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, b.Close()) }()
	b.Lengths[0] = int64(frames)
	copy(b.Features, features)
	if err := s.Run(ctx, b); err != nil {
		return nil, err
	}
	out := &probed{values: b.LogProbs[:want(frames)*c.Width]}
	if b.Head != nil {
		out.head = b.Head[:want(frames)*c.Names.HeadWidth]
	}
	return out, nil
}

// encoderBound is how far values of an encoder's rows, which are about one, may differ for padding
// to be harmless.
const encoderBound = 0.01

// distance is the largest difference between values.
func distance(a, b []float32) float64 {
	most := 0.0
	for i := range a {
		most = max(most, math.Abs(float64(a[i]-b[i])))
	}
	return most
}

// check checks that rows are numbers and, of a CTC head, log-probabilities.
func (c *Contract) check(rows *probed) error {
	if !c.Encoder {
		return c.distributions(rows.values, c.Width)
	}
	if !numbers(rows.values) {
		return errNotNumbers
	}
	return c.distributions(rows.head, c.Names.HeadWidth)
}

// numbers reports whether all values are finite.
func numbers(values []float32) bool {
	return !slices.ContainsFunc(values, func(v float32) bool { f := float64(v); return math.IsNaN(f) || math.IsInf(f, 0) })
}

var errNotNumbers = errors.New("the model writes values that are not numbers")

// distributions checks rows of log-probabilities.
func (c *Contract) distributions(rows []float32, width int) error {
	for at := 0; at < len(rows); at += width {
		sum := logSumExp(rows[at : at+width])
		if math.IsNaN(sum) || math.IsInf(sum, 0) {
			return errNotNumbers
		}
		if math.Abs(sum) > c.Precision.normalisedWithin() {
			c.Unnormalised = true
		}
	}
	return nil
}

// normalize makes log-probabilities of logits.
func normalize(row []float32) {
	shift := float32(logSumExp(row))
	for j := range row {
		row[j] -= shift
	}
}

func logSumExp(row []float32) float64 {
	top := math.Inf(-1)
	for _, v := range row {
		top = max(top, float64(v))
	}
	var sum float64
	for _, v := range row {
		sum += math.Exp(float64(v) - top)
	}
	return top + math.Log(sum)
}
