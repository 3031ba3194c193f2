package asr

import (
	"context"
	"errors"
	"fmt"

	"github.com/asr-backend/asr-backend/asr/ort"
	"github.com/asr-backend/asr-backend/internal/filestamp"
	"github.com/asr-backend/asr-backend/internal/sealed"
)

// useOpenVINO lets workers share a session of the optimized graph that computes in bf16. A model without one
// is refused: its export gains less by bf16 than a person who asks for it may expect, and is not compared.
func (r *Recognizer) useOpenVINO(ctx context.Context, rt *ort.Runtime, source ort.Source, o Options) error {
	if err := rt.UseOpenVINO(o.OpenVINO); err != nil {
		return err
	}
	made, _, err := r.optimize(ctx, rt, source, o.onCPU())
	var difference float64
	if err == nil {
		difference, err = r.acceptOpenVINO(ctx, rt, made, o)
	}
	switch {
	case ctx.Err() != nil:
		return context.Cause(ctx)
	case err != nil:
		return &ModelError{r.bundle.Card.Name, fmt.Errorf("it does not run on OpenVINO: %w", err)}
	}
	s, err := r.open(ctx, rt, made, o)
	if err != nil {
		return errors.Join(err, r.dropOptimized(made))
	}
	r.contract.Precision = BF16
	return r.share(rt, s, Device{Provider: ort.OpenVINO, Difference: difference, Graph: made.Path}, o)
}

// onCPU are the options of a session of the CPU to compare with.
func (o Options) onCPU() Options {
	o.Provider = ort.CPU
	return o
}

// openVINONote says what OpenVINO made of an optimized graph. It is a file beside the graph.
type openVINONote struct {
	Graph, Plugin string // stamps of the files
	Kernels       string // see ort.OpenVINOKernels: other ones round otherwise
	Difference    float64
	Refused       string `json:",omitempty"`
}

// acceptOpenVINO compares what an optimized graph computes on the CPU and on OpenVINO, and keeps the result,
// for it takes a second session and several runs.
func (r *Recognizer) acceptOpenVINO(ctx context.Context, rt *ort.Runtime, made ort.Source, o Options) (difference float64, err error) {
	if made.Data != nil { // there is no place to keep it
		return r.compareOpenVINO(ctx, rt, made, o)
	}
	note := openVINONote{Kernels: ort.OpenVINOKernels()}
	if note.Graph, err = filestamp.Of(made.Path); err != nil {
		return 0, err
	}
	if note.Plugin, err = filestamp.Of(rt.OpenVINOPath()); err != nil {
		return 0, err
	}
	path := made.Path + ".openvino.json"
	known := openVINONote{}
	if _, err := sealed.Read(path, &known); err != nil || known.Graph != note.Graph || known.Plugin != note.Plugin || known.Kernels != note.Kernels {
		difference, err := r.compareOpenVINO(ctx, rt, made, o)
		known = note
		known.Difference = difference
		switch {
		case errors.Is(err, errDiffers):
			known.Refused = err.Error()
		case ctx.Err() != nil:
			return 0, context.Cause(ctx)
		case err != nil: // the graph may be damaged; the next load makes it anew
			return 0, errors.Join(err, r.dropOptimized(made))
		}
		_ = sealed.Write(path, &known) // without it, the next start compares again
	}
	if known.Refused != "" {
		return known.Difference, errors.New(known.Refused)
	}
	return known.Difference, nil
}

// compareOpenVINO runs noise and speech through a graph on the CPU and on OpenVINO. Both sessions are not in
// memory at the same time.
func (r *Recognizer) compareOpenVINO(ctx context.Context, rt *ort.Runtime, made ort.Source, o Options) (difference float64, err error) {
	want, err := r.trialRows(ctx, rt, made, o.onCPU())
	if err != nil {
		return 0, err
	}
	exact := r.contract
	got, err := r.trialRows(ctx, rt, made, o)
	if err != nil {
		return 0, err
	}
	all, values, err := r.compareTrials(&exact, want, got)
	if err != nil {
		return 0, err
	}
	return all.difference, checkReduced(&all, values, "in bf16")
}
