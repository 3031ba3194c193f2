package asr

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"

	"github.com/asr-backend/asr-backend/asr/fastconformer"
	"github.com/asr-backend/asr-backend/asr/ort"
)

// ranges returns the ranges of activations on a sample of speech, which weights of 8 bits are smoothed by;
// nil for other weights. It needs an empty folder for a model on the disk.
func (r *Recognizer) ranges(ctx context.Context, rt *ort.Runtime, stamp *optimized, folder string) (most []float32, err error) {
	if stamp.Weights.quantized() == fastconformer.Full {
		return nil, nil
	}
	e, err := r.encoder()
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, e.close()) }()
	if err := r.takesFeatures(e.metadata); err != nil {
		return nil, err
	}
	source, remove, err := r.rangesGraph(e, stamp, folder)
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, remove()) }()
	s, err := rt.NewSession(source, ort.Names{Features: r.contract.Names.Features, Lengths: r.contract.Names.Lengths, LogProbs: fastconformer.RangesOutput}, ort.SessionOptions{})
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, s.Close()) }()
	windows, err := r.speech(ctx)
	if err != nil {
		return nil, err
	}
	b, err := rt.NewBuffers(1, r.contract.Bands, int(r.window.frames()), e.RangesRows(), e.Width)
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, b.Close()) }()
	for _, win := range windows[:2] { // the full ones
		win.copyTo(b.Features, b.Bands, b.Frames)
		b.Lengths[0] = int64(win.frames)
		if err := s.Run(ctx, b); err != nil {
			return nil, err
		}
		if most == nil {
			most = make([]float32, len(b.LogProbs))
		}
		for i, v := range b.LogProbs {
			most[i] = max(most[i], v)
		}
	}
	return most, nil
}

// rangesGraph writes the graph that computes ranges: into memory for a model inside the program, else into a
// folder, from which remove deletes it.
func (r *Recognizer) rangesGraph(e *exported, stamp *optimized, folder string) (source ort.Source, remove func() error, err error) {
	o := fastconformer.Options{Rows: stamp.Rows}
	if folder == "" {
		source.Data, err = e.WriteRanges(o)
		return source, func() error { return nil }, err
	}
	const name = "ranges.onnx"
	source.Path = filepath.Join(folder, name)
	weights, err := os.Create(source.Path + ".data")
	if err != nil {
		return source, nil, fmt.Errorf("%w: %w", errNotWritable, err)
	}
	o.Beside, o.BesideName = weights, name+".data"
	data, err := e.WriteRanges(o)
	if err = errors.Join(err, weights.Close()); err == nil {
		err = os.WriteFile(source.Path, data, 0o666)
	}
	return source, func() error { return errors.Join(os.Remove(source.Path), os.Remove(source.Path+".data")) }, err
}
