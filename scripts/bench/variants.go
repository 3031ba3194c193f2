package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"

	"github.com/asr-backend/asr-backend/asr"
	"github.com/asr-backend/asr-backend/asr/ort"
	"github.com/asr-backend/asr-backend/models"
)

// variant is a way to run a model on the CPU.
type variant struct {
	name string
	set  func(*asr.Options)
	// precision is the flag of the command that asks for it, or empty.
	precision string
}

const (
	export    = "export"
	optimized = "optimized"
	int8s     = "int8"
	careful   = "int8-careful"
	openVINO  = "OpenVINO in bf16"
)

// variants returns all ways, the first of which is what the others are compared with. One that cannot be
// had here is left out.
func variants() []variant {
	return []variant{
		{export, func(o *asr.Options) { o.AsExported = true }, ""},
		{optimized, func(*asr.Options) {}, "fp32"},
		{int8s, func(o *asr.Options) { o.Weights = asr.INT8 }, "int8"},
		{careful, func(o *asr.Options) { o.Weights = asr.INT8Careful }, "int8-careful"},
		{openVINO, func(o *asr.Options) { o.Provider = ort.OpenVINO }, ""},
	}
}

// exact reports whether a variant has to give the same text as the export.
func (v variant) exact() bool { return v.name == export || v.name == optimized }

// open loads a model. The caller closes it.
func (b *bench) open(ctx context.Context, m model, v variant, threads int, d asr.Decoding) (*asr.Recognizer, error) {
	return open(ctx, b.runtime, m.path, b.cache, v, threads, d)
}

func open(ctx context.Context, runtime *ort.Runtime, path, cache string, v variant, threads int, d asr.Decoding) (*asr.Recognizer, error) {
	bundle, err := models.Open(path, "")
	if err != nil {
		return nil, err
	}
	o := asr.Options{Provider: ort.CPU, Threads: threads, Cache: cache, Decoding: d, OpenVINO: besideLibrary(runtime)}
	v.set(&o)
	r, err := asr.New(ctx, runtime, bundle, o)
	if err != nil {
		return nil, err
	}
	if why := r.Device().AsExported; why != "" && !o.AsExported {
		return nil, errors.Join(fmt.Errorf("%s runs as it was exported: %s", v.name, why), r.Close())
	}
	return r, nil
}

// besideLibrary is the folder openvino beside ONNX Runtime, where the program looks for the plugin, or empty.
func besideLibrary(runtime *ort.Runtime) string {
	folder := filepath.Join(filepath.Dir(runtime.Path()), "openvino")
	if _, err := os.Stat(folder); err != nil || os.Getenv(ort.OpenVINOVariable) != "" {
		return ""
	}
	return folder
}

// opened are the variants of a model, loaded.
type opened struct{ recognizers []*asr.Recognizer }

// openAll loads all variants of a model. The caller closes them.
func (b *bench) openAll(ctx context.Context, m model, threads int) (_ *opened, err error) {
	all := &opened{}
	for _, v := range m.variants {
		r, err := b.open(ctx, m, v, threads, asr.Decoding{})
		if err != nil {
			return nil, errors.Join(fmt.Errorf("%s, %s: %w", m.name, v.name, err), all.close())
		}
		all.recognizers = append(all.recognizers, r)
	}
	return all, nil
}

func (o *opened) close() error {
	var errs []error
	for _, r := range o.recognizers {
		errs = append(errs, r.Close())
	}
	return errors.Join(errs...)
}
