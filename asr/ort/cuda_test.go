package ort

import (
	"errors"
	"fmt"
	"strings"
	"testing"
)

// The messages are those of ONNX Runtime 1.31.1 on machines that lack what is named, and on the
// stand-in for CUDA.
func TestWhatCUDASaysIsPutIntoWords(t *testing.T) {
	for _, c := range []struct{ said, want, hint string }{
		{"Error setting CUDA provider options: /onnxruntime_src/onnxruntime/core/session/provider_bridge_ort.cc:2043 onnxruntime::Provider& onnxruntime::ProviderLibrary::Get() [ONNXRuntimeError] : 1 : FAIL : Failed to load library /opt/libonnxruntime_providers_cuda.so with error: libcublasLt.so.13: cannot open shared object file: No such file or directory",
			"libcublasLt.so.13 is not installed, or not where the loader looks", "CUDA 13"},
		{"Failed to load library /opt/libonnxruntime_providers_cuda.so with error: libcuda.so.1: cannot open shared object file: No such file or directory",
			"libcuda.so.1 is not installed, or not where the loader looks", "docker run --gpus all"},
		{"Failed to load library /opt/libonnxruntime_providers_cuda.so with error: /opt/x.so: version `GLIBC_2.38' not found",
			"/opt/x.so: version `GLIBC_2.38' not found", "cuDNN 9"},
		{"provider_options_utils.h:187 Parse Failed to parse provider option \"device_id\": cuda_execution_provider_info.cc:71 operator() Invalid device ID: 7, must be between 0 (inclusive) and 1 (exclusive).",
			"Invalid device ID: 7, must be between 0 (inclusive) and 1 (exclusive).", "--device"},
		{"/onnxruntime_src/onnxruntime/core/providers/cuda/cuda_call.cc:123 CUDA failure 35: CUDA driver version is insufficient for CUDA runtime version ; GPU=0 ; hostname=secret ; file=/a.cc ; line=71 ; expr=cudaSetDevice(info_.device_id); ",
			"CUDA failure 35: CUDA driver version is insufficient for CUDA runtime version", "580"},
		{"CUDA failure 209: no kernel image is available for execution on the device ; GPU=0 ; hostname=secret ; file=/a.cc ; line=1 ; expr=x", "CUDA failure 209: no kernel image is available for execution on the device", "V100"},
		{"CUDNN_FE failure 11: CUDNN_BACKEND_API_FAILED ; GPU=0 ; hostname=secret ; file=/a.cc ; line=1 ; expr=s_.cudnn_fe_graph->build_plans()", "CUDNN_FE failure 11: CUDNN_BACKEND_API_FAILED", "driver"},
		{"CUBLAS failure 3: CUBLAS_STATUS_ALLOC_FAILED ; GPU=0 ; hostname=secret ; file=/a.cc ; line=1 ; expr=x", "CUBLAS failure 3: CUBLAS_STATUS_ALLOC_FAILED", "--batch"},
		{"/onnxruntime_src/a.cc:12 f() something new ; GPU=0 ; hostname=secret ; file=/a.cc", "something new", ""},
		{"CUBLAS failure 13: CUBLAS_STATUS_EXECUTION_FAILED ; GPU=0 ; hostname=secret ; file=/a.cc ; line=1 ; expr=x", "CUBLAS failure 13: CUBLAS_STATUS_EXECUTION_FAILED", "driver"},
		{"bfc_arena.cc:376 void* onnxruntime::BFCArena::AllocateRawInternal(size_t, bool) Failed to allocate memory for requested buffer of size 1024", "the memory of the GPU is full", "--batch"},
		{"CUDA execution provider is not enabled in this build.", "this ONNX Runtime library was built without CUDA", "library-cuda.sh"},
	} {
		err := cudaError(fmt.Errorf("set options: %w", errors.New(c.said)))
		var e *CUDAError
		if !errors.As(err, &e) || !errors.Is(err, ErrCUDA) || e.Err.Error() != c.want || !strings.Contains(e.Hint, c.hint) {
			t.Errorf("%s\ngot  %v\nwant %s\nhint %q, want %q", c.said, err, c.want, e.Hint, c.hint)
		}
	}
	shape := errors.New("Non-zero status code returned while running Conv node. Status Message: invalid shape")
	if err := runError(shape); errors.Is(err, ErrCUDA) {
		t.Errorf("%v is called the GPU's fault", shape)
	}
	if cudaError(nil) != nil {
		t.Error("no error is one")
	}
}
