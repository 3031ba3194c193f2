package models

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"maps"
	"os"
	"path/filepath"

	"github.com/asr-backend/asr-backend/asr"
	"github.com/asr-backend/asr-backend/asr/ort"
	"github.com/asr-backend/asr-backend/models/internal/fetch"
)

// Optimized is a graph that was made for GPUs, or for the CPU of this machine.
type Optimized struct {
	Path  string `json:"path"`
	Bytes int64  `json:"bytes"` // with weights beside it
	// Rows of speech were compared with those of the full model, and Best have the same best piece. They
	// are left out for a CPU, where all have it.
	Rows int `json:"rows,omitempty"`
	Best int `json:"best,omitempty"`
	// Difference is the largest distance of log-probabilities.
	Difference float64 `json:"difference"`
}

// OptimizeCPU makes the graph that a CPU runs in place of a model's export, unless it is there. Loading a
// model does the same. The weights are asr.FP32, asr.INT8 or asr.INT8Careful; cache is for models whose own folder cannot be
// written, and the one inside the program. An error says why the model can only run as it was exported.
func (s *Store) OptimizeCPU(ctx context.Context, rt *ort.Runtime, model string, weights asr.Precision, cache string) (_ *Optimized, err error) {
	bundle, err := s.Open(model, "")
	if err != nil {
		return nil, err
	}
	r, err := asr.New(ctx, rt, bundle, asr.Options{Provider: ort.CPU, Weights: weights, Cache: cache, Decoding: asr.Decoding{LM: asr.LMNone}})
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, r.Close()) }()
	d := r.Device()
	if d.AsExported != "" {
		return nil, &asr.ModelError{Model: model, Err: fmt.Errorf("it runs as it was exported: %s", d.AsExported)}
	}
	made := &Optimized{Path: d.Graph, Difference: d.Difference}
	for _, name := range []string{d.Graph, d.Graph + ".data"} {
		if info, err := os.Stat(name); err == nil {
			made.Bytes += info.Size()
		}
	}
	return made, nil
}

// Optimize makes a model's graph in fp16, for GPUs, and puts it into the model's folder. Both graphs run
// on the CPU before, and one whose rows differ too much is not kept; see asr.Recognizer.CompareHalf.
func (s *Store) Optimize(ctx context.Context, rt *ort.Runtime, model string) (_ *Optimized, err error) {
	full, err := s.Open(model, "")
	if err != nil {
		return nil, err
	}
	if full.Dir == "" {
		return nil, &asr.ModelError{Model: model, Err: errors.New("it is inside the program, and small enough for any GPU as it is")}
	}
	path := filepath.Join(full.Dir, asr.HalfName)
	if _, err := os.Stat(path); !errors.Is(err, fs.ErrNotExist) {
		if err == nil {
			err = errors.New(path + " exists; delete it to make it again")
		}
		return nil, &asr.ModelError{Model: model, Err: err}
	}
	work := filepath.Join(full.Dir, ".optimize")
	release, err := lock(ctx, work+".lock", func() {})
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, os.Remove(work+".lock"), release()) }()
	if err := errors.Join(os.RemoveAll(work), os.Mkdir(work, 0o777)); err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, os.RemoveAll(work)) }()
	d, err := makeHalf(ctx, rt, full, work)
	if err != nil {
		return nil, err
	}
	made := &Optimized{Path: path, Rows: d.Rows, Best: d.Best, Difference: d.LogProb}
	digests := map[string]string{}
	for _, name := range []string{asr.HalfName + ".data", asr.HalfName} {
		from := filepath.Join(work, name)
		digest, size, err := fetch.Digest(ctx, from)
		if errors.Is(err, fs.ErrNotExist) {
			continue
		}
		if err != nil {
			return nil, err
		}
		digests[name] = digest
		made.Bytes += size
		if err := os.Rename(from, filepath.Join(full.Dir, name)); err != nil {
			return nil, err
		}
	}
	return made, noteDigests(full.Dir, digests)
}

// makeHalf writes the graph to a folder and compares it with the full one.
func makeHalf(ctx context.Context, rt *ort.Runtime, bundle *asr.Bundle, folder string) (d asr.Difference, err error) {
	full, err := asr.New(ctx, rt, bundle, asr.Options{Provider: ort.CPU, AsExported: true})
	if err != nil {
		return d, err
	}
	defer func() { err = errors.Join(err, full.Close()) }()
	if err := full.WriteHalf(folder); err != nil {
		return d, err
	}
	for _, name := range []string{"tokens.txt", "vocab.txt", "config.json", cardName} {
		if err := os.Symlink(filepath.Join(bundle.Dir, name), filepath.Join(folder, name)); err != nil {
			return d, err
		}
	}
	halved, err := asr.OpenBundle(folder, "fp16")
	if err != nil {
		return d, err
	}
	half, err := asr.New(ctx, rt, halved, asr.Options{Provider: ort.CPU, AsExported: true})
	if err != nil {
		return d, err
	}
	defer func() { err = errors.Join(err, half.Close()) }()
	return full.CompareHalf(ctx, rt, half)
}

// noteDigests adds digests to a model's card, if it has one. Everything else in it stays.
func noteDigests(folder string, digests map[string]string) error {
	raw, err := os.ReadFile(filepath.Join(folder, cardName))
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	if err != nil {
		return err
	}
	all := map[string]json.RawMessage{}
	known := map[string]string{}
	if err := json.Unmarshal(raw, &all); err != nil {
		return fmt.Errorf("%s: %w", cardName, err)
	}
	if old, ok := all["sha256"]; ok {
		if err := json.Unmarshal(old, &known); err != nil {
			return fmt.Errorf("%s: sha256: %w", cardName, err)
		}
	}
	maps.Copy(known, digests)
	if all["sha256"], err = json.Marshal(known); err != nil {
		return err
	}
	return writeCard(folder, all)
}
