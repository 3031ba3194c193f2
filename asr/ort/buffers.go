package ort

import (
	"errors"
	"fmt"

	binding "github.com/yalue/onnxruntime_go"
)

// Buffers hold the input and output of runs of one shape. They may be used again and
// again, by one run at a time.
type Buffers struct {
	Batch, Bands, Frames, Rows, Width int

	Features []float32 // batch × bands × frames, normalised log-mel
	Lengths  []int64   // batch; valid frames of each
	LogProbs []float32 // batch × rows × width, set by a run

	// Of a session that sums rows up, instead of LogProbs: batch × rows each, see Names.
	Best              []int64
	Top, Blank, Power []float32

	// Tensors over the slices above.
	features *binding.Tensor[float32]
	lengths  *binding.Tensor[int64]
	logProbs *binding.Tensor[float32]
	sums     []binding.Value

	// Head is batch × rows × the width of the session's second output, which is CTC
	// log-probabilities; nil until a run of a session that has one.
	Head []float32

	// Of a session that writes columns first: its output, made when it is first needed.
	turned  []float32
	columns *binding.Tensor[float32]
	head    *binding.Tensor[float32]
}

// NewBuffers allocates buffers. All dimensions must be positive. The caller closes them
// once no run uses them.
func (r *Runtime) NewBuffers(batch, bands, frames, rows, width int) (*Buffers, error) {
	return newBuffers(&Buffers{Batch: batch, Bands: bands, Frames: frames, Rows: rows, Width: width,
		Features: make([]float32, batch*bands*frames),
		Lengths:  make([]int64, batch),
		LogProbs: make([]float32, batch*rows*width),
		Best:     make([]int64, batch*rows), Top: make([]float32, batch*rows), Blank: make([]float32, batch*rows), Power: make([]float32, batch*rows)})
}

// First returns buffers for runs of fewer windows in the same memory. The caller closes them, and
// uses one of the two at a time.
func (b *Buffers) First(batch int) (*Buffers, error) {
	return newBuffers(&Buffers{Batch: batch, Bands: b.Bands, Frames: b.Frames, Rows: b.Rows, Width: b.Width,
		Features: b.Features[:batch*b.Bands*b.Frames],
		Lengths:  b.Lengths[:batch],
		LogProbs: b.LogProbs[:batch*b.Rows*b.Width],
		Best:     b.Best[:batch*b.Rows], Top: b.Top[:batch*b.Rows], Blank: b.Blank[:batch*b.Rows], Power: b.Power[:batch*b.Rows]})
}

func newBuffers(b *Buffers) (*Buffers, error) {
	batch, bands, frames, rows, width := b.Batch, b.Bands, b.Frames, b.Rows, b.Width
	var err error
	if b.features, err = binding.NewTensor(shape(batch, bands, frames), b.Features); err == nil {
		if b.lengths, err = binding.NewTensor(shape(batch), b.Lengths); err == nil {
			if b.logProbs, err = binding.NewTensor(shape(batch, rows, width), b.LogProbs); err == nil {
				err = b.newSums(shape(batch, rows))
			}
		}
	}
	if err != nil {
		return nil, errors.Join(fmt.Errorf("ort: buffers of %d × %d × %d: %w", batch, bands, frames, err), b.Close())
	}
	return b, nil
}

func (b *Buffers) newSums(shape binding.Shape) error {
	best, err := binding.NewTensor(shape, b.Best)
	if err != nil {
		return err
	}
	b.sums = append(b.sums, best)
	for _, values := range [][]float32{b.Top, b.Blank, b.Power} {
		t, err := binding.NewTensor(shape, values)
		if err != nil {
			return err
		}
		b.sums = append(b.sums, t)
	}
	return nil
}

// needColumns makes the output of a session that writes columns first.
func (b *Buffers) needColumns() (err error) {
	if b.columns != nil {
		return nil
	}
	b.turned = make([]float32, len(b.LogProbs))
	if b.columns, err = binding.NewTensor(shape(b.Batch, b.Width, b.Rows), b.turned); err != nil {
		return fmt.Errorf("ort: buffers of %d × %d rows: %w", b.Batch, b.Rows, err)
	}
	return nil
}

// needHead makes the second output of a session, of width values a row.
func (b *Buffers) needHead(width int) (err error) {
	if b.head != nil {
		return nil
	}
	b.Head = make([]float32, b.Batch*b.Rows*width)
	if b.head, err = binding.NewTensor(shape(b.Batch, b.Rows, width), b.Head); err != nil {
		return fmt.Errorf("ort: buffers of %d × %d rows: %w", b.Batch, b.Rows, err)
	}
	return nil
}

// turn copies columns to rows.
func (b *Buffers) turn() {
	each := b.Rows * b.Width
	for at := 0; at < b.Batch*each; at += each {
		from, to := b.turned[at:at+each], b.LogProbs[at:at+each]
		for c := range b.Width {
			for r, v := range from[c*b.Rows : (c+1)*b.Rows] {
				to[r*b.Width+c] = v
			}
		}
	}
}

// Close frees the tensors.
func (b *Buffers) Close() error {
	var errs []error
	for _, t := range []*binding.Tensor[float32]{b.features, b.logProbs, b.columns, b.head} {
		if t != nil {
			errs = append(errs, t.Destroy())
		}
	}
	if b.lengths != nil {
		errs = append(errs, b.lengths.Destroy())
	}
	for _, t := range b.sums {
		errs = append(errs, t.Destroy())
	}
	b.features, b.lengths, b.logProbs, b.sums, b.columns, b.head = nil, nil, nil, nil, nil, nil
	return errors.Join(errs...)
}

func shape(dims ...int) binding.Shape {
	s := make(binding.Shape, len(dims))
	for i, d := range dims {
		s[i] = int64(d)
	}
	return s
}
