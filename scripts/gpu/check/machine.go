package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"runtime"
	"slices"
	"strconv"
	"strings"
	"time"
)

// steps are all of them, in their order: what is cheap and decides most comes first.
func (c *checker) steps() []step {
	all := []step{
		{"machine", 20 * time.Second, c.machine},
		{"libraries", 20 * time.Second, c.loads},
		{"doctor", 60 * time.Second, c.doctor},
		{"words: the same on CPU and GPU", 120 * time.Second, c.words},
		{"signals", 180 * time.Second, c.signals},
		{"service", 90 * time.Second, c.service},
		{"full size: the model", 120 * time.Second, c.makeFull},
	}
	for _, p := range []string{"fp32", "tf32", "fp16"} {
		all = append(all, step{"full size: " + p + " is accepted", 120 * time.Second, func(ctx context.Context) (string, error) { return c.accept(ctx, p) }})
	}
	for _, b := range []benched{{Precision: "fp16", Batch: 64}, {Precision: "fp16", Batch: 16}, {Precision: "fp16", Batch: 128}, {Precision: "tf32", Batch: 64}, {Precision: "tf32", Batch: 16}, {Precision: "fp32", Batch: 16}} {
		name := fmt.Sprintf("bench %s batch %d", b.Precision, b.Batch)
		all = append(all, step{name, 75 * time.Second, func(ctx context.Context) (string, error) { return c.bench(ctx, b) }})
	}
	for _, what := range []string{"wav", "mp3", "short"} {
		all = append(all, step{"files " + what, 120 * time.Second, func(ctx context.Context) (string, error) { return c.files(ctx, what) }})
	}
	return append(all,
		step{"files long: memory stays", 150 * time.Second, c.long},
		step{"goals", time.Second, c.goals})
}

// machine reports what this machine is.
func (c *checker) machine(ctx context.Context) (string, error) {
	said := []string{strconv.Itoa(runtime.NumCPU()) + " cores"}
	if raw, err := os.ReadFile("/proc/meminfo"); err == nil {
		if m := regexp.MustCompile(`MemTotal:\s+(\d+) kB`).FindSubmatch(raw); m != nil {
			kb, err := strconv.Atoi(string(m[1]))
			if err != nil {
				return "", err
			}
			said = append(said, fmt.Sprintf("%d GiB", kb>>20))
		}
	}
	if raw, err := os.ReadFile("/proc/sys/kernel/osrelease"); err == nil {
		said = append(said, "Linux "+strings.TrimSpace(string(raw)))
	}
	e, err := c.commands.asr(ctx, "version")
	if err == nil {
		err = e.problem()
	}
	if err != nil {
		return "", err
	}
	said = append(said, strings.TrimSpace(strings.ReplaceAll(e.out, "\n", " ")))
	smi, err := c.commands.run(ctx, "nvidia-smi", "--query-gpu=name,driver_version,memory.total,compute_cap,pcie.link.gen.max,pcie.link.width.max", "--format=csv,noheader")
	if err != nil {
		return strings.Join(append(said, "no nvidia-smi"), ", "), nil
	}
	return strings.Join(append(said, strings.TrimSpace(smi.out)), ", "), nil
}

// loads finds libraries that the CUDA provider needs and the loader does not find.
func (c *checker) loads(ctx context.Context) (string, error) {
	if c.provider != "cuda" {
		return "", skip("only for a GPU")
	}
	dir := filepath.Dir(c.program)
	if c.library != "" {
		dir = filepath.Dir(c.library)
	}
	e, err := c.commands.run(ctx, "ldd", filepath.Join(dir, "libonnxruntime_providers_cuda.so"))
	if err == nil {
		err = e.problem()
	}
	if err != nil {
		return "", err
	}
	var missing []string
	for _, m := range regexp.MustCompile(`(?m)^\s*(\S+) => not found`).FindAllStringSubmatch(e.out, -1) {
		missing = append(missing, m[1])
	}
	if len(missing) > 0 {
		return "", fmt.Errorf("not found: %s; name their folders with -libraries", strings.Join(missing, " "))
	}
	return "the loader finds all that the CUDA provider needs", nil
}

// nvidiaLibraries returns the folders of NVIDIA's libraries that are not where the loader looks:
// those of Python packages and of the toolkit.
func nvidiaLibraries() string {
	var found []string
	for _, pattern := range []string{
		"/usr/lib/python3*/*-packages/nvidia/*/lib", "/usr/local/lib/python3*/*-packages/nvidia/*/lib", "/opt/*/lib/python3*/site-packages/nvidia/*/lib",
		"/root/.pyenv/versions/*/lib/python3*/site-packages/nvidia/*/lib", "/usr/local/cuda/lib64", "/usr/local/cuda/targets/*/lib", "/usr/local/nvidia/lib64"} {
		dirs, err := filepath.Glob(pattern)
		if err != nil {
			continue // the patterns are right
		}
		for _, dir := range dirs {
			files, err := filepath.Glob(filepath.Join(dir, "lib*.so*"))
			if err == nil && len(files) > 0 && !slices.Contains(found, dir) {
				found = append(found, dir)
			}
		}
	}
	return strings.Join(found, ":")
}

// doctor asks the program whether it can use the GPU.
func (c *checker) doctor(ctx context.Context) (string, error) {
	return c.examine(ctx, c.model, "fp32")
}

// examine runs the doctor with a model. It returns what is said of the GPU and the model, and an error
// unless both are fine and the model is where it has to be.
func (c *checker) examine(ctx context.Context, model, precision string) (string, error) {
	e, err := c.commands.asr(ctx, append([]string{"doctor", "--json"}, c.modelFlags(model, precision, 0)...)...)
	if err != nil {
		return "", err
	}
	var report struct {
		Findings []struct{ Check, Status, Detail, Hint string }
	}
	if err := json.Unmarshal([]byte(e.out), &report); err != nil {
		return "", errors.Join(err, e.problem())
	}
	var said []string
	want := map[string]string{"library": "", "cuda": "device ", "model": "on this GPU"}
	if c.provider != "cuda" {
		want["cuda"], want["model"] = "not used", "on this CPU"
	}
	for _, f := range report.Findings {
		has, ok := want[f.Check]
		if !ok {
			continue
		}
		delete(want, f.Check)
		if f.Check == "model" || f.Check == "cuda" && c.provider == "cuda" || f.Status != "ok" {
			said = append(said, f.Detail)
		}
		if f.Status != "ok" || !strings.Contains(f.Detail, has) {
			err = errors.Join(err, fmt.Errorf("%s: %s", f.Check, f.Status))
		}
		if m := regexp.MustCompile(`differs from the CPU by ([0-9.e+-]+)`).FindStringSubmatch(f.Detail); m != nil {
			name := map[bool]string{true: "full size", false: "embedded"}[model == c.fullModel()] + " " + precision
			if v, failed := strconv.ParseFloat(strings.TrimSuffix(m[1], ","), 64); failed == nil {
				c.results.Difference[name] = v
			}
		}
	}
	if len(want) > 0 {
		err = errors.Join(err, errors.New("the doctor has not looked at everything"), e.problem())
	}
	return strings.Join(said, "; "), err
}
