package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"

	"github.com/asr-backend/asr-backend/asr"
	"github.com/asr-backend/asr-backend/asr/ort"
	"github.com/asr-backend/asr-backend/internal/output"
	"github.com/asr-backend/asr-backend/internal/visible"
	"github.com/asr-backend/asr-backend/models"
	"github.com/asr-backend/asr-backend/models/verify"
	"github.com/asr-backend/asr-backend/timeline"
)

type dumpCommand struct {
	Model      string   `arg:"" name:"NAME|PATH" help:"Model name, or path to a model folder or ONNX file."`
	Recordings []string `arg:"" name:"FILE" help:"Recordings." type:"path"`
	Output     string   `help:"Output folder for FILE.logmel.npy [bands, frames], FILE.logprobs.npy [rows, pieces and blank] and FILE.txt." short:"o" required:"" type:"path" placeholder:"DIR"`
	Window     int64    `help:"Rows of 80 ms per run, at most 5000. Longer recordings are processed in overlapping windows. 0: as in transcribe." max:"5000" placeholder:"ROWS"`
	Library    string   `help:"ONNX Runtime library, as file or folder. Default: searched for beside the program, then in the system's library folders." name:"onnxruntime" type:"path"`
}

// Run transcribes one recording after another and writes what was computed.
func (c *dumpCommand) Run(ctx context.Context, parent *modelsCommand, std streams) (err error) {
	store, err := models.NewStore(parent.ModelsDir)
	if err != nil {
		return err
	}
	bundle, err := store.Open(c.Model, "")
	if err != nil {
		return err
	}
	runtime, err := ort.Open(c.Library)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, runtime.Close()) }()
	window := asr.DefaultWindow
	if c.Window != 0 {
		window.Rows = timeline.Row(c.Window)
	}
	r, err := asr.New(ctx, runtime, bundle, asr.Options{Provider: ort.CPU, Window: window})
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, r.Close()) }()
	writer := output.New(std.out)
	writer.Protect(c.Model)
	for _, path := range c.Recordings {
		writer.Protect(path)
	}
	if err := os.MkdirAll(c.Output, 0o777); err != nil {
		return err
	}
	seen := map[string]bool{}
	for _, path := range c.Recordings {
		name := strings.TrimSuffix(filepath.Base(path), filepath.Ext(path))
		if seen[name] {
			return fmt.Errorf("two recordings are called %s; write them to folders of their own", name)
		}
		seen[name] = true
		d, err := verify.NewDump(ctx, r, path)
		if err != nil {
			return err
		}
		if err := d.Write(ctx, writer, c.Output, name); err != nil {
			return err
		}
		fmt.Fprintf(std.out, "%s: %d frames, %d rows: %s\n", visible.Text(name), d.Frames, d.Rows, d.Text)
	}
	return nil
}
