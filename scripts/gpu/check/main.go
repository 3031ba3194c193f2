// Command check runs asr-backend on a machine with a GPU, step by step, and reports what works and
// how fast it is. It needs nothing but the program with its libraries and, for the numbers, a
// model of full size.
//
//	check [-program FILE] [-full FOLDER] [-only REGEX] [-seconds N]
//	check -provider cpu -quick
//
// doc/gpu-check.md says what the steps are and what a pass looks like. A step that fails does not
// end the check, and each has a time limit of its own. The exit status is 1 if a step failed.
//
// What it writes, into the folder of -out:
//
//	summary.txt   a line a step, as on the screen
//	results.json  the same, with the figures
//	log.txt       every command, and what it printed
//	gpu.csv       use, memory, power and clock of the GPU, twice a second
//
// Beside itself it looks for what the packer (scripts/gpu/pack) puts there: the program, speech.flac,
// speech.mp3, full/ (the recipe of a full-size model) and embedded-fp16/.
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"log"
	"os"
	"os/signal"
	"path/filepath"
	"regexp"
	"syscall"
	"time"
)

type options struct {
	program, library, libraries string
	provider, model             string
	full, half, speech, mp3     string
	work, out                   string
	only                        *regexp.Regexp
	limit                       time.Duration
	quick                       bool
}

func main() {
	log.SetFlags(0)
	o, err := parse(os.Args[1:])
	if errors.Is(err, flag.ErrHelp) {
		return
	}
	if err != nil {
		log.Fatal("check: ", err)
	}
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	failed, err := check(ctx, o)
	if err != nil {
		log.Fatal("check: ", err)
	}
	if failed > 0 {
		stop()
		os.Exit(1)
	}
}

func parse(args []string) (o options, err error) {
	here := "."
	if path, err := os.Executable(); err == nil {
		here = filepath.Dir(path)
	}
	beside := func(name, otherwise string) string {
		if path := filepath.Join(here, name); exists(path) {
			return path
		}
		return otherwise
	}
	f := flag.NewFlagSet("check", flag.ContinueOnError)
	f.StringVar(&o.program, "program", beside("asr-backend", "bin/asr-backend"), "the program, with ONNX Runtime beside it")
	f.StringVar(&o.library, "onnxruntime", "", "ONNX Runtime library, if it is not beside the program")
	f.StringVar(&o.libraries, "libraries", "", "folders of NVIDIA's libraries, separated by colons; empty: searched for")
	f.StringVar(&o.provider, "provider", "cuda", "cuda, or cpu to try the check without a GPU")
	f.StringVar(&o.model, "model", "default", "model whose words are compared")
	f.StringVar(&o.full, "full", beside("full", ""), "model of full size, with its fp16 variant, or folder of its recipe; empty: the steps use -model")
	f.StringVar(&o.half, "embedded-fp16", beside("embedded-fp16", ""), "folder with the fp16 variant of -model")
	f.StringVar(&o.speech, "speech", beside("speech.flac", "testdata/speech/radio/gb0.flac"), "recording of speech, one minute or more")
	f.StringVar(&o.mp3, "mp3", beside("speech.mp3", ""), "the same as MP3 without tags; empty: made with ffmpeg")
	f.StringVar(&o.work, "work", filepath.Join(os.TempDir(), "gpu-check"), "folder for recordings and models, 6 GB")
	f.StringVar(&o.out, "out", "", "folder for results; empty: out in the folder of -work")
	only := f.String("only", "", "run only steps whose names match this regular expression")
	seconds := f.Int("seconds", 480, "when to end; steps that have not begun are left out")
	f.BoolVar(&o.quick, "quick", false, "little audio, small batches, and no goals")
	if err := f.Parse(args); err != nil {
		return o, err
	}
	if f.NArg() > 0 {
		return o, fmt.Errorf("%q is too much", f.Args())
	}
	if o.provider != "cuda" && o.provider != "cpu" {
		return o, fmt.Errorf("-provider %s: cuda or cpu are possible", o.provider)
	}
	if o.only, err = regexp.Compile("(?i)" + *only); err != nil {
		return o, fmt.Errorf("-only: %w", err)
	}
	if o.out == "" {
		o.out = filepath.Join(o.work, "out")
	}
	o.limit = time.Duration(*seconds) * time.Second
	// Commands run in a folder of their own.
	for _, path := range []*string{&o.program, &o.library, &o.full, &o.model, &o.half, &o.speech, &o.mp3, &o.work, &o.out} {
		name := *path == "" || (path == &o.full || path == &o.model) && !exists(*path)
		if name {
			continue // of a model
		}
		if *path, err = filepath.Abs(*path); err != nil {
			return o, err
		}
	}
	return o, nil
}

func exists(path string) bool {
	_, err := os.Stat(path)
	return err == nil
}
