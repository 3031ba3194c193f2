package main

import (
	"context"
	"debug/elf"
	"errors"
	"fmt"
	"log"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"

	"github.com/asr-backend/asr-backend/asr/ort"
	"github.com/asr-backend/asr-backend/scripts/gpu/fullsize"
	"github.com/asr-backend/asr-backend/scripts/gpu/fullsize/model"
)

// addProgram builds the program and the check.
func addProgram(ctx context.Context, _ options, stage string) error {
	version, err := exec.CommandContext(ctx, "git", "describe", "--tags", "--always", "--dirty").Output()
	if err != nil {
		return fmt.Errorf("git describe: %w", err)
	}
	program := filepath.Join(stage, "asr-backend")
	err = errors.Join(
		run(ctx, "go", "build", "-trimpath", "-ldflags", "-s -w -X main.version="+strings.TrimSpace(string(version)), "-o", program, "./cmd/asr-backend"),
		run(ctx, "env", "CGO_ENABLED=0", "go", "build", "-trimpath", "-ldflags", "-s -w", "-o", filepath.Join(stage, "gpu-check"), "./scripts/gpu/check"))
	if err != nil {
		return err
	}
	needed, err := libcNeeded(program)
	log.Printf("it needs glibc 2.%d or later", needed)
	return err
}

// libcNeeded returns the minor version of glibc that a program needs.
func libcNeeded(path string) (minor int, err error) {
	f, err := elf.Open(path)
	if err != nil {
		return 0, err
	}
	defer f.Close()
	symbols, err := f.ImportedSymbols()
	if err != nil {
		return 0, err
	}
	for _, s := range symbols {
		if after, ok := strings.CutPrefix(s.Version, "GLIBC_2."); ok {
			number, _, _ := strings.Cut(after, ".")
			if n, err := strconv.Atoi(number); err == nil {
				minor = max(minor, n)
			}
		}
	}
	return minor, nil
}

// addRuntime adds ONNX Runtime for CUDA.
func addRuntime(ctx context.Context, o options, stage string) error {
	const provider = "libonnxruntime_providers_cuda.so"
	if _, err := os.Stat(filepath.Join(o.runtime, provider)); err != nil {
		if err := run(ctx, "scripts/library-cuda.sh", o.runtime); err != nil {
			return err
		}
	}
	for _, name := range []string{"libonnxruntime.so", "libonnxruntime_providers_shared.so", "onnxruntime-LICENSE", "onnxruntime-ThirdPartyNotices.txt"} {
		if err := copyFile(filepath.Join(o.runtime, name), filepath.Join(stage, name)); err != nil {
			return err
		}
	}
	raw, err := os.ReadFile(filepath.Join(o.runtime, provider))
	if err != nil {
		return err
	}
	if o.arch != 0 {
		kept, emptied, err := onlyArch(raw, o.arch)
		if err != nil {
			return err
		}
		log.Printf("%d MiB of code for GPUs of compute capability %d, %d MiB for others emptied", kept>>20, o.arch, emptied>>20)
	}
	return os.WriteFile(filepath.Join(stage, provider), raw, 0o644)
}

// addSpeech adds two minutes of radio as FLAC, and as MP3 that may be repeated by writing it twice.
func addSpeech(ctx context.Context, _ options, stage string) error {
	const radio = "testdata/speech/radio/gb0.flac"
	return errors.Join(copyFile(radio, filepath.Join(stage, "speech.flac")),
		run(ctx, "ffmpeg", "-nostdin", "-loglevel", "error", "-y", "-i", radio, "-ar", "44100", "-ac", "2", "-b:a", "128k",
			"-write_xing", "0", "-id3v2_version", "0", filepath.Join(stage, "speech.mp3")))
}

// addHalf adds the embedded model's fp16 variant.
func addHalf(_ context.Context, _ options, stage string) error {
	to := filepath.Join(stage, "embedded-fp16")
	if err := os.Mkdir(to, 0o755); err != nil {
		return err
	}
	full, err := os.ReadFile("models/default/model.onnx")
	if err != nil {
		return err
	}
	half, err := fullsize.Half(full)
	if err != nil {
		return err
	}
	if err := os.WriteFile(filepath.Join(to, "model.fp16.onnx"), half, 0o644); err != nil {
		return err
	}
	for _, name := range []string{"model.json", "tokens.txt", "tokenizer.model"} {
		if err := copyFile(filepath.Join("models/default", name), filepath.Join(to, name)); err != nil {
			return err
		}
	}
	return nil
}

// addFull adds the recipe of a model of full size. To see how rows of random weights lie, the model is
// made and run here.
func addFull(ctx context.Context, o options, stage string) error {
	if o.full == "" {
		log.Print("none: -full names no folder")
		return nil
	}
	raw, err := os.ReadFile(filepath.Join(o.full, "model.onnx"))
	if err != nil {
		return err
	}
	recipe, err := fullsize.Strip(raw)
	if err != nil {
		return err
	}
	made, to := filepath.Join(o.out, "full"), filepath.Join(stage, "full")
	if err := errors.Join(os.RemoveAll(made), os.Mkdir(made, 0o755), os.Mkdir(to, 0o755)); err != nil {
		return err
	}
	for _, dir := range []string{made, to} {
		if err := copyFile(filepath.Join(o.full, "tokens.txt"), filepath.Join(dir, "tokens.txt")); err != nil {
			return err
		}
	}
	library, err := ort.Open(o.runtime)
	if err != nil {
		return err
	}
	raw, err = model.Make(ctx, library, recipe, made, fullsize.BlankShare)
	if err = errors.Join(err, library.Close()); err != nil {
		return err
	}
	if recipe, err = fullsize.KeepHead(recipe, raw); err != nil {
		return err
	}
	return os.WriteFile(filepath.Join(to, "recipe.onnx"), recipe, 0o644)
}
