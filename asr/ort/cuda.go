package ort

import (
	"errors"
	"fmt"
	"regexp"
	"slices"
	"strconv"
	"strings"
)

// ErrCUDA is wrapped by every error that means: the CUDA provider cannot be used, or the GPU
// failed. It says nothing about the recording.
var ErrCUDA = errors.New("CUDA cannot be used")

// CUDAError says why a GPU cannot be used, or how it failed.
type CUDAError struct {
	Err  error
	Hint string // what a person can do; may be empty
	// Lasting says that the GPU stays unusable until the process ends.
	Lasting bool
}

// Error is the sentence that matters of what the libraries say.
func (e *CUDAError) Error() string { return "CUDA: " + e.Err.Error() }

// Unwrap returns the cause and ErrCUDA.
func (e *CUDAError) Unwrap() []error { return []error{e.Err, ErrCUDA} }

// What ONNX Runtime says has the sentence that matters somewhere inside:
//
//	.../provider_bridge_ort.cc:2043 onnxruntime::Provider& ... [ONNXRuntimeError] : 1 : FAIL :
//	Failed to load library .../libonnxruntime_providers_cuda.so with error: libcudnn.so.9:
//	cannot open shared object file: No such file or directory
//
//	... CUDA failure 700: an illegal memory access was encountered ; GPU=0 ; hostname=... ;
//	file=... ; line=280 ; expr=cudaStreamSynchronize(...)
var (
	loading = regexp.MustCompile(`(?s)with error: (.*)$`)
	failure = regexp.MustCompile(`(CUDA|CUDNN_FE|CUDNN|CUBLAS|CURAND|CUFFT) failure (\d+): (.*?) ;`)
	missing = regexp.MustCompile(`(lib[\w.+-]+\.so[.\d]*): cannot open shared object file`)
	places  = regexp.MustCompile(`(?s)^.*(\[ONNXRuntimeError\] : \d+ : [A-Z_]+ : |Status Message: |\.(cc|h):\d+ \S+ )`)
)

// cudaError puts an error of the CUDA provider into words.
func cudaError(err error) error {
	if err == nil {
		return nil
	}
	if known, ok := errors.AsType[*CUDAError](err); ok {
		return known
	}
	text := err.Error()
	if m := failure.FindStringSubmatch(text); m != nil {
		code, _ := strconv.Atoi(m[2])
		e := &CUDAError{Err: &failed{fmt.Sprintf("%s failure %d: %s", m[1], code, m[3]), err}, Hint: hintOfLibrary}
		switch {
		case m[1] == "CUDA":
			e.Hint, e.Lasting = hintOfCode(code), slices.Contains(lasting, code)
		case m[1] == "CUBLAS" && code == 3: // CUBLAS_STATUS_ALLOC_FAILED
			e.Hint = hintOfMemory
		}
		return e
	}
	if lib := missing.FindStringSubmatch(text); lib != nil {
		if strings.HasPrefix(lib[1], "libcudnn.so") {
			lib[1] = "libcudnn.so.9" // tried before the one without a number, which is named
		}
		return &CUDAError{Err: &failed{lib[1] + " is not installed, or not where the loader looks", err}, Hint: hintOfMissing(lib[1])}
	}
	if m := loading.FindStringSubmatch(text); m != nil {
		return &CUDAError{Err: &failed{strings.TrimSpace(m[1]), err}, Hint: hintOfLibraries}
	}
	switch lower := strings.ToLower(text); {
	case strings.Contains(lower, "cuda execution provider is not enabled"), strings.Contains(lower, "providers_shared"):
		return &CUDAError{Err: &failed{"this ONNX Runtime library was built without CUDA", err}, Hint: hintOfBuild}
	case strings.Contains(lower, "failed to allocate memory"):
		return &CUDAError{Err: &failed{"the memory of the GPU is full", err}, Hint: hintOfMemory}
	case strings.Contains(lower, "invalid device id"):
		return &CUDAError{Err: &failed{lastPart(text), err}, Hint: hintOfCode(101)}
	}
	return &CUDAError{Err: &failed{lastPart(text), err}}
}

// failed is an error in words of its own.
type failed struct {
	text  string
	cause error
}

func (e *failed) Error() string { return e.text }
func (e *failed) Unwrap() error { return e.cause }

// lastPart drops places in source files, which stand before the message.
// Names of machines, which come after it, go too.
func lastPart(text string) string {
	text, _, _ = strings.Cut(places.ReplaceAllString(text, ""), " ; GPU=")
	return strings.TrimSpace(text)
}

// runError puts an error of a run on a GPU into words. One that is not known to be the GPU's may be
// that of what is run.
func runError(err error) error {
	e := cudaError(err)
	if known, ok := errors.AsType[*CUDAError](e); ok && known.Hint == "" {
		return err
	}
	return e
}

const (
	hintOfDriver = "install NVIDIA's driver, 580 or later; a container needs `docker run --gpus all` (docker compose: the reservation of docker-compose.yml) and the NVIDIA Container Toolkit"
	hintOfMemory = "take a smaller --batch or --precision fp16, or end what else uses the GPU (nvidia-smi lists it)"
	hintOfBuild  = "install the GPU build of ONNX Runtime with scripts/library-cuda.sh, or use the container image"
	// hintOfLibraries is for libraries that are there and do not fit.
	hintOfLibraries = "cuBLAS, cuRAND, cudart and NVRTC of CUDA 13 and cuDNN 9 are needed, see doc/without-docker.md; the container image has them"
	hintOfLibrary   = "a library of CUDA failed; if the next start fails too, update the driver or use --provider cpu"
)

func hintOfMissing(library string) string {
	switch {
	case strings.HasPrefix(library, "libcuda.so"):
		return hintOfDriver
	case strings.HasPrefix(library, "libonnxruntime_providers"):
		return hintOfBuild
	}
	return hintOfLibraries
}

// lasting are the errors after which CUDA does nothing more in a process.
var lasting = []int{214, 220, 226, 700, 702, 710, 713, 714, 715, 716, 717, 718, 719, 721}

// hintOfCode is for cudaError_t, see driver_types.h of CUDA.
func hintOfCode(code int) string {
	switch code {
	case 2: // cudaErrorMemoryAllocation
		return hintOfMemory
	case 3, 34, 36, 804: // not initialised, a stub, or a driver and a compatibility package that do not fit
		return "the driver and the libraries of CUDA do not fit: remove stubs and cuda-compat from the loader's path, or update the driver to 580 or later"
	case 35: // cudaErrorInsufficientDriver
		return "the driver is older than CUDA 13 needs: update it to 580 or later; data-centre cards work with older ones through cuda-compat, as in the container image"
	case 802: // cudaErrorSystemNotReady
		return "the GPUs of this machine are being started: nvidia-fabricmanager has to run"
	case 46: // cudaErrorDevicesUnavailable
		return "another process has the GPU for itself: end it, or set the compute mode to default (nvidia-smi -c 0)"
	case 100: // cudaErrorNoDevice
		return "no GPU can be seen: check nvidia-smi, CUDA_VISIBLE_DEVICES, and `docker run --gpus all` for a container"
	case 101: // cudaErrorInvalidDevice
		return "there is no GPU with this number: see nvidia-smi -L, and choose one with --device"
	case 209, 98: // cudaErrorNoKernelImageForDevice, cudaErrorInvalidDeviceFunction
		return "this build has no code for this generation of GPUs; it has for compute capability 7.5 to 9.0 and 12.0 (T4 to H200, RTX 20 to 50), not for V100 or B200: use --provider cpu, or another build of ONNX Runtime"
	}
	if slices.Contains(lasting, code) {
		return "the GPU is unusable until the process ends; if it fails again, see `dmesg | grep Xid` and nvidia-smi -q for a broken one"
	}
	return "see nvidia-smi and `dmesg | grep Xid`; --provider cpu works without a GPU"
}
