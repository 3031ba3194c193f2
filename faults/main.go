package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"os"
	"os/signal"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"syscall"
	"time"
)

func main() {
	var o options
	var names, keep string
	var list bool
	flag.StringVar(&names, "scene", "", "`names` of scenes, separated by commas; empty: all")
	flag.BoolVar(&list, "list", false, "list the scenes")
	flag.StringVar(&o.program, "program", "bin/asr-backend", "`path` of the program under test")
	flag.StringVar(&o.model, "model", "testdata/models/toys/tones", "`folder` of the model that recognizes tones")
	flag.StringVar(&o.library, "onnxruntime", os.Getenv("ASR_BACKEND_ONNXRUNTIME"), "`path` of the ONNX Runtime library; empty: as the program finds it")
	flag.StringVar(&keep, "keep", "", "`folder` that keeps logs and data; empty: a temporary one, removed at the end")
	flag.BoolVar(&o.short, "short", false, "small sizes, for minutes rather than hours")
	flag.IntVar(&o.tasks, "n", 0, "tasks of each scene; 0: as many as the scene wants")
	flag.IntVar(&o.kills, "kills", 0, "kills of each scene that kills; 0: as many as the scene wants")
	flag.Uint64Var(&o.seed, "seed", uint64(time.Now().UnixNano()), "`number` that random moments come from")
	flag.IntVar(&o.parallel, "parallel", 1, "scenes that run at once; most of the time of a scene is waiting")
	flag.BoolVar(&o.asJSON, "json", false, "print the results as JSON")
	flag.BoolVar(&o.verbose, "v", false, "print what the scenes do")
	flag.Parse()
	if list {
		for _, s := range scenes {
			fmt.Printf("%-11s %s\n", s.name, s.what)
		}
		return
	}
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	ok, err := play(ctx, o, names, keep)
	if err != nil {
		fmt.Fprintln(os.Stderr, "faults:", err)
	}
	if err != nil || !ok {
		stop()
		os.Exit(1)
	}
}

// play plays scenes and prints what they found. ok is false if something was lost, doubled or
// wrong.
func play(ctx context.Context, o options, names, keep string) (ok bool, err error) {
	chosen, err := choose(names)
	if err != nil {
		return false, err
	}
	for _, path := range []*string{&o.program, &o.model, &o.library} {
		if *path == "" {
			continue
		}
		if *path, err = filepath.Abs(*path); err != nil {
			return false, err
		}
		if _, err := os.Stat(*path); err != nil {
			return false, fmt.Errorf("%w; run `make build`, and this from the root of the project", err)
		}
	}
	if keep != "" {
		if err := os.MkdirAll(keep, 0o755); err != nil {
			return false, err
		}
	}
	if o.dir, err = os.MkdirTemp(keep, "faults-"); err != nil {
		return false, err
	}
	if o.dir, err = filepath.Abs(o.dir); err != nil {
		return false, err
	}
	if keep == "" {
		defer func() { err = errors.Join(err, os.RemoveAll(o.dir)) }()
	} else {
		fmt.Fprintf(os.Stderr, "logs and data: %s\n", o.dir)
	}
	fmt.Fprintf(os.Stderr, "seed %d\n", o.seed)
	results := make([]Result, len(chosen))
	var wg sync.WaitGroup
	places := make(chan struct{}, max(o.parallel, 1))
	for i, s := range chosen {
		places <- struct{}{}
		wg.Go(func() {
			results[i] = s.play(ctx, o)
			<-places
		})
	}
	wg.Wait()
	return !slices.ContainsFunc(results, Result.Failed), write(os.Stdout, results, o.asJSON)
}

// choose returns the scenes with these names, all if there are none.
func choose(names string) ([]scene, error) {
	if names == "" {
		return scenes, nil
	}
	var out []scene
	for name := range strings.SplitSeq(names, ",") {
		i := slices.IndexFunc(scenes, func(s scene) bool { return s.name == name })
		if i < 0 {
			return nil, fmt.Errorf("no scene %q; -list shows all", name)
		}
		out = append(out, scenes[i])
	}
	return out, nil
}
