package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"math"
	"os"
	"path/filepath"
	"strings"
)

// words compares what the model recognizes on the CPU and on the GPU. In fp32 every word must be
// the same; other precisions are reported.
func (c *checker) words(ctx context.Context) (string, error) {
	want, err := c.recognize(ctx, c.modelFlagsOn("cpu", c.model, "fp32", 0))
	if err != nil {
		return "", fmt.Errorf("on the CPU: %w", err)
	}
	if len(want) == 0 {
		return "", errors.New("no words were recognized on the CPU")
	}
	said := []string{fmt.Sprintf("%d words", len(want))}
	runs := []struct {
		model, precision string
		batch            int
	}{{c.model, "fp32", 0}, {c.model, "fp32", 1}, {c.model, "tf32", 0}}
	if c.half != "" {
		runs = append(runs, struct {
			model, precision string
			batch            int
		}{c.half, "fp16", 0})
	}
	for _, r := range runs {
		name := r.precision
		if r.batch > 0 {
			name += fmt.Sprintf(" in batches of %d", r.batch)
		}
		got, failure := c.recognize(ctx, c.modelFlags(r.model, r.precision, r.batch))
		if failure != nil {
			err = errors.Join(err, fmt.Errorf("%s: %w", name, failure))
			continue
		}
		same, apart := alike(want, got)
		said = append(said, fmt.Sprintf("%s: %d the same of %d, starts at most %.0f ms apart", name, same, len(got), 1000*apart))
		if r.precision == "fp32" && (same != len(want) || len(got) != len(want)) {
			err = errors.Join(err, fmt.Errorf("%s: not every word is the same", name))
		}
	}
	return strings.Join(said, "; "), err
}

type word struct {
	Word  string  `json:"word"`
	Start float64 `json:"start"`
}

// recognize returns the words of the recording of speech.
func (c *checker) recognize(ctx context.Context, flags []string) ([]word, error) {
	path, err := c.recording.speechWAV(ctx)
	if err != nil {
		return nil, err
	}
	out := filepath.Join(c.work, "words.json")
	if err := os.RemoveAll(out); err != nil {
		return nil, err
	}
	e, err := c.commands.asr(ctx, append([]string{"transcribe", "-q", "-f", "json", "-o", out, path}, flags...)...)
	if err == nil {
		err = e.problem()
	}
	if err != nil {
		return nil, err
	}
	raw, err := os.ReadFile(out)
	if err != nil {
		return nil, err
	}
	var t struct {
		Segments []struct{ Words []word }
	}
	if err := json.Unmarshal(raw, &t); err != nil {
		return nil, err
	}
	var all []word
	for _, s := range t.Segments {
		all = append(all, s.Words...)
	}
	return all, nil
}

// alike returns how many words of two transcripts are the same, by the longest common subsequence, and
// how far apart in seconds these start at most.
func alike(a, b []word) (same int, apart float64) {
	length := make([][]int, len(a)+1)
	for i := range length {
		length[i] = make([]int, len(b)+1)
	}
	for i := len(a) - 1; i >= 0; i-- {
		for j := len(b) - 1; j >= 0; j-- {
			length[i][j] = max(length[i+1][j], length[i][j+1])
			if a[i].Word == b[j].Word {
				length[i][j] = max(length[i][j], length[i+1][j+1]+1)
			}
		}
	}
	for i, j := 0, 0; i < len(a) && j < len(b); {
		switch {
		case a[i].Word == b[j].Word:
			apart = max(apart, math.Abs(a[i].Start-b[j].Start))
			i, j = i+1, j+1
		case length[i+1][j] >= length[i][j+1]:
			i++
		default:
			j++
		}
	}
	return length[0][0], apart
}
