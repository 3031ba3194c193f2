package main

import (
	"context"
	"fmt"
	"os"
	"path/filepath"

	"github.com/asr-backend/asr-backend/asr"
	"github.com/asr-backend/asr-backend/asr/ort"
	"github.com/asr-backend/asr-backend/models"
)

type optimizeCommand struct {
	Model     string `arg:"" name:"NAME|PATH" help:"Model name, or path to a model folder or ONNX file."`
	Precision string `help:"fp32, int8 or int8-careful: the graph for this machine's CPU, which is made when a model is first used, too; fp16: the variant for GPUs." enum:"fp32,int8,int8-careful,fp16" default:"fp32"`
	JSON      bool   `help:"Print JSON."`
	Library   string `help:"ONNX Runtime library, as file or folder. Default: searched for beside the program, then in the system's library folders." name:"onnxruntime" type:"path"`
}

// Run makes a graph.
func (c *optimizeCommand) Run(ctx context.Context, parent *modelsCommand, std streams) error {
	var made *models.Optimized
	err := parent.with(c.Library, func(store *models.Store, runtime *ort.Runtime) (err error) {
		if c.Precision == string(asr.FP16) {
			made, err = store.Optimize(ctx, runtime, c.Model)
		} else {
			made, err = store.OptimizeCPU(ctx, runtime, c.Model, asr.Precision(c.Precision), userCache())
		}
		return err
	})
	switch {
	case err != nil:
		return err
	case c.JSON:
		return printJSON(std.out, made)
	case c.Precision == string(asr.FP16):
		_, err = fmt.Fprintf(std.out, "%s, %s: %d of %d rows of speech have the same best piece, log-probabilities differ by up to %.2g\nuse it on a GPU with --model %s --precision fp16\n",
			made.Path, megabytes(made.Bytes), made.Best, made.Rows, made.Difference, c.Model)
	case made.Path == "":
		_, err = fmt.Fprintf(std.out, "%s is optimized in memory each time it is loaded\n", c.Model)
	default:
		_, err = fmt.Fprintf(std.out, "%s, %s: log-probabilities differ from those of the export by up to %.2g\n", made.Path, megabytes(made.Bytes), made.Difference)
		if err == nil && c.Precision != string(asr.FP32) {
			_, err = fmt.Fprintf(std.out, "use it on a CPU with --model %s --precision %s\n", c.Model, c.Precision)
		}
	}
	return err
}

// userCache is the folder for what can be made again, or empty if the user has none.
func userCache() string {
	folder, err := os.UserCacheDir()
	if err != nil {
		return ""
	}
	return filepath.Join(folder, "asr-backend")
}
