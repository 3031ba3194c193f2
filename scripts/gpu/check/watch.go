package main

import (
	"context"
	"encoding/csv"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
)

// gpuUse is the most that was seen of the GPU.
type gpuUse struct {
	MemoryMiB  float64 `json:"memory_mib"`
	Percent    float64 `json:"percent"` // of time in which something ran
	PowerWatts float64 `json:"power_watts"`
	ClockMHz   float64 `json:"clock_mhz"`
}

// watcher is nvidia-smi, which writes gpu.csv while the check runs.
type watcher struct {
	cmd  *exec.Cmd
	path string
}

// watch starts it, if there is one. It ends with the context.
func (c *checker) watch(ctx context.Context) *watcher {
	w := &watcher{path: filepath.Join(c.out, "gpu.csv")}
	if c.provider != "cuda" {
		return w
	}
	f, err := os.Create(w.path)
	if err != nil {
		c.say("gpu.csv: %v", err)
		return w
	}
	defer f.Close()
	w.cmd = exec.CommandContext(ctx, "nvidia-smi", "--query-gpu=timestamp,utilization.gpu,memory.used,power.draw,clocks.sm,temperature.gpu", "--format=csv,nounits", "-lms", "500")
	w.cmd.Stdout = f
	if w.cmd.Start() != nil { // there is no nvidia-smi, as the step of the machine says
		w.cmd = nil
	}
	return w
}

// stop waits for the end, which the context brings, and returns what was seen.
func (w *watcher) stop() *gpuUse {
	if w.cmd == nil {
		return nil
	}
	_ = w.cmd.Wait() // it was killed
	raw, err := os.ReadFile(w.path)
	if err != nil {
		return nil
	}
	r := csv.NewReader(strings.NewReader(string(raw)))
	r.FieldsPerRecord, r.TrimLeadingSpace = -1, true
	lines, err := r.ReadAll()
	if err != nil || len(lines) < 2 {
		return nil
	}
	u := &gpuUse{}
	for _, line := range lines[1:] {
		for i, most := range map[int]*float64{1: &u.Percent, 2: &u.MemoryMiB, 3: &u.PowerWatts, 4: &u.ClockMHz} {
			if i >= len(line) {
				continue // the last line may be cut off
			}
			if v, err := strconv.ParseFloat(line[i], 64); err == nil { // or "[N/A]"
				*most = max(*most, v)
			}
		}
	}
	return u
}
