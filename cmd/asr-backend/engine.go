package main

import (
	"context"
	"errors"
	"fmt"

	"asr-backend/asr"
	"asr-backend/asr/ort"
	"asr-backend/models"
)

// engineFlags choose the model and what computes it.
type engineFlags struct {
	Model     string `help:"Name of a model, or path of its folder or ONNX file." default:"default" placeholder:"NAME|PATH" group:"Model and device"`
	ModelsDir string `help:"Folder of pulled models; ~/.local/share/asr-backend/models if empty." type:"path" placeholder:"DIR" group:"Model and device"`
	Provider  string `help:"What computes: auto, cpu or cuda. auto takes a GPU if it can be had." enum:"auto,cpu,cuda" default:"auto" group:"Model and device"`
	Device    int    `help:"Index of the GPU." default:"0" group:"Model and device"`
	Precision string `help:"fp32, tf32 (faster on GPUs, slightly off) or fp16 (needs the model's fp16 variant)." enum:"fp32,tf32,fp16" default:"fp32" group:"Model and device"`
	Threads   int    `help:"CPU threads; 0 takes all." default:"0" group:"Model and device"`
	Batch     int    `help:"Windows in one run; 0 chooses." default:"0" group:"Model and device"`
	Library   string `help:"ONNX Runtime library, file or folder; looked for beside the program and in the system if empty." name:"onnxruntime" type:"path" group:"Model and device"`
}

// engine is the loaded library and model.
type engine struct {
	runtime    *ort.Runtime
	recognizer *asr.Recognizer
}

// options returns the variant of the model that the flags ask for, and how to run it.
func (f *engineFlags) options() (variant string, o asr.Options) {
	if f.Precision == "fp16" {
		variant = "fp16"
	}
	o = asr.Options{Device: f.Device, TF32: f.Precision == "tf32", Threads: f.Threads, Batch: f.Batch}
	if f.Provider != "auto" {
		o.Provider = ort.Provider(f.Provider)
	}
	return variant, o
}

func (f *engineFlags) open(ctx context.Context) (*engine, error) {
	variant, o := f.options()
	bundle, err := f.bundle(variant)
	if err != nil {
		return nil, err
	}
	runtime, err := ort.Open(f.Library)
	if err != nil {
		return nil, err
	}
	recognizer, err := asr.New(ctx, runtime, bundle, o)
	if err != nil {
		return nil, errors.Join(err, runtime.Close())
	}
	return &engine{runtime, recognizer}, nil
}

// bundle opens the model.
func (f *engineFlags) bundle(variant string) (*asr.Bundle, error) {
	store, err := models.NewStore(f.ModelsDir)
	if err != nil {
		return nil, err
	}
	return store.Open(f.Model, variant)
}

// String says in one line what computes.
func (e *engine) String() string {
	d := e.recognizer.Device()
	text := fmt.Sprintf("model %s on %s", e.recognizer.Bundle().Card.Name, d.Provider)
	if d.Provider == ort.CUDA {
		text += fmt.Sprintf(" device %d, batches of %d", d.Index, d.Batch)
	} else {
		text += fmt.Sprintf(" with %d threads", d.Threads)
	}
	text += ", ONNX Runtime " + e.runtime.Version()
	if d.Reason != "" && ort.GPUHere() {
		text += " (no GPU: " + d.Reason + ")"
	}
	return text
}

func (e *engine) close() error {
	return errors.Join(e.recognizer.Close(), e.runtime.Close())
}
