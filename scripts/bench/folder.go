package main

import (
	"context"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"slices"
	"time"

	"github.com/asr-backend/asr-backend/internal/plural"
	"github.com/asr-backend/asr-backend/timeline"
)

// folder compares one and two threads on a folder of files of four seconds. What a start takes is left out,
// by the difference to a folder of one file.
func folder(ctx context.Context, b *bench, w io.Writer) error {
	files := 200
	if b.quick {
		files = 4
	}
	many, one := filepath.Join(b.work, "many"), filepath.Join(b.work, "one")
	if err := b.shortFiles(ctx, many, files); err != nil {
		return err
	}
	if err := b.shortFiles(ctx, one, 1); err != nil {
		return err
	}
	var runs []contender
	for _, threads := range []int{1, 2} {
		runs = append(runs, contender{fmt.Sprint(threads), func(ctx context.Context) (took, error) {
			all, err := b.command(threads, many)(ctx)
			if err != nil {
				return took{}, err
			}
			start, err := b.command(threads, one)(ctx)
			return took{all.cpu - start.cpu, all.wall - start.wall}, err
		}})
	}
	times, err := b.inTurns(ctx, 1, otherRounds, runs)
	if err != nil {
		return err
	}
	walls := [2][]float64{seconds(times[0], took.passed), seconds(times[1], took.passed)}
	fmt.Fprintf(w, "| %d files of 4 s | one thread | two threads | ratio |\n|---|---|---|---|\n", files)
	fmt.Fprintf(w, "| wall, least | %.2f s | %.2f s | %.2f |\n", slices.Min(walls[0]), slices.Min(walls[1]), slices.Min(walls[1])/slices.Min(walls[0]))
	fmt.Fprintf(w, "| wall, median | %.2f s | %.2f s | %.2f, of pairs |\n", quantile(walls[0], 0.5), quantile(walls[1], 0.5), quantile(pairs(walls[1], walls[0]), 0.5))
	cpu := compare(times[1], times[0])
	fmt.Fprintf(w, "| CPU, least | %.2f s | %.2f s | %.2f |\n", least(times[0], took.processor), least(times[1], took.processor), cpu.least)
	fmt.Fprintf(w, "\n%s.\n", plural.Count(b.count(otherRounds), "round"))
	return nil
}

// shortFiles writes files of 4 s of speech, each begun 0.6 s later than the one before.
func (b *bench) shortFiles(ctx context.Context, dir string, files int) error {
	const length, later = 4 * time.Second, 600 * time.Millisecond
	samples, err := b.speech(ctx, length+time.Duration(files)*later)
	if err != nil {
		return err
	}
	if err := os.Mkdir(dir, 0o755); err != nil {
		return err
	}
	for i := range files {
		from := timeline.SampleAt(time.Duration(i) * later)
		if err := writeWAV(filepath.Join(dir, fmt.Sprintf("%03d.wav", i)), samples[from:from+timeline.SampleAt(length)]); err != nil {
			return err
		}
	}
	return nil
}
