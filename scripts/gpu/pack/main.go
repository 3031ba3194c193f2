// Command pack puts all that the check of a GPU host needs into one archive: for a host without a
// network, without Go, and without a copy of the project.
//
//	go run ./scripts/gpu/pack [-full FOLDER] [-part-size 54M] [-arch 90]
//
// The archive holds the program, the check (scripts/gpu/check), ONNX Runtime with its CUDA provider,
// speech as FLAC and MP3, the embedded model in fp16 and, if -full names the folder of a model of
// full size, the recipe for one of that shape with random weights (scripts/gpu/fullsize). NVIDIA's
// own libraries are not in it.
//
// # Parts
//
// With -part-size the archive is cut into folders 1, 2 and so on, each with a take.sh. It stores its part
// on the host, says which are missing, and unpacks all once they are there. So they can travel through a
// channel that takes only so much at once.
//
// # One kind of GPU
//
// The CUDA provider holds each kernel once for every kind of GPU that it supports. With -arch 90 the
// code for others is emptied, and the provider packs to 54 MB instead of 187. That is for a check of one
// kind of GPU, and never for a release.
//
// It needs git, Go, tar, xz and ffmpeg.
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"log"
	"os"
	"os/exec"
	"os/signal"
	"path/filepath"
	"strconv"
	"strings"
)

type options struct {
	out, full, runtime string
	arch               int
	partSize           int64
}

func main() {
	log.SetFlags(0)
	log.SetPrefix("pack: ")
	var o options
	flag.StringVar(&o.out, "out", ".cache/gpu-check", "folder for the archive and its parts")
	flag.StringVar(&o.full, "full", "", "folder of a model of full size whose shape to take")
	flag.StringVar(&o.runtime, "onnxruntime", ".cache/cuda/onnxruntime", "folder of ONNX Runtime for CUDA; downloaded if it is not there")
	arch := flag.String("arch", "all", "compute capability of the GPU, such as 90, or all")
	size := flag.String("part-size", "", "size of a part, such as 54M; empty: no parts")
	flag.Parse()
	var err error
	if *arch != "all" {
		if o.arch, err = strconv.Atoi(*arch); err != nil {
			log.Fatalf("-arch %s: a number such as 90, or all", *arch)
		}
	}
	if o.partSize, err = parseSize(*size); err != nil {
		log.Fatalf("-part-size %s: a number of bytes, or of MiB as in 54M", *size)
	}
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt)
	defer stop()
	if err := pack(ctx, o); err != nil {
		stop()
		log.Fatal(err)
	}
}

func parseSize(s string) (int64, error) {
	if s == "" {
		return 0, nil
	}
	number, mega := strings.CutSuffix(s, "M")
	n, err := strconv.ParseInt(number, 10, 32)
	if err == nil && n <= 0 {
		err = errors.New("not positive")
	}
	if mega {
		n <<= 20
	}
	return n, err
}

func pack(ctx context.Context, o options) error {
	stage := filepath.Join(o.out, "stage")
	if err := errors.Join(os.RemoveAll(stage), os.MkdirAll(stage, 0o755)); err != nil {
		return err
	}
	for _, part := range []struct {
		what string
		add  func(ctx context.Context, o options, stage string) error
	}{{"the program", addProgram}, {"ONNX Runtime", addRuntime}, {"speech", addSpeech}, {"the embedded model in fp16", addHalf}, {"the model of full size", addFull}} {
		log.Print(part.what)
		if err := part.add(ctx, o, stage); err != nil {
			return fmt.Errorf("%s: %w", part.what, err)
		}
	}
	log.Print("packing, which takes some minutes")
	archive := filepath.Join(o.out, "gpu-check.tar.xz")
	if err := run(ctx, "sh", "-c", `tar -C "$1" --sort=name --owner=0 --group=0 -c . | xz -T2 --lzma2=preset=3,dict=64MiB >"$2.part" && mv "$2.part" "$2"`, "sh", stage, archive); err != nil {
		return err
	}
	info, err := os.Stat(archive)
	if err != nil {
		return err
	}
	log.Printf("%s: %.1f MiB", archive, float64(info.Size())/(1<<20))
	if err := os.RemoveAll(stage); err != nil || o.partSize == 0 {
		return err
	}
	count, err := cut(archive, o.out, o.partSize)
	if err != nil {
		return err
	}
	log.Printf("%d parts: transfer %s, run take.sh in each, then /tmp/gpu-check/program/gpu-check", count, filepath.Join(o.out, fmt.Sprintf("{1..%d}", count)))
	return nil
}

// run runs a program that says on standard error what is wrong.
func run(ctx context.Context, name string, args ...string) error {
	c := exec.CommandContext(ctx, name, args...)
	c.Stdout, c.Stderr = os.Stderr, os.Stderr
	if err := c.Run(); err != nil {
		return fmt.Errorf("%s: %w", name, err)
	}
	return nil
}

func copyFile(from, to string) error {
	raw, err := os.ReadFile(from)
	if err != nil {
		return err
	}
	return os.WriteFile(to, raw, 0o644)
}
