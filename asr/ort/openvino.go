package ort

import (
	"encoding/json"
	"errors"
	"fmt"
	"runtime"
	"strconv"
	"strings"
	"sync"

	binding "github.com/yalue/onnxruntime_go"
	"golang.org/x/sys/cpu"
)

// OpenVINOVariable is the environment variable that names the plugin library of OpenVINO.
const OpenVINOVariable = "ASR_BACKEND_OPENVINO"

// openVINOName is what OpenVINO calls its provider. It lists one device of this name for each CPU, GPU and
// NPU, and further ones under longer names, which choose among them.
const openVINOName = "OpenVINOExecutionProvider"

// ErrOpenVINO is wrapped by every error that means: OpenVINO cannot be used here.
var ErrOpenVINO = errors.New("OpenVINO cannot be used")

// OpenVINOError says why OpenVINO cannot be used.
type OpenVINOError struct {
	Err  error
	hint string
}

func (e *OpenVINOError) Error() string { return "OpenVINO: " + e.Err.Error() }

// Hint is what a person can do, or empty.
func (e *OpenVINOError) Hint() string { return e.hint }

// Unwrap returns the cause and ErrOpenVINO.
func (e *OpenVINOError) Unwrap() []error { return []error{e.Err, ErrOpenVINO} }

const (
	hintOfOpenVINO = "unpack the wheel onnxruntime-ep-openvino into a folder openvino beside the program, or name the library with --openvino or " + OpenVINOVariable + "; see doc/openvino.md"
	hintOfSlowCPU  = "use --provider cpu, with --precision int8 if speed matters most"
)

// openVINO is the plugin library of a Runtime.
type openVINO struct {
	mu      sync.Mutex
	path    string
	devices []binding.EpDevice // of the CPU; nil until the library is loaded
}

// UseOpenVINO lets sessions compute with OpenVINO. It loads the plugin library, which is found like that of
// ONNX Runtime, see FindOpenVINO; once one is loaded, it stays until the Runtime is closed. The error says
// what is missing.
func (r *Runtime) UseOpenVINO(path string) error {
	o := &r.openVINO
	o.mu.Lock()
	defer o.mu.Unlock()
	if o.devices != nil {
		return nil
	}
	if err := checkOpenVINOCPU(runtime.GOARCH, OpenVINOKernels() != ""); err != nil {
		return err
	}
	found, err := FindOpenVINO(path)
	if err != nil {
		return &OpenVINOError{err, hintOfOpenVINO}
	}
	if err := binding.RegisterExecutionProviderLibrary(openVINOName, found); err != nil {
		return openVINOLoadError(found, err)
	}
	devices, err := openVINODevices()
	if err != nil {
		return errors.Join(err, binding.UnregisterExecutionProviderLibrary(openVINOName))
	}
	o.path, o.devices = found, devices
	return nil
}

// OpenVINOPath returns the plugin library that is loaded, or an empty string.
func (r *Runtime) OpenVINOPath() string {
	r.openVINO.mu.Lock()
	defer r.openVINO.mu.Unlock()
	return r.openVINO.path
}

// close unloads the library.
func (o *openVINO) close() error {
	if o.devices == nil {
		return nil
	}
	o.devices = nil
	return binding.UnregisterExecutionProviderLibrary(openVINOName)
}

// OpenVINOKernels names the instructions with which this CPU multiplies bf16: amx or avx512, or an empty
// string if it has none.
func OpenVINOKernels() string {
	switch {
	case cpu.X86.HasAMXBF16:
		return "amx"
	case cpu.X86.HasAVX512BF16:
		return "avx512"
	}
	return ""
}

// checkOpenVINOCPU returns an error unless a CPU gains by bf16: without its instructions OpenVINO computes in
// fp32, no faster than ONNX Runtime, and does not say so.
func checkOpenVINOCPU(arch string, bf16 bool) error {
	switch {
	case arch != "amd64":
		return &OpenVINOError{fmt.Errorf("the plugin is for x86-64, not for %s", arch), hintOfSlowCPU}
	case !bf16:
		return &OpenVINOError{errors.New("this CPU has no instructions for bf16 (avx512_bf16 or amx_bf16 in /proc/cpuinfo), without which nothing is gained"), hintOfSlowCPU}
	}
	return nil
}

// openVINODevices returns the device of the CPU.
func openVINODevices() ([]binding.EpDevice, error) {
	all, err := binding.GetEpDevices()
	if err != nil {
		return nil, fmt.Errorf("ort: list devices: %w", err)
	}
	var devices []binding.EpDevice
	for _, d := range all {
		if d.EpName() == openVINOName {
			devices = append(devices, d)
		}
	}
	return devices, checkOpenVINODevices(len(devices))
}

// checkOpenVINODevices returns an error unless there is one device. The binding returns the name of a device's
// provider and not whether it is a CPU, so that of several none can be chosen.
func checkOpenVINODevices(n int) error {
	switch {
	case n == 0:
		return &OpenVINOError{errors.New("the plugin loads, and offers no device for this CPU"),
			"plugin 1.8.1 takes CPUs of Intel only, whatever others can do; " + hintOfSlowCPU}
	case n > 1:
		return &OpenVINOError{fmt.Errorf("the plugin offers %d devices, of which one is the CPU", n),
			"delete libopenvino_intel_gpu_plugin.so and libopenvino_intel_npu_plugin.so beside the plugin, which are not needed"}
	}
	return nil
}

// openVINOLoadError puts an error of loading the library into words.
func openVINOLoadError(path string, err error) error {
	text := err.Error()
	if lib := missing.FindStringSubmatch(text); lib != nil {
		return &OpenVINOError{&failed{fmt.Sprintf("%s needs %s, which is not beside it", path, lib[1]), err}, "unpack all libraries of the wheel into one folder; see doc/openvino.md"}
	}
	if m := loading.FindStringSubmatch(text); m != nil {
		text = strings.TrimSpace(m[1])
	}
	return &OpenVINOError{&failed{fmt.Sprintf("%s cannot be loaded: %s", path, lastPart(text)), err}, hintOfOpenVINO}
}

// appendOpenVINO adds the provider. All nodes have to be its own: data would go to and fro otherwise, and
// nothing would be gained.
func (o *openVINO) append(opts *binding.SessionOptions, s SessionOptions) error {
	o.mu.Lock()
	devices := o.devices
	o.mu.Unlock()
	if devices == nil {
		return errors.New("ort: UseOpenVINO has to come before a session on OpenVINO")
	}
	settings, err := openVINOSettings(s)
	if err != nil {
		return err
	}
	return errors.Join(
		opts.AddSessionConfigEntry("session.disable_cpu_ep_fallback", "1"),
		opts.AppendExecutionProviderV2(devices, settings))
}

// openVINOSettings are the options of the provider: those of its CPU, as JSON.
func openVINOSettings(s SessionOptions) (map[string]string, error) {
	runs := max(s.Runs, 1)
	config, err := json.Marshal(map[string]map[string]string{"CPU": {
		"INFERENCE_PRECISION_HINT": "bf16",
		"NUM_STREAMS":              strconv.Itoa(runs), // runs side by side
		"INFERENCE_NUM_THREADS":    strconv.Itoa(runs * max(s.Threads, 1)),
		"ENABLE_CPU_PINNING":       "NO", // two processes would choose the same cores
	}})
	return map[string]string{"load_config": string(config)}, err
}
