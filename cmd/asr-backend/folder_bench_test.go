package main

import (
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"testing"
	"time"

	"github.com/asr-backend/asr-backend/audio"
	"github.com/asr-backend/asr-backend/internal/oracle"
	"github.com/asr-backend/asr-backend/internal/wavfile"
	"github.com/asr-backend/asr-backend/timeline"
)

// BenchmarkFolderOfShortFiles measures how much less time two threads take than one for a folder of 200
// files of 4 s of speech. What a start takes is left out, by the difference to one file. Both run in
// turns; the ratio is the median of pairs, and that of the shortest runs.
//
//	ASR_BACKEND_ONNXRUNTIME=$PWD/bin/libonnxruntime.so go test -run '^$' -bench FolderOfShortFiles -benchtime 5x ./cmd/asr-backend
func BenchmarkFolderOfShortFiles(b *testing.B) {
	oracle.NeedLibrary(b)
	dir := b.TempDir()
	program := os.Getenv("ASR_BACKEND_BENCH_PROGRAM")
	if program == "" {
		program = filepath.Join(dir, "asr-backend")
		if out, err := exec.Command("go", "build", "-o", program, ".").CombinedOutput(); err != nil {
			b.Fatalf("%v\n%s", err, out)
		}
	}
	shortFiles(b, filepath.Join(dir, "many"), 200)
	shortFiles(b, filepath.Join(dir, "one"), 1)
	run := func(folder string, threads int) time.Duration {
		c := exec.Command(program, "transcribe", "--provider", "cpu", "--threads", strconv.Itoa(threads), "-f", "json", "-o", filepath.Join(dir, "out"), filepath.Join(dir, folder))
		start := time.Now()
		if out, err := c.CombinedOutput(); err != nil {
			b.Fatalf("%v\n%s", err, out)
		}
		return time.Since(start)
	}
	var walls [2][]float64
	var ratios []float64
	for b.Loop() {
		var wall [2]float64
		for _, threads := range []int{1, 2} {
			wall[threads-1] = (run("many", threads) - run("one", threads)).Seconds()
			walls[threads-1] = append(walls[threads-1], wall[threads-1])
		}
		ratios = append(ratios, wall[1]/wall[0])
	}
	slices.Sort(ratios)
	b.ReportMetric(ratios[len(ratios)/2], "two/one")
	b.ReportMetric(slices.Min(walls[1])/slices.Min(walls[0]), "two/one-shortest")
	b.ReportMetric(slices.Min(walls[1]), "s-two")
	b.ReportMetric(slices.Min(walls[0]), "s-one")
}

// shortFiles writes files of 4 s of radio speech, each begun 0.6 s later than the one before.
func shortFiles(b *testing.B, dir string, files int) {
	s, err := audio.Open(b.Context(), oracle.Data(b, "speech", "radio", "gb0.flac"), audio.Options{})
	if err != nil {
		b.Fatal(err)
	}
	defer s.Close() // only read
	var samples []float32
	for {
		block, err := s.Next()
		if errors.Is(err, io.EOF) {
			break
		}
		if err != nil {
			b.Fatal(err)
		}
		samples = append(samples, block.Channels[0]...)
	}
	if err := os.Mkdir(dir, 0o777); err != nil {
		b.Fatal(err)
	}
	const length, later = 4 * timeline.SampleRate, 3 * timeline.SampleRate / 5
	for i := range files {
		from := i * int(later) % (len(samples) - int(length))
		content, err := wavfile.Encode(samples[from:from+int(length)], timeline.SampleRate, 1)
		if err == nil {
			err = os.WriteFile(filepath.Join(dir, fmt.Sprintf("%03d.wav", i)), content, 0o666)
		}
		if err != nil {
			b.Fatal(err)
		}
	}
}
