package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"
	"time"
)

// checker is one check.
type checker struct {
	options
	began     time.Time
	commands  *commands
	summary   io.Writer
	results   results
	recording recordings
}

// results is what results.json holds.
type results struct {
	Began    time.Time `json:"began"`
	Provider string    `json:"provider"`
	Quick    bool      `json:"quick"`
	Steps    []result  `json:"steps"`
	// Difference is how far the GPU's log-probabilities are from the CPU's, by model and precision.
	Difference map[string]float64 `json:"difference"`
	Bench      []benched          `json:"bench"`
	Files      []throughput       `json:"files"`
	GPU        *gpuUse            `json:"gpu,omitempty"`
}

// result is how a step came out.
type result struct {
	Name    string  `json:"name"`
	Outcome outcome `json:"outcome"`
	Text    string  `json:"text"`
	Seconds float64 `json:"seconds"`
}

type outcome string

const (
	passed  outcome = "PASS"
	failed  outcome = "FAIL"
	skipped outcome = "SKIP"
)

// step is one thing that is checked. run returns what to report, and an error if the step failed;
// what it has found by then is reported too.
type step struct {
	name  string
	limit time.Duration
	run   func(ctx context.Context) (string, error)
}

// skip is the error of a step that cannot be made here.
type skip string

func (s skip) Error() string { return string(s) }

// check runs all steps, and returns how many failed.
func check(ctx context.Context, o options) (failures int, err error) {
	for _, dir := range []string{o.work, o.out, filepath.Join(o.work, "home")} {
		if err := os.MkdirAll(dir, 0o755); err != nil {
			return 0, err
		}
	}
	text, err := os.Create(filepath.Join(o.out, "summary.txt"))
	if err != nil {
		return 0, err
	}
	defer func() { err = errors.Join(err, text.Close()) }()
	log, err := os.Create(filepath.Join(o.out, "log.txt"))
	if err != nil {
		return 0, err
	}
	defer func() { err = errors.Join(err, log.Close()) }()
	c := &checker{options: o, began: time.Now(), summary: io.MultiWriter(os.Stdout, text)}
	c.commands = newCommands(o, log)
	c.recording = recordings{options: o}
	c.results = results{Began: c.began.UTC(), Provider: o.provider, Quick: o.quick, Difference: map[string]float64{}}
	ctx, cancel := context.WithDeadline(ctx, c.began.Add(o.limit))
	defer cancel()

	watcher := c.watch(ctx)
	for _, s := range c.steps() {
		if !o.only.MatchString(s.name) {
			continue
		}
		r := c.step(ctx, s)
		c.results.Steps = append(c.results.Steps, r)
		c.say("%s %s (%.1f s): %s", r.Outcome, r.Name, r.Seconds, r.Text)
		if err := c.save(); err != nil {
			return 0, err
		}
	}
	cancel()
	c.results.GPU = watcher.stop()
	counts := map[outcome][]string{}
	for _, r := range c.results.Steps {
		counts[r.Outcome] = append(counts[r.Outcome], r.Name)
	}
	if u := c.results.GPU; u != nil {
		c.say("GPU memory at most %.0f MiB, clock at most %.0f MHz", u.MemoryMiB, u.ClockMHz)
	}
	c.say("%d passed, %d failed, %d left out", len(counts[passed]), len(counts[failed]), len(counts[skipped]))
	if len(counts[failed]) > 0 {
		c.say("failed: %s", strings.Join(counts[failed], "; "))
	}
	return len(counts[failed]), c.save()
}

// step runs one step within its time.
func (c *checker) step(ctx context.Context, s step) result {
	r := result{Name: s.name}
	if err := ctx.Err(); err != nil {
		r.Outcome, r.Text = skipped, "no time left"
		return r
	}
	start := time.Now()
	ctx, cancel := context.WithTimeout(ctx, s.limit)
	defer cancel()
	text, err := s.run(ctx)
	r.Seconds, r.Outcome = time.Since(start).Seconds(), passed
	var left skip
	switch {
	case errors.As(err, &left):
		r.Outcome, text = skipped, err.Error()
	case err != nil:
		r.Outcome, text = failed, strings.TrimPrefix(text+"; "+err.Error(), "; ")
		if ctx.Err() != nil {
			text += fmt.Sprintf("; stopped after %.0f s", r.Seconds)
		}
	}
	r.Text = strings.ReplaceAll(text, "\n", "; ")
	return r
}

func (c *checker) say(format string, args ...any) {
	fmt.Fprintf(c.summary, "%6.1fs  %s\n", time.Since(c.began).Seconds(), fmt.Sprintf(format, args...))
}

func (c *checker) save() error {
	raw, err := json.MarshalIndent(c.results, "", " ")
	if err != nil {
		return err
	}
	return os.WriteFile(filepath.Join(c.out, "results.json"), append(raw, '\n'), 0o644)
}

// modelFlags are those of the program for a model.
func (c *checker) modelFlags(model, precision string, batch int) []string {
	return c.modelFlagsOn(c.provider, model, precision, batch)
}

func (c *checker) modelFlagsOn(provider, model, precision string, batch int) []string {
	args := []string{"--provider", provider, "--model", model, "--precision", precision, "--batch", fmt.Sprint(batch)}
	if c.library != "" {
		args = append(args, "--onnxruntime", c.library)
	}
	return args
}
