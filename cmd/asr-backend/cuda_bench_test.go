package main

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"testing"

	"github.com/asr-backend/asr-backend/internal/cudatest"
	"github.com/asr-backend/asr-backend/internal/tones"
)

// BenchmarkCUDAHost measures what the processor does beside a GPU that takes no time: the processor
// time of `transcribe` over 64 recordings, per second of audio. What a start takes is left out, by
// the difference to short recordings.
//
//	ASR_BACKEND_BENCH_MODEL=FOLDER ASR_BACKEND_CUDA_STANDIN=.cache/cuda go test -run '^$' -bench CUDAHost ./cmd/asr-backend
func BenchmarkCUDAHost(b *testing.B) {
	model := os.Getenv("ASR_BACKEND_BENCH_MODEL")
	if model == "" || !cudatest.Available() {
		b.Skip("needs ASR_BACKEND_BENCH_MODEL and the stand-in")
	}
	env := cudatest.For(b, model).Env(b)
	dir := b.TempDir()
	program := os.Getenv("ASR_BACKEND_BENCH_PROGRAM")
	if program == "" {
		program = filepath.Join(dir, "asr-backend")
		if out, err := exec.Command("go", "build", "-o", program, ".").CombinedOutput(); err != nil {
			b.Fatalf("%v\n%s", err, out)
		}
	}
	const recordings = 64
	batch := os.Getenv("ASR_BACKEND_BENCH_BATCH")
	if batch == "" {
		batch = "16"
	}
	run := func(seconds int) float64 {
		args := []string{"transcribe", "--provider", "cuda", "--batch", batch, "--model", model, "--format", "json", "-o", filepath.Join(dir, "out"+strconv.Itoa(seconds))}
		for i := range recordings {
			path := filepath.Join(dir, fmt.Sprintf("%d-%d.wav", seconds, i))
			if _, err := os.Stat(path); err != nil {
				r := tones.Recording{Seconds: seconds, First: i}
				if err := os.WriteFile(path, r.WAV(), 0o644); err != nil {
					b.Fatal(err)
				}
			}
			args = append(args, path)
		}
		c := exec.Command(program, args...)
		c.Env = env
		if out, err := c.CombinedOutput(); err != nil {
			b.Fatalf("%v\n%s", err, out)
		}
		return (c.ProcessState.UserTime() + c.ProcessState.SystemTime()).Seconds()
	}
	const short, long = 30, 300
	for b.Loop() {
		b.ReportMetric((run(long)-run(short))/float64(recordings*(long-short))*1e6, "µs/audio-s")
	}
}
