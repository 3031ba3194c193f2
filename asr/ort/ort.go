// Package ort runs acoustic models with ONNX Runtime. It is the only package that knows
// the C library: where it lies, which versions fit, how a run is cancelled, what the
// CUDA provider does to the process, and who frees what.
//
// The shared library is opened when a Runtime is opened, never downloaded. The binding
// asks for API version 29, so ONNX Runtime 1.29 is the oldest that works; newer ones
// serve older callers. There is one environment in a process, hence one Runtime at a
// time. Order of life: Runtime, Sessions, Buffers; closed in the opposite order, the
// Runtime last.
//
// Nothing leaves the process: telemetry is disabled before the library is loaded, see
// telemetry.go.
//
// Spinning is off: ONNX Runtime's threads would otherwise burn the cores on which
// decoding and features run, and on a busy machine a run then takes longer, not shorter.
//
// CUDA. The provider is a second library beside the first and needs NVIDIA's own: cuBLAS, cuRAND,
// NVRTC and cudart of the matching major version, and cuDNN 9. What it says where it cannot be had,
// or when a GPU fails, becomes a CUDAError. It replaces signal handlers of the process without
// the alternate stack that Go needs, so that Ctrl-C would crash; they are noted when the Runtime
// opens and put back after each step that may have replaced them. cuDNN tunes convolutions for
// every new shape, which costs far more than the run itself: use few shapes and warm them.
//
// OpenVINO. Its provider is a plugin, a library of its own that is registered when it is first asked
// for. It takes a graph as one node, so that a run cannot be ended early, and computes it in threads of
// its own. Loading compiles the graph for the CPU.
package ort

import (
	"errors"
	"fmt"
	"strings"

	binding "github.com/yalue/onnxruntime_go"
)

// MinimumVersion is the oldest ONNX Runtime that serves the binding's API version.
const MinimumVersion = "1.29"

// ErrLibrary is wrapped by every error that means: no usable ONNX Runtime library.
var ErrLibrary = errors.New("no usable ONNX Runtime library")

// Runtime is the loaded library and its environment.
type Runtime struct {
	path     string
	handlers *handlers
	openVINO openVINO
}

// Open finds and loads the library. An empty path means: look in the usual places, see
// Find. It fails if another Runtime is open in this process.
func Open(path string) (*Runtime, error) {
	found, err := Find(path)
	if err != nil {
		return nil, err
	}
	if binding.IsInitialized() {
		return nil, errors.New("ort: a Runtime is open already; a process can have one")
	}
	binding.SetSharedLibraryPath(found)
	if err := binding.InitializeEnvironment(binding.WithLogLevelFatal()); err != nil {
		return nil, &LibraryError{Path: found, Err: err}
	}
	h, err := newHandlers()
	if err != nil {
		return nil, errors.Join(err, binding.DestroyEnvironment())
	}
	return &Runtime{path: found, handlers: h}, nil
}

// Close unloads the library. All sessions and buffers must be closed before.
func (r *Runtime) Close() error {
	if err := errors.Join(r.openVINO.close(), binding.DestroyEnvironment()); err != nil {
		return fmt.Errorf("ort: close: %w", err)
	}
	r.handlers.close()
	return nil
}

// Path returns the file that was loaded.
func (r *Runtime) Path() string { return r.path }

// Version returns the version of the loaded library, such as "1.31.1".
func (r *Runtime) Version() string { return binding.GetVersion() }

// LibraryError says why the library at Path cannot be used.
type LibraryError struct {
	Path string
	Err  error
}

func (e *LibraryError) Error() string {
	msg := fmt.Sprintf("ONNX Runtime at %s cannot be used: %v", e.Path, e.Err)
	if strings.Contains(e.Err.Error(), "API version") || strings.Contains(e.Err.Error(), "api base") {
		msg += "; it is too old, version " + MinimumVersion + " or later is needed"
	}
	return msg
}

// Unwrap returns the cause and ErrLibrary.
func (e *LibraryError) Unwrap() []error { return []error{e.Err, ErrLibrary} }
