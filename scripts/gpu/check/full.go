package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path/filepath"

	"github.com/asr-backend/asr-backend/scripts/gpu/fullsize"
)

// Files of a recipe's folder.
const (
	recipe = "recipe.onnx"
)

// fullModel is the model that is measured.
func (c *checker) fullModel() string {
	switch {
	case c.full == "":
		return c.model
	case exists(filepath.Join(c.full, recipe)):
		return filepath.Join(c.work, "full")
	}
	return c.full
}

// makeFull fills the recipe of a full-size model with weights.
func (c *checker) makeFull(ctx context.Context) (string, error) {
	switch {
	case c.full == "":
		return "", skip("no -full is given: " + c.model + " is measured")
	case !exists(filepath.Join(c.full, recipe)):
		return c.full, nil
	}
	to := c.fullModel()
	if exists(filepath.Join(to, "tokens.txt")) {
		return to + " is there", nil
	}
	if err := os.MkdirAll(to, 0o755); err != nil {
		return "", err
	}
	raw, err := os.ReadFile(filepath.Join(c.full, recipe))
	if err = errors.Join(err, ctx.Err()); err != nil {
		return "", err
	}
	model, err := fullsize.Fill(raw)
	if err == nil {
		err = os.WriteFile(filepath.Join(to, "model.onnx"), model, 0o644)
	}
	if err != nil {
		return "", err
	}
	size := len(model)
	half, err := fullsize.Half(model)
	if err == nil {
		err = os.WriteFile(filepath.Join(to, "model.fp16.onnx"), half, 0o644)
	}
	if err != nil {
		return "", err
	}
	// Last: it says that all is there.
	raw, err = os.ReadFile(filepath.Join(c.full, "tokens.txt"))
	if err == nil {
		err = os.WriteFile(filepath.Join(to, "tokens.txt"), raw, 0o644)
	}
	return fmt.Sprintf("%d MB of random weights", size>>20), err
}

// ready makes the model that is measured, if it is a recipe, and skips the step if it is not in
// the precision.
func (c *checker) ready(ctx context.Context, precision string) error {
	model := c.fullModel()
	if c.full != "" && exists(filepath.Join(c.full, recipe)) {
		if _, err := c.makeFull(ctx); err != nil {
			return err
		}
	}
	if precision == "fp16" && (model == "default" || exists(model)) && !exists(filepath.Join(model, "model.fp16.onnx")) {
		return skip("the model has no fp16 variant")
	}
	return nil
}

// accept loads the model in a precision, which compares GPU and CPU.
func (c *checker) accept(ctx context.Context, precision string) (string, error) {
	if err := c.ready(ctx, precision); err != nil {
		return "", err
	}
	return c.examine(ctx, c.fullModel(), precision)
}

// benched is a measurement by the program's bench command. Speeds are seconds of audio in a second.
type benched struct {
	Precision  string  `json:"precision"`
	Batch      int     `json:"batch"`
	Run        float64 `json:"run"`   // the model alone
	Whole      float64 `json:"whole"` // one recording from file to transcript
	Read       float64 `json:"read"`  // decoding, on one core
	Features   float64 `json:"features"`
	Difference float64 `json:"difference"`
	PeakBytes  int64   `json:"peak_resident_bytes"`
}

// bench measures the model alone and one recording.
func (c *checker) bench(ctx context.Context, b benched) (string, error) {
	if err := c.ready(ctx, b.Precision); err != nil {
		return "", err
	}
	path, err := c.recording.hour(ctx)
	if err != nil {
		return "", err
	}
	rounds := 3
	if c.quick {
		if b.Batch != 16 {
			return "", skip("not in a quick check")
		}
		b.Batch, rounds = 2, 1
	}
	e, err := c.commands.asr(ctx, append([]string{"bench", "--json", "--rounds", fmt.Sprint(rounds), path}, c.modelFlags(c.fullModel(), b.Precision, b.Batch)...)...)
	if err == nil {
		err = e.problem()
	}
	if err != nil {
		return "", err
	}
	var report struct {
		Device struct {
			Batch      int
			Difference float64
			AsExported string
		}
		Run       float64 `json:"bare_rtfx"`
		Whole     float64 `json:"whole_rtfx"`
		Read      float64 `json:"read_rtfx"`
		Features  float64 `json:"features_rtfx"`
		PeakBytes int64   `json:"peak_resident_bytes"`
	}
	if err := json.Unmarshal([]byte(e.out), &report); err != nil {
		return "", err
	}
	b.Batch, b.Run, b.Whole, b.Read, b.Features = report.Device.Batch, report.Run, report.Whole, report.Read, report.Features
	b.Difference, b.PeakBytes = report.Device.Difference, report.PeakBytes
	c.results.Bench = append(c.results.Bench, b)
	if c.provider == "cuda" && report.Device.AsExported != "" {
		err = fmt.Errorf("the graph could not be rewritten for the GPU: %s", report.Device.AsExported)
	}
	said := fmt.Sprintf("batches of %d: Run %.0fx, whole %.0fx, %d MB resident, %.1f s in all", b.Batch, b.Run, b.Whole, b.PeakBytes>>20, e.took.Seconds())
	if c.provider == "cuda" {
		said += fmt.Sprintf(", differs from the CPU by %.2g", b.Difference)
	}
	return said, err
}
