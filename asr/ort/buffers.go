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

	// Tensors over the slices above.
	features *binding.Tensor[float32]
	lengths  *binding.Tensor[int64]
	logProbs *binding.Tensor[float32]
}

// NewBuffers allocates buffers. All dimensions must be positive. The caller closes them
// once no run uses them.
func (r *Runtime) NewBuffers(batch, bands, frames, rows, width int) (*Buffers, error) {
	return newBuffers(&Buffers{Batch: batch, Bands: bands, Frames: frames, Rows: rows, Width: width,
		Features: make([]float32, batch*bands*frames),
		Lengths:  make([]int64, batch),
		LogProbs: make([]float32, batch*rows*width)})
}

// First returns buffers for runs of fewer windows in the same memory. The caller closes them, and
// uses one of the two at a time.
func (b *Buffers) First(batch int) (*Buffers, error) {
	return newBuffers(&Buffers{Batch: batch, Bands: b.Bands, Frames: b.Frames, Rows: b.Rows, Width: b.Width,
		Features: b.Features[:batch*b.Bands*b.Frames],
		Lengths:  b.Lengths[:batch],
		LogProbs: b.LogProbs[:batch*b.Rows*b.Width]})
}

func newBuffers(b *Buffers) (*Buffers, error) {
	batch, bands, frames, rows, width := b.Batch, b.Bands, b.Frames, b.Rows, b.Width
	var err error
	if b.features, err = binding.NewTensor(shape(batch, bands, frames), b.Features); err == nil {
		if b.lengths, err = binding.NewTensor(shape(batch), b.Lengths); err == nil {
			b.logProbs, err = binding.NewTensor(shape(batch, rows, width), b.LogProbs)
		}
	}
	if err != nil {
		return nil, errors.Join(fmt.Errorf("ort: buffers of %d × %d × %d: %w", batch, bands, frames, err), b.Close())
	}
	return b, nil
}

// Close frees the tensors.
func (b *Buffers) Close() error {
	var errs []error
	for _, t := range []*binding.Tensor[float32]{b.features, b.logProbs} {
		if t != nil {
			errs = append(errs, t.Destroy())
		}
	}
	if b.lengths != nil {
		errs = append(errs, b.lengths.Destroy())
	}
	b.features, b.lengths, b.logProbs = nil, nil, nil
	return errors.Join(errs...)
}

func shape(dims ...int) binding.Shape {
	s := make(binding.Shape, len(dims))
	for i, d := range dims {
		s[i] = int64(d)
	}
	return s
}
