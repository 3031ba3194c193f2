package main

import (
	"context"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"time"

	"github.com/asr-backend/asr-backend/internal/plural"
)

// start measures the command with a recording of two seconds. The first run, which does not count, keeps
// the optimized graph.
func start(ctx context.Context, b *bench, w io.Writer) error {
	all, err := b.models(ctx)
	if err != nil {
		return err
	}
	path, err := b.speechFile(ctx, "start.wav", 2*time.Second)
	if err != nil {
		return err
	}
	size, err := os.Stat(b.program)
	if err != nil {
		return fmt.Errorf("no program: %w", err)
	}
	type row struct{ model, precision string }
	var rows []row
	var runs []contender
	for _, m := range all {
		for _, v := range m.variants {
			if v.name != optimized && v.name != int8s {
				continue
			}
			rows = append(rows, row{m.name, v.precision})
			runs = append(runs, contender{m.name + ", " + v.precision, b.command(2, "--model", m.path, "--precision", v.precision, path)})
		}
	}
	times, err := b.inTurns(ctx, 1, otherRounds, runs)
	if err != nil {
		return err
	}
	fmt.Fprintf(w, "| model | precision | s of CPU, least | median | s of wall, least | median |\n|---|---|---|---|---|---|\n")
	for i, r := range rows {
		cpu, wall := seconds(times[i], took.processor), seconds(times[i], took.passed)
		fmt.Fprintf(w, "| %s | %s | %.2f | %.2f | %.2f | %.2f |\n", r.model, r.precision, least(times[i], took.processor), quantile(cpu, 0.5), least(times[i], took.passed), quantile(wall, 0.5))
	}
	fmt.Fprintf(w, "\n%s. The program has %d MB, with the embedded model of %s in it.\n", plural.Count(b.count(otherRounds), "round"), size.Size()>>20, modelSize(b.root))
	return nil
}

// modelSize is that of the graph of the embedded model.
func modelSize(root string) string {
	s, err := os.Stat(filepath.Join(root, "models/default/model.onnx"))
	if err != nil {
		return "unknown size"
	}
	return fmt.Sprint(s.Size()>>20, " MB")
}

// command runs the program's command transcribe, with a cache of its own.
func (b *bench) command(threads int, args ...string) func(context.Context) (took, error) {
	return b.commandOn(nil, threads, args...)
}

// onOneCore runs it as if the machine had no other.
func (b *bench) onOneCore(args ...string) func(context.Context) (took, error) {
	return b.commandOn([]string{"taskset", "-c", "0"}, 1, args...)
}

// commandOn runs it through another program.
func (b *bench) commandOn(through []string, threads int, args ...string) func(context.Context) (took, error) {
	return func(ctx context.Context) (took, error) {
		to, err := os.MkdirTemp(b.work, "out-")
		if err != nil {
			return took{}, err
		}
		line := slices.Concat(through, []string{b.program, "transcribe", "--provider", "cpu", "--onnxruntime", b.runtime.Path(),
			"--threads", strconv.Itoa(threads), "-f", "json", "-o", to}, args)
		c := exec.CommandContext(ctx, line[0], line[1:]...)
		cache, err := filepath.Abs(b.cache)
		if err != nil {
			return took{}, err
		}
		c.Env = append(os.Environ(), "XDG_CACHE_HOME="+cache)
		t, _, err := timed(c)
		return t, err
	}
}
