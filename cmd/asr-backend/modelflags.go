package main

import (
	"context"
	"errors"
	"fmt"
	"path/filepath"

	"github.com/asr-backend/asr-backend/asr"
	"github.com/asr-backend/asr-backend/asr/ort"
	"github.com/asr-backend/asr-backend/internal/cli"
	"github.com/asr-backend/asr-backend/internal/digests"
	"github.com/asr-backend/asr-backend/models"
)

// modelFlags choose the model and what computes it.
type modelFlags struct {
	Model     string `help:"Model name, or path to a model folder or ONNX file." default:"small-en" placeholder:"NAME|PATH" group:"Model and device"`
	ModelsDir string `help:"Folder of downloaded models. Default: ~/.local/share/asr-backend/models." type:"path" placeholder:"DIR" group:"Model and device"`
	Provider  string `help:"Where to run the model: auto, cpu, cuda, or openvino (bf16 on CPUs that have it, with OpenVINO's plugin). auto uses a GPU if one is available, else the CPU." enum:"auto,cpu,cuda,openvino" default:"auto" group:"Model and device"`
	Device    int    `help:"GPU index." default:"0" group:"Model and device"`
	Decoder   string `help:"Head of the model that finds the text: auto (what its makers use: the transducer, if it has one), ctc, rnnt or tdt." enum:"auto,ctc,rnnt,tdt" default:"auto" group:"Model and device"`
	Precision string `help:"Numeric precision: auto (fp32), fp32, tf32 (faster on GPUs, slightly less exact), fp16 (for GPUs; needs the fp16 variant of the model), int8 (more than twice as fast on CPUs, loses some words) or int8-careful (between fp32 and int8)." enum:"auto,fp32,tf32,fp16,int8,int8-careful" default:"auto" group:"Model and device"`
	GPUMemory int64  `help:"GPU memory that a model may use, in megabytes; 0: no limit." name:"gpu-memory" default:"0" group:"Model and device"`
	Threads   int    `help:"Number of CPU threads; 0: all cores." default:"0" group:"Model and device"`
	Batch     int    `help:"Windows per model run; 0: automatic." default:"0" group:"Model and device"`
	Library   string `help:"ONNX Runtime library, as file or folder. Default: searched for beside the program, then in the system's library folders." name:"onnxruntime" type:"path" group:"Model and device"`
	OpenVINO  string `help:"OpenVINO's plugin library, as file or folder, for --provider openvino. Default: searched for like ONNX Runtime, also in a folder openvino beside the program." name:"openvino" type:"path" group:"Model and device"`
}

// loadedModel is a model and the library that runs it.
type loadedModel struct {
	runtime    *ort.Runtime
	recognizer *asr.Recognizer
}

// check says which flags mean nothing beside the others.
func (f *modelFlags) check() error {
	if f.Provider != "cpu" && f.Provider != "openvino" {
		return nil
	}
	switch {
	case f.Provider == "openvino" && f.Precision != "auto":
		return &cli.UsageError{Err: errors.New("--provider openvino computes in bf16; leave --precision out")}
	case f.GPUMemory != 0:
		return &cli.UsageError{Err: fmt.Errorf("--gpu-memory means nothing with --provider %s; leave one of them out", f.Provider)}
	case f.Device != 0:
		return &cli.UsageError{Err: fmt.Errorf("--device is the number of a GPU, and means nothing with --provider %s; leave one of them out", f.Provider)}
	}
	return nil
}

// options returns the variant of the model that the flags ask for, and how to run it.
func (f *modelFlags) options() (variant string, o asr.Options) {
	if f.Precision == "fp16" {
		variant = "fp16"
	}
	if p := asr.Precision(f.Precision); p == asr.INT8 || p == asr.INT8Careful {
		o.Weights = p
	}
	o = asr.Options{Weights: o.Weights, Device: f.Device, TF32: f.Precision == "tf32", Threads: f.Threads, Batch: f.Batch, MemoryLimit: f.GPUMemory << 20, OpenVINO: f.OpenVINO}
	if o.Cache = userCache(); o.Cache != "" { // else digests are computed and graphs optimized each time
		o.Digests = &digests.Cache{Path: filepath.Join(o.Cache, "model-digests.json")}
	}
	if f.Provider != "auto" {
		o.Provider = ort.Provider(f.Provider)
	}
	return variant, o
}

// open loads the model. The caller closes it.
func (f *modelFlags) open(ctx context.Context, d asr.Decoding) (*loadedModel, error) {
	if err := f.check(); err != nil {
		return nil, err
	}
	variant, o := f.options()
	o.Decoding = d
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
	return &loadedModel{runtime, recognizer}, nil
}

// bundle opens the model.
func (f *modelFlags) bundle(variant string) (*asr.Bundle, error) {
	store, err := models.NewStore(f.ModelsDir)
	if err != nil {
		return nil, err
	}
	b, err := store.Open(f.Model, variant)
	if err != nil {
		return nil, err
	}
	return b.WithDecoder(asr.Decoder(f.Decoder))
}

// String says in one line what computes.
func (e *loadedModel) String() string {
	d := e.recognizer.Device()
	text := fmt.Sprintf("model %s on %s", e.recognizer.Bundle().Card.Name, d.Provider)
	if d.Provider == ort.CUDA {
		text += fmt.Sprintf(" device %d (%s), %s, batches of %d", d.Index, d.GPU.Name, d.Precision, d.Batch)
	} else {
		text += fmt.Sprintf(" with %d threads", d.Threads)
		if d.Precision != asr.FP32 {
			text += ", " + string(d.Precision)
		}
	}
	text += ", ONNX Runtime " + e.runtime.Version()
	if d.Reason != "" && ort.GPUHere() {
		text += " (no GPU: " + d.Reason + ")"
	}
	return text
}

func (e *loadedModel) close() error {
	return errors.Join(e.recognizer.Close(), e.runtime.Close())
}
