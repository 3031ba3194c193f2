package ort

import (
	"context"
	"errors"
	"fmt"
	"strconv"

	binding "github.com/yalue/onnxruntime_go"
)

// Source is where a model's ONNX graph comes from: a file, or bytes already in memory. With both,
// the bytes are loaded and the path is named in errors. Models over 2 GB keep their weights in a second file and must be given by path.
type Source struct {
	Path string
	Data []byte
}

// Provider says what computes.
type Provider string

// The providers.
const (
	CPU  Provider = "cpu"
	CUDA Provider = "cuda"
	// OpenVINO computes in bf16 on the CPU, see Runtime.UseOpenVINO.
	OpenVINO Provider = "openvino"
)

// SessionOptions say how a model is run. The zero value is the CPU with one thread.
type SessionOptions struct {
	Provider Provider
	// Device is the index of the GPU.
	Device int
	// Threads is the number of CPU threads inside one run; 0 means 1.
	Threads int
	// Runs is how many runs are side by side on OpenVINO; more wait. 0 means 1. Elsewhere any number may.
	Runs int
	// TF32 lets the GPU multiply with 10-bit mantissas: faster, about 1e-3 off.
	TF32 bool
	// MemoryLimit bounds the GPU arena in bytes; 0 means no bound.
	MemoryLimit int64
}

// Names are the tensors of the export of a FastConformer encoder with its CTC head, or without one.
type Names struct {
	Features, Lengths, LogProbs string
	// Sums are the outputs of a graph that sums its rows up, instead of LogProbs: the best piece, its
	// log-probability, that of blank, and the sum of powers that confidence needs.
	Sums []string
	// ColumnsFirst says that the output is [batch columns rows], as encoders of transducers write
	// it. LogProbs of Buffers has rows first all the same.
	ColumnsFirst bool
	// Head is a second output, [batch rows HeadWidth], or empty: the log-probabilities that the CTC
	// head of a hybrid gives for the same rows.
	Head      string
	HeadWidth int
}

// outputs are those that a run computes.
func (n Names) outputs() []string {
	if n.Sums != nil {
		return n.Sums
	}
	if n.Head != "" {
		return []string{n.LogProbs, n.Head}
	}
	return []string{n.LogProbs}
}

// Session is a model ready to run. Its runs may overlap, each in its own buffers.
type Session struct {
	session *binding.DynamicAdvancedSession
	model   string
	sums    bool      // it sums rows up
	columns bool      // it writes columns first
	head    int       // the width of its second output, 0 if it has none
	cuda    *handlers // of a session on a GPU; else nil
}

// NewSession loads a model. The caller closes it.
func (r *Runtime) NewSession(m Source, names Names, o SessionOptions) (*Session, error) {
	opts, err := r.sessionOptions(o)
	if err != nil {
		return nil, err
	}
	defer opts.Destroy()
	in, out := []string{names.Features, names.Lengths}, names.outputs()
	s := &Session{model: m.describe(), sums: names.Sums != nil, columns: names.ColumnsFirst}
	if names.Head != "" {
		s.head = names.HeadWidth
	}
	guard := unguarded
	if o.Provider == CUDA {
		s.cuda, guard = r.handlers, r.handlers.keepLong
	}
	err = guard(func() (err error) {
		if m.Data == nil {
			s.session, err = binding.NewDynamicAdvancedSession(m.Path, in, out, opts)
		} else {
			s.session, err = binding.NewDynamicAdvancedSessionWithONNXData(m.Data, in, out, opts)
		}
		return err
	})
	if err != nil {
		if s.cuda != nil {
			err = cudaError(err)
		}
		return nil, fmt.Errorf("load %s: %w", s.model, err)
	}
	return s, nil
}

// Close frees the model. No run may be under way.
func (s *Session) Close() error {
	if err := s.session.Destroy(); err != nil {
		return fmt.Errorf("ort: close %s: %w", s.model, err)
	}
	return nil
}

// Run computes b.LogProbs, or the sums of a session that has them, and b.Head, if it has one, from
// b.Features and b.Lengths. When ctx ends, the run is terminated between two nodes of the graph,
// waited for, and the context's cause is returned; the session works on afterwards. On OpenVINO, a graph is
// one node, and the run goes on to its end.
func (s *Session) Run(ctx context.Context, b *Buffers) error {
	if err := context.Cause(ctx); err != nil {
		return err
	}
	if s.columns {
		if err := b.needColumns(); err != nil {
			return err
		}
	}
	if s.head > 0 {
		if err := b.needHead(s.head); err != nil {
			return err
		}
	}
	opts, err := binding.NewRunOptions()
	if err != nil {
		return fmt.Errorf("ort: run options: %w", err)
	}
	terminated := make(chan struct{})
	stop := context.AfterFunc(ctx, func() {
		defer close(terminated)
		_ = opts.Terminate() // sets a flag; a failure shows as a run that goes on to its end
	})
	out := []binding.Value{b.logProbs}
	switch {
	case s.sums:
		out = b.sums
	case s.columns:
		out[0] = b.columns
	}
	if s.head > 0 {
		out = append(out, b.head)
	}
	err = s.guard(func() error {
		return s.session.RunWithOptions([]binding.Value{b.features, b.lengths}, out, opts)
	})
	if !stop() {
		<-terminated
	}
	if e := opts.Destroy(); e != nil && err == nil {
		err = e
	}
	if err != nil {
		if cause := context.Cause(ctx); cause != nil {
			return cause
		}
		if s.cuda != nil {
			err = runError(err)
		}
		return fmt.Errorf("run %s with %d × %d frames: %w", s.model, b.Batch, b.Frames, err)
	}
	if s.columns {
		b.turn()
	}
	return nil
}

// guard puts back the process's signal handlers after f if the CUDA provider may have
// changed them.
func (s *Session) guard(f func() error) error {
	if s.cuda == nil {
		return f()
	}
	return s.cuda.keep(f)
}

func unguarded(f func() error) error { return f() }

func (r *Runtime) sessionOptions(o SessionOptions) (*binding.SessionOptions, error) {
	opts, err := binding.NewSessionOptions()
	if err != nil {
		return nil, fmt.Errorf("ort: session options: %w", err)
	}
	err = errors.Join(
		opts.SetGraphOptimizationLevel(binding.GraphOptimizationLevelEnableAll),
		opts.SetIntraOpNumThreads(max(o.Threads, 1)),
		opts.SetInterOpNumThreads(1),
		opts.AddSessionConfigEntry("session.intra_op.allow_spinning", "0"),
		opts.AddSessionConfigEntry("session.set_denormal_as_zero", "1"),
	)
	switch {
	case err != nil:
	case o.Provider == CUDA:
		err = r.handlers.keep(func() error { return appendCUDA(opts, o) })
	case o.Provider == OpenVINO:
		err = r.openVINO.append(opts, o)
	}
	if err != nil {
		return nil, errors.Join(err, opts.Destroy())
	}
	return opts, nil
}

// appendCUDA adds the CUDA provider. Its own message is vague; that of the options, set
// just before, carries the loader's reason.
func appendCUDA(opts *binding.SessionOptions, o SessionOptions) error {
	cuda, err := binding.NewCUDAProviderOptions()
	if err != nil {
		return cudaError(err)
	}
	defer cuda.Destroy()
	settings := map[string]string{
		"device_id":                    strconv.Itoa(o.Device),
		"cudnn_conv_algo_search":       "HEURISTIC", // the default tunes anew for each shape
		"arena_extend_strategy":        "kSameAsRequested",
		"cudnn_conv1d_pad_to_nc1d":     "1",
		"use_tf32":                     "0",
		"do_copy_in_default_stream":    "1",
		"cudnn_conv_use_max_workspace": "1",
	}
	if o.TF32 {
		settings["use_tf32"] = "1"
	}
	if o.MemoryLimit > 0 {
		settings["gpu_mem_limit"] = strconv.FormatInt(o.MemoryLimit, 10)
	}
	// A plan of a run's memory is one block beside what the run before it took piece by piece.
	if err := opts.SetMemPattern(false); err != nil {
		return fmt.Errorf("ort: session options: %w", err)
	}
	if err := cuda.Update(settings); err != nil {
		return cudaError(err)
	}
	return cudaError(opts.AppendExecutionProviderCUDA(cuda))
}

// CheckCUDA returns nil if the CUDA provider loads for a device, else the reason.
func (r *Runtime) CheckCUDA(device int) error {
	opts, err := r.sessionOptions(SessionOptions{Provider: CUDA, Device: device})
	if err != nil {
		return err
	}
	return opts.Destroy()
}
