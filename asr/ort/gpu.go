package ort

/*
#cgo linux LDFLAGS: -ldl
#include <dlfcn.h>
#include <stddef.h>
#include <stdlib.h>

// These are functions of NVIDIA's driver API (cuda.h) and of cuDNN (cudnn_version.h), whose
// headers are not needed to build this program.
typedef int (*fn_init)(unsigned);
typedef int (*fn_version)(int *);
typedef int (*fn_get)(int *, int);
typedef int (*fn_name)(char *, int, int);
typedef int (*fn_memory)(size_t *, int);
typedef int (*fn_attribute)(int *, int, int);
typedef size_t (*fn_cudnn)(void);

typedef struct { char name[128]; size_t memory; int driver, major, minor; size_t cudnn; } gpu_facts;

static int look_up(int index, gpu_facts *f) {
	void *lib = dlopen("libcuda.so.1", RTLD_NOW);
	if (!lib) return -1;
	fn_init init = (fn_init)dlsym(lib, "cuInit");
	fn_version version = (fn_version)dlsym(lib, "cuDriverGetVersion");
	fn_get get = (fn_get)dlsym(lib, "cuDeviceGet");
	fn_name name = (fn_name)dlsym(lib, "cuDeviceGetName");
	fn_memory memory = (fn_memory)dlsym(lib, "cuDeviceTotalMem_v2");
	fn_attribute attribute = (fn_attribute)dlsym(lib, "cuDeviceGetAttribute");
	if (!init || !version || !get || !name || !memory || !attribute) return -2;
	int device, err;
	if ((err = init(0)) || (err = version(&f->driver)) || (err = get(&device, index)) ||
	    (err = name(f->name, sizeof f->name, device)) || (err = memory(&f->memory, device)) ||
	    (err = attribute(&f->major, 75, device)) || (err = attribute(&f->minor, 76, device)))
		return err;
	void *dnn = dlopen("libcudnn.so.9", RTLD_NOW);
	fn_cudnn cudnn = dnn ? (fn_cudnn)dlsym(dnn, "cudnnGetVersion") : NULL;
	if (cudnn) f->cudnn = cudnn();
	return 0;
}
*/
import "C"

import (
	"errors"
	"fmt"
	"os"
	"regexp"
)

// GPU is what the driver says of a GPU.
type GPU struct {
	Name    string
	Memory  int64  // bytes
	Compute string // capability, such as "9.0"; of an H200
	CUDA    string // newest version of CUDA that the driver knows
	Driver  string // version of the driver, such as "580.95.05"; empty if it cannot be read
	CUDNN   string // version of cuDNN; empty if it is not installed
}

// GPUHere reports whether the system shows an NVIDIA GPU: by the driver's devices on Linux and
// under WSL 2, or by the driver itself. Whether it can be used is another question; see CheckCUDA.
func GPUHere() bool {
	for _, device := range []string{"/dev/nvidiactl", "/dev/dxg"} {
		if _, err := os.Stat(device); err == nil {
			return true
		}
	}
	_, err := lookUp(0)
	return err == nil
}

// GPU asks the driver for a GPU. The driver's library stays loaded, as that of the CUDA provider
// does.
func (r *Runtime) GPU(index int) (g GPU, err error) {
	err = r.handlers.keep(func() error {
		g, err = lookUp(index)
		return err
	})
	return g, err
}

func lookUp(index int) (GPU, error) {
	var f C.gpu_facts
	switch code := C.look_up(C.int(index), &f); {
	case code == -1:
		return GPU{}, &CUDAError{Err: errors.New("libcuda.so.1 is not installed, or not where the loader looks"), Hint: hintOfDriver}
	case code == -2:
		return GPU{}, &CUDAError{Err: errors.New("libcuda.so.1 lacks functions"), Hint: hintOfDriver}
	case code != 0:
		return GPU{}, &CUDAError{Err: fmt.Errorf("the driver says error %d about GPU %d", code, index), Hint: hintOfCode(int(code))}
	}
	g := GPU{Name: C.GoString(&f.name[0]), Memory: int64(f.memory), Compute: fmt.Sprintf("%d.%d", f.major, f.minor),
		CUDA: fmt.Sprintf("%d.%d", f.driver/1000, f.driver%1000/10), Driver: driver()}
	if v := f.cudnn; v > 0 {
		g.CUDNN = fmt.Sprintf("%d.%d.%d", v/10000, v%10000/100, v%100)
	}
	return g, nil
}

var driverVersion = regexp.MustCompile(`Kernel Module(?: for \S+)?\s+([\d.]+)`)

// driver returns the version of the driver's kernel module, which Linux shows.
func driver() string {
	raw, err := os.ReadFile("/proc/driver/nvidia/version")
	if err != nil {
		return ""
	}
	if m := driverVersion.FindSubmatch(raw); m != nil {
		return string(m[1])
	}
	return ""
}

// String says what the GPU is, for people.
func (g GPU) String() string {
	text := fmt.Sprintf("%s, %.0f GiB, compute capability %s, driver for CUDA %s", g.Name, float64(g.Memory)/(1<<30), g.Compute, g.CUDA)
	if g.Driver != "" {
		text += " (" + g.Driver + ")"
	}
	if g.CUDNN != "" {
		text += ", cuDNN " + g.CUDNN
	}
	return text
}
