package main

import (
	"context"
	"errors"
	"fmt"
	"io"

	"github.com/asr-backend/asr-backend/asr"
	"github.com/asr-backend/asr-backend/internal/plural"
	"github.com/asr-backend/asr-backend/timeline"
)

const floor = "its products alone"

// bare compares runs of the model alone: one window on one core, and two side by side on two.
func bare(ctx context.Context, b *bench, w io.Writer) error {
	all, err := b.models(ctx)
	if err != nil {
		return err
	}
	fmt.Fprintf(w, "| model | runs side by side | graph | ms of CPU a window | %s |\n|---|---|---|---|---|---|---|---|\n", ratioColumns)
	for _, m := range all {
		for _, threads := range b.threads(m) {
			if err := b.bareOf(ctx, w, m, threads); err != nil {
				return fmt.Errorf("%s: %w", m.name, err)
			}
		}
	}
	fmt.Fprintf(w, "\n%s.\n", plural.Count(b.count(bareRounds), "round"))
	return nil
}

const bareRounds = 7

func (b *bench) bareOf(ctx context.Context, w io.Writer, m model, threads int) (err error) {
	loaded, err := b.openAll(ctx, m, threads)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, loaded.close()) }()
	var runs []contender
	for i, r := range loaded.recognizers {
		one, err := b.windows(ctx, r, threads)
		if err != nil {
			return err
		}
		defer func() { err = errors.Join(err, one.Close()) }()
		runs = append(runs, contender{m.variants[i].name, here(func(ctx context.Context) error {
			_, err := one.Run(ctx)
			return err
		})})
	}
	p, err := b.newProducts(loaded.recognizers[0], threads)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, p.close()) }()
	runs = append(runs, contender{floor, here(p.run)})
	times, err := b.inTurns(ctx, 1, bareRounds, runs)
	if err != nil {
		return err
	}
	for i, c := range runs {
		fmt.Fprintf(w, "| %s | %d | %s | %.1f | %s |\n", m.name, threads, c.name, 1e3*least(times[i], took.processor)/float64(threads), compare(times[i], times[0]))
	}
	return nil
}

// windows returns as many full windows of speech as run side by side.
func (b *bench) windows(ctx context.Context, r *asr.Recognizer, n int) (*asr.Bare, error) {
	g := r.Window()
	rows := g.Rows + timeline.Row(n-1)*(g.Rows-2*g.Context)
	samples, err := b.speech(ctx, rows.Sample().Duration())
	if err != nil {
		return nil, err
	}
	one, err := r.NewBare(&inMemory{samples: samples})
	if err != nil {
		return nil, err
	}
	if one.Windows() != n {
		return nil, errors.Join(fmt.Errorf("%d windows, want %d", one.Windows(), n), one.Close())
	}
	return one, nil
}
