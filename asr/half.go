package asr

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"

	"github.com/asr-backend/asr-backend/asr/graph"
	"github.com/asr-backend/asr-backend/asr/ort"
)

// HalfName is the file of a model's graph in FP16, in the folder of the model.
const HalfName = "model.fp16.onnx"

// mostInOneFile is from how many bytes of fp32 weights on those in fp16 get a file of their own: a file
// of ONNX has at most 2 GB.
const mostInOneFile = 3_800_000_000

// WriteHalf writes the graph of a model in FP16 to a folder, as HalfName. Weights of over 2 GB go into a
// file beside it, HalfName.data.
func (r *Recognizer) WriteHalf(folder string) (failed error) {
	if p := r.contract.Precision; p != FP32 {
		return &ModelError{r.bundle.Card.Name, fmt.Errorf("its graph is %s already; only fp32 can be made fp16", p)}
	}
	data, err := fs.ReadFile(r.bundle.files, r.bundle.Graph)
	if err != nil {
		return fmt.Errorf("read graph: %w", err)
	}
	m, err := graph.Parse(data)
	if err != nil {
		return &ModelError{r.bundle.Card.Name, err}
	}
	size, err := r.bundle.size()
	if err != nil {
		return err
	}
	w := graph.Weights{Files: r.bundle.files}
	if size > mostInOneFile {
		w.BesideName = HalfName + ".data"
		f, err := os.Create(filepath.Join(folder, w.BesideName))
		if err != nil {
			return err
		}
		defer func() { failed = errors.Join(failed, f.Sync(), f.Close()) }()
		w.Beside = f
	}
	if err := m.Half(r.contract.Names.Features, r.contract.Names.Lengths, w); err != nil {
		return &ModelError{r.bundle.Card.Name, err}
	}
	return os.WriteFile(filepath.Join(folder, HalfName), m.Bytes(), 0o666)
}

// Difference is how far the rows of two recognizers are apart.
type Difference struct {
	// Rows were compared, and Best have the same best piece or were a close call.
	Rows, Best int
	// LogProb is the largest distance of log-probabilities that count: those above 0.001.
	LogProb float64
}

// CompareHalf compares the rows of a sample of speech with those of the same model in FP16. Both run on
// the CPU. It returns an error with the difference if they are too far apart: another best piece in more
// than one row of a hundred, or a log-probability that differs by more than 1.
func (r *Recognizer) CompareHalf(ctx context.Context, rt *ort.Runtime, half *Recognizer) (d Difference, err error) {
	all, err := r.compareRows(ctx, rt, half)
	if err != nil {
		return d, err
	}
	d = Difference{Rows: all.rows, Best: all.best, LogProb: all.difference}
	if err := all.check(FP16.bound()); err != nil {
		return d, &ModelError{r.bundle.Card.Name, fmt.Errorf("in fp16 it computes something else: %w", err)}
	}
	return d, nil
}

// CompareQuantized compares the rows of a sample of speech with those of the same model whose weights have
// 8 bits. Both run on the CPU. The difference is of the rows that are sure of their best piece. It returns an error if too many
// of them have another one, as with models that were quantized without care.
func (r *Recognizer) CompareQuantized(ctx context.Context, rt *ort.Runtime, quantized *Recognizer) (d Difference, err error) {
	all, err := r.compareRows(ctx, rt, quantized)
	if err != nil {
		return d, err
	}
	return Difference{Rows: all.sure, Best: all.sureBest, LogProb: all.difference}, checkReduced(all, relative{}, "with weights of 8 bits")
}

// compareRows compares the rows of a sample of speech with those of the same model in another precision.
func (r *Recognizer) compareRows(ctx context.Context, rt *ort.Runtime, other *Recognizer) (*agreement, error) {
	_, want, err := r.speechRows(ctx, rt, r.sessions[0])
	if err != nil {
		return nil, err
	}
	_, got, err := other.speechRows(ctx, rt, other.sessions[0])
	if err != nil {
		return nil, err
	}
	all := &agreement{logits: r.contract.Unnormalised}
	for i := range min(len(want), len(got)) { // one may have a window more, with padding
		if len(got[i]) != len(want[i]) {
			return nil, errors.New("the other graph has rows of another number or width")
		}
		all.compare(want[i], got[i], r.contract.Width, FP16.bound())
	}
	return all, nil
}
