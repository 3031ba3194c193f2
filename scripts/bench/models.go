package main

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"os"
	"path/filepath"

	"github.com/asr-backend/asr-backend/asr"
	"github.com/asr-backend/asr-backend/asr/ort"
	"github.com/asr-backend/asr-backend/models"
	fullmodel "github.com/asr-backend/asr-backend/scripts/gpu/fullsize/model"
)

// model is one that is measured.
type model struct {
	name   string
	path   string // or name, of models.Open
	random bool   // its text means nothing
	// variants are the ways to run it, the first of which is what the others are compared with.
	variants []variant
}

const (
	fullSize      = "full size"
	embedded      = "embedded"
	tinyStandsFor = "tiny" // in place of full size, with -quick
)

// models returns those that are measured: of full size and embedded.
func (b *bench) models(ctx context.Context) ([]model, error) {
	if b.all != nil {
		return b.all, nil
	}
	full, name := filepath.Join(b.cache, "full"), fullSize
	prepare := b.makeFull
	if b.quick {
		full, name = filepath.Join(b.work, "tiny"), tinyStandsFor
		prepare = b.copyTiny
	}
	if err := prepare(ctx, full); err != nil {
		return nil, fmt.Errorf("make %s: %w", full, err)
	}
	all := []model{{name: name, path: full, random: true}, {name: embedded, path: models.DefaultName}}
	for i := range all {
		var err error
		if all[i].variants, err = b.usable(ctx, all[i]); err != nil {
			return nil, err
		}
	}
	b.all = all
	return all, nil
}

// usable returns the ways to run a model here, and makes the graphs that are kept. What is left out: OpenVINO
// where it cannot be had, and reduced precision if the model then computes something else, as one of random
// weights can.
func (b *bench) usable(ctx context.Context, m model) (usable []variant, err error) {
	for _, v := range variants() {
		r, err := b.open(ctx, m, v, 1, asr.Decoding{LM: asr.LMNone})
		if refused := (*asr.ModelError)(nil); errors.Is(err, ort.ErrOpenVINO) || !v.exact() && errors.As(err, &refused) {
			fmt.Fprintf(b.log, "%s, %s: left out: %v\n", m.name, v.name, err)
			continue
		}
		if err != nil {
			return nil, fmt.Errorf("%s, %s: %w", m.name, v.name, err)
		}
		if err := r.Close(); err != nil {
			return nil, err
		}
		usable = append(usable, v)
	}
	return usable, nil
}

// threads are the numbers of threads that a model is run with.
func (b *bench) threads(m model) []int {
	if b.quick && !m.random {
		return []int{2}
	}
	return []int{1, 2}
}

// copyTiny copies the tiny model of the tests, beside which optimized graphs are written.
func (b *bench) copyTiny(_ context.Context, to string) error {
	if _, err := os.Stat(to); err == nil {
		return nil
	}
	if err := os.Mkdir(to, 0o755); err != nil {
		return err
	}
	for _, name := range []string{"model.onnx", "tokens.txt"} {
		if err := copyFile(filepath.Join(b.root, "testdata/models/tiny-random", name), filepath.Join(to, name)); err != nil {
			return err
		}
	}
	return nil
}

// makeFull makes the model of full size, unless it is there.
func (b *bench) makeFull(ctx context.Context, to string) error {
	from := filepath.Join(b.root, "testdata/models/full")
	recipe, err := os.ReadFile(filepath.Join(from, "recipe.onnx"))
	if err != nil {
		return err
	}
	// With the share of trained models, 8 bits flip so many rows of random weights that the model is refused.
	const share = 0.92
	sum := sha256.Sum256(fmt.Appendf(nil, "%x %g", sha256.Sum256(recipe), share))
	stamp, want := filepath.Join(to, "recipe.sha256"), hex.EncodeToString(sum[:])
	if got, err := os.ReadFile(stamp); err == nil && string(got) == want {
		return nil
	}
	fmt.Fprintf(b.log, "making a model of full size in %s\n", to)
	if err := errors.Join(os.RemoveAll(to), os.MkdirAll(to, 0o755)); err != nil {
		return err
	}
	if err := copyFile(filepath.Join(from, "tokens.txt"), filepath.Join(to, "tokens.txt")); err != nil {
		return err
	}
	if _, err := fullmodel.Make(ctx, b.runtime, recipe, to, share); err != nil {
		return err
	}
	return os.WriteFile(stamp, []byte(want), 0o644)
}

func copyFile(from, to string) error {
	data, err := os.ReadFile(from)
	if err != nil {
		return err
	}
	return os.WriteFile(to, data, 0o644)
}
