// Package model makes the model of a recipe of package fullsize. It is a package of its own since it runs
// the model, for which it needs ONNX Runtime and cgo.
package model

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"

	"github.com/asr-backend/asr-backend/asr"
	"github.com/asr-backend/asr-backend/asr/ort"
	"github.com/asr-backend/asr-backend/scripts/gpu/fullsize"
)

// Make writes the model of a recipe into a folder that has its tokens.txt, and returns its file. The model is
// run once, to calibrate it so that blank wins a share of the rows of speech.
func Make(ctx context.Context, library *ort.Runtime, recipe []byte, folder string, share float64) ([]byte, error) {
	path := filepath.Join(folder, "model.onnx")
	raw, err := fullsize.Fill(recipe)
	if err == nil {
		err = os.WriteFile(path, raw, 0o644)
	}
	if err != nil {
		return nil, err
	}
	rows, width, err := speechRows(ctx, library, folder)
	if err != nil {
		return nil, fmt.Errorf("run the model of a recipe: %w", err)
	}
	if raw, err = fullsize.Calibrate(raw, rows, width, share); err != nil {
		return nil, err
	}
	return raw, os.WriteFile(path, raw, 0o644)
}

// speechRows returns the rows of a model on the CPU, and their width.
func speechRows(ctx context.Context, library *ort.Runtime, folder string) (rows []float32, width int, err error) {
	bundle, err := asr.OpenBundle(folder, "")
	if err != nil {
		return nil, 0, err
	}
	r, err := asr.New(ctx, library, bundle, asr.Options{Provider: ort.CPU, AsExported: true})
	if err != nil {
		return nil, 0, err
	}
	defer func() { err = errors.Join(err, r.Close()) }()
	rows, err = r.SpeechRows(ctx, library)
	return rows, r.Contract().Width, err
}
