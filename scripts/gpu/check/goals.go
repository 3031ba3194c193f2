package main

import (
	"context"
	"errors"
	"fmt"
	"strings"
)

// The goals, for one H200 and 16 cores, a model of 115M parameters in fp16: seconds of audio in a
// second.
const (
	goalRun = 15000 // the model alone
	goalWAV = 10000 // many recordings, from file to transcript
	goalMP3 = 8000
)

// goals compares what was measured in fp16 with the goals.
func (c *checker) goals(context.Context) (string, error) {
	if c.quick || c.provider != "cuda" {
		return "", skip("only for a full check of a GPU")
	}
	best := map[string]float64{}
	for _, b := range c.results.Bench {
		if b.Precision == "fp16" {
			best["Run"] = max(best["Run"], b.Run)
		}
	}
	for _, t := range c.results.Files {
		if t.Precision == "fp16" {
			best[t.What] = max(best[t.What], t.RTFx)
		}
	}
	var said []string
	var err error
	for _, g := range []struct {
		what string
		goal float64
	}{{"Run", goalRun}, {"wav", goalWAV}, {"mp3", goalMP3}} {
		got, ok := best[g.what]
		switch {
		case !ok:
			said = append(said, g.what+" was not measured in fp16")
		case got < g.goal:
			err = errors.Join(err, fmt.Errorf("%s is below its goal", g.what))
			fallthrough
		default:
			said = append(said, fmt.Sprintf("%s %.0fx of %.0fx", g.what, got, g.goal))
		}
	}
	if len(best) == 0 {
		return "", skip("nothing was measured in fp16")
	}
	return strings.Join(said, "; "), err
}
