package main

import (
	"context"
	"fmt"

	"github.com/asr-backend/asr-backend/asr/ort"
	"github.com/asr-backend/asr-backend/models"
)

type optimizeCommand struct {
	Model   string `arg:"" name:"NAME|PATH" help:"Model name, or path to a model folder or ONNX file."`
	JSON    bool   `help:"Print JSON."`
	Library string `help:"ONNX Runtime library, as file or folder. Default: searched for beside the program, then in the system's library folders." name:"onnxruntime" type:"path"`
}

// Run makes the fp16 variant.
func (c *optimizeCommand) Run(ctx context.Context, parent *modelsCommand, std streams) error {
	var made *models.Optimized
	err := parent.with(c.Library, func(store *models.Store, runtime *ort.Runtime) (err error) {
		made, err = store.Optimize(ctx, runtime, c.Model)
		return err
	})
	if err != nil {
		return err
	}
	if c.JSON {
		return printJSON(std.out, made)
	}
	_, err = fmt.Fprintf(std.out, "%s, %s: %d of %d rows of speech have the same best piece, log-probabilities differ by up to %.2g\nuse it on a GPU with --model %s --precision fp16\n",
		made.Path, megabytes(made.Bytes), made.Best, made.Rows, made.Difference, c.Model)
	return err
}
