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

// folder compares one core, one thread that runs the model on all cores, and two threads, on a folder of files of
// four seconds. What a start takes is left out, by the difference to a folder of one file.
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
	without := func(name string, all, start func(context.Context) (took, error)) contender {
		return contender{name, func(ctx context.Context) (took, error) {
			t, err := all(ctx)
			if err != nil {
				return took{}, err
			}
			s, err := start(ctx)
			return took{t.cpu - s.cpu, t.wall - s.wall}, err
		}}
	}
	times, err := b.inTurns(ctx, 1, otherRounds, []contender{
		without("one core", b.onOneCore(many), b.onOneCore(one)),
		without("one thread", b.command(1, many), b.command(1, one)),
		without("two threads", b.command(2, many), b.command(2, one)),
	})
	if err != nil {
		return err
	}
	fmt.Fprintf(w, "| %d files of 4 s | one core | one thread for the model | two threads | two threads to one core | to one thread |\n|---|---|---|---|---|---|\n", files)
	row := func(name string, of func([]float64) float64, what func(took) time.Duration) {
		var v [3]float64
		for i := range v {
			v[i] = of(seconds(times[i], what))
		}
		fmt.Fprintf(w, "| %s | %.2f s | %.2f s | %.2f s | %.2f | %.2f |\n", name, v[0], v[1], v[2], v[2]/v[0], v[2]/v[1])
	}
	median := func(v []float64) float64 { return quantile(v, 0.5) }
	row("wall, least", slices.Min[[]float64], took.passed)
	row("wall, median", median, took.passed)
	row("CPU, least", slices.Min[[]float64], took.processor)
	row("CPU, median", median, took.processor)
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
