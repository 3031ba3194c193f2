package ort

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

func TestThePluginOfOpenVINOIsFoundWhereItIsNamed(t *testing.T) {
	dir := t.TempDir()
	if got, err := FindOpenVINO(dir); err == nil || !strings.Contains(err.Error(), dir) {
		t.Errorf("an empty folder: got %q, %v, want an error with the folder", got, err)
	}
	if got, err := FindOpenVINO(filepath.Join(dir, "nowhere.so")); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("no file: got %q, %v", got, err)
	}
	file := filepath.Join(dir, "libonnxruntime_providers_openvino_plugin.so")
	for _, name := range []string{file + ".1.8.1", filepath.Join(dir, "libonnxruntime.so")} {
		if err := os.WriteFile(name, nil, 0o666); err != nil {
			t.Fatal(err)
		}
	}
	if got, err := FindOpenVINO(dir); err != nil || got != file+".1.8.1" {
		t.Errorf("a folder with a version: got %q, %v", got, err)
	}
	if err := os.WriteFile(file, nil, 0o666); err != nil {
		t.Fatal(err)
	}
	for _, path := range []string{dir, file} {
		if got, err := FindOpenVINO(path); err != nil || got != file {
			t.Errorf("%s: got %q, %v", path, got, err)
		}
		t.Setenv(OpenVINOVariable, path)
		if got, err := FindOpenVINO(""); err != nil || got != file {
			t.Errorf("%s in the environment: got %q, %v", path, got, err)
		}
	}
}

func TestThePluginOfOpenVINOIsFoundBesideTheProgram(t *testing.T) {
	t.Setenv(OpenVINOVariable, "")
	exe, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	if _, err := FindOpenVINO(""); err == nil {
		t.Skip("it is installed on this machine")
	} else if !strings.Contains(err.Error(), filepath.Dir(exe)) {
		t.Errorf("got %v, want the folder of the program", err)
	}
	folder := filepath.Join(filepath.Dir(exe), "openvino")
	if err := os.Mkdir(folder, 0o777); err != nil {
		t.Fatal(err)
	}
	defer os.RemoveAll(folder)
	file := filepath.Join(folder, "libonnxruntime_providers_openvino_plugin.so")
	if err := os.WriteFile(file, nil, 0o666); err != nil {
		t.Fatal(err)
	}
	if got, err := FindOpenVINO(""); err != nil || got != file {
		t.Errorf("got %q, %v, want %s", got, err, file)
	}
}

// The messages of the loader are those of ONNX Runtime 1.31.1.
func TestWhatOpenVINOLacksIsPutIntoWords(t *testing.T) {
	load := func(said string) error {
		return openVINOLoadError("/opt/plugin.so", fmt.Errorf("register: %w", errors.New(said)))
	}
	for _, c := range []struct {
		err        error
		want, hint string
	}{
		{load("Failed to load library /opt/plugin.so with error: libopenvino.so.2641: cannot open shared object file: No such file or directory"),
			"OpenVINO: /opt/plugin.so needs libopenvino.so.2641, which is not beside it", "one folder"},
		{load("Failed to load library /opt/plugin.so with error: /opt/plugin.so: file too short"),
			"OpenVINO: /opt/plugin.so cannot be loaded: /opt/plugin.so: file too short", "onnxruntime-ep-openvino"},
		{load("Failed to get symbol CreateEpFactories with error: /opt/plugin.so: undefined symbol: CreateEpFactories"),
			"OpenVINO: /opt/plugin.so cannot be loaded: /opt/plugin.so: undefined symbol: CreateEpFactories", "onnxruntime-ep-openvino"},
		{checkOpenVINOCPU("arm64", false), "OpenVINO: the plugin is for x86-64, not for arm64", "int8"},
		{checkOpenVINOCPU("amd64", false), "OpenVINO: this CPU has no instructions for bf16 (avx512_bf16 or amx_bf16 in /proc/cpuinfo), without which nothing is gained", "int8"},
		{checkOpenVINODevices(0), "OpenVINO: the plugin loads, and offers no device for this CPU", "Intel"},
		{checkOpenVINODevices(2), "OpenVINO: the plugin offers 2 devices, of which one is the CPU", "libopenvino_intel_gpu_plugin.so"},
	} {
		e, ok := errors.AsType[*OpenVINOError](c.err)
		if !ok || !errors.Is(c.err, ErrOpenVINO) || c.err.Error() != c.want || !strings.Contains(e.Hint(), c.hint) {
			t.Errorf("got  %v\nwant %s\nhint %q, want %q", c.err, c.want, e.Hint(), c.hint)
		}
	}
	if err := errors.Join(checkOpenVINOCPU("amd64", true), checkOpenVINODevices(1)); err != nil {
		t.Error(err)
	}
}

func TestOpenVINOComputesInItsOwnThreads(t *testing.T) {
	got, err := openVINOSettings(SessionOptions{Threads: 2, Runs: 8})
	const want = `{"CPU":{"ENABLE_CPU_PINNING":"NO","INFERENCE_NUM_THREADS":"16","INFERENCE_PRECISION_HINT":"bf16","NUM_STREAMS":"8"}}`
	if err != nil || len(got) != 1 || got["load_config"] != want {
		t.Errorf("got %v, %v, want %s", got, err, want)
	}
}
