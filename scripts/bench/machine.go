package main

import (
	"context"
	"fmt"
	"io"
	"os"
	"runtime"
	"slices"
	"strconv"
	"strings"
	"time"
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

// beside says how much of the machine other programs have used, which is how much wall times mean.
func beside(others, meanwhile time.Duration) string {
	return fmt.Sprintf("Other programs used %.1f of the cores meanwhile.", max(0, others.Seconds()/meanwhile.Seconds()))
}

// busyTime is what all programs have used of the processors since the system started, or 0 where that cannot
// be read.
func busyTime() time.Duration {
	raw, err := os.ReadFile("/proc/stat")
	if err != nil {
		return 0
	}
	return busy(string(raw))
}

// busy reads the first line of /proc/stat: cpu user nice system idle iowait irq softirq steal, in hundredths of
// a second. A virtual machine that does not run is not counted.
func busy(stat string) time.Duration {
	line, _, _ := strings.Cut(stat, "\n")
	var all time.Duration
	for i, field := range strings.Fields(line) {
		switch i {
		case 1, 2, 3, 6, 7:
			n, err := strconv.ParseInt(field, 10, 64)
			if err != nil {
				return 0
			}
			all += time.Duration(n) * 10 * time.Millisecond
		}
	}
	return all
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
