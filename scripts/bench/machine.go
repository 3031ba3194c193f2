package main

import (
	"context"
	"fmt"
	"io"
	"os"
	"runtime"
	"slices"
	"strings"
)

// machine says what computes.
func machine(_ context.Context, b *bench, w io.Writer) error {
	name, flags := "unknown CPU", []string(nil)
	raw, err := os.ReadFile("/proc/cpuinfo")
	if err == nil {
		name, flags = processor(string(raw))
	}
	fmt.Fprintf(w, "%s, %d cores, %s; ONNX Runtime %s, %s.\n", name, runtime.NumCPU(), strings.Join(flags, " "), b.runtime.Version(), runtime.Version())
	return nil
}

// processor reads the name of the CPU and those of its flags that products use from /proc/cpuinfo.
func processor(info string) (name string, flags []string) {
	for line := range strings.Lines(info) {
		key, value, _ := strings.Cut(line, ":")
		switch strings.TrimSpace(key) {
		case "model name":
			name = strings.TrimSpace(value)
		case "flags", "Features": // x86, ARM
			flags = strings.Fields(value)
		}
	}
	return name, slices.DeleteFunc(flags, func(f string) bool {
		return !slices.Contains([]string{"avx2", "avx512f", "avx_vnni", "avx512_vnni", "avx512_bf16", "amx_int8", "amx_bf16", "asimddp", "i8mm", "sve", "bf16"}, f)
	})
}
