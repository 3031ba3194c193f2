package main

import (
	"context"
	"fmt"
	"math"
	"runtime"
	"slices"
	"time"
)

// took is what a run cost.
type took struct{ cpu, wall time.Duration }

// contender is one of several things that are compared.
type contender struct {
	name string
	run  func(context.Context) (took, error)
}

// here measures what this process does.
func here(run func(context.Context) error) func(context.Context) (took, error) {
	return measured(run, processorTime)
}

// withChildren measures what this process does, and the processes that it starts and waits for.
func withChildren(run func(context.Context) error) func(context.Context) (took, error) {
	return measured(run, func() time.Duration { return processorTime() + childrenTime() })
}

func measured(run func(context.Context) error, processor func() time.Duration) func(context.Context) (took, error) {
	return func(ctx context.Context) (took, error) {
		runtime.GC() // what others have left is not its cost
		start, cpu := time.Now(), processor()
		err := run(ctx)
		return took{processor() - cpu, time.Since(start)}, err
	}
}

// otherRounds is how many rounds comparisons have that do not need more.
const otherRounds = 5

// count is how many rounds a comparison has that needs n.
func (b *bench) count(n int) int {
	switch {
	case b.quick:
		return 1
	case b.rounds > 0:
		return b.rounds
	}
	return n
}

// inTurns runs all contenders in as many rounds as n rounds count, in the opposite order in every second one,
// and returns what they took, in the order of the contenders. Rounds that warm up come before.
func (b *bench) inTurns(ctx context.Context, warm, n int, all []contender) ([][]took, error) {
	rounds := b.count(n)
	if b.quick {
		warm = 0
	}
	times := make([][]took, len(all))
	order := make([]int, len(all))
	for i := range order {
		order[i] = i
	}
	for round := range warm + rounds {
		for _, i := range order {
			t, err := all[i].run(ctx)
			if err != nil {
				return nil, fmt.Errorf("%s: %w", all[i].name, err)
			}
			if round >= warm {
				times[i] = append(times[i], t)
			}
		}
		slices.Reverse(order)
	}
	return times, nil
}

// ratios compare times with those of another contender in the same rounds.
type ratios struct {
	least, decile, median float64 // of processor time: of the shortest, of the lowest deciles, and the median of pairs
	wall                  float64 // the median of pairs
}

func compare(times, base []took) ratios {
	cpu, baseCPU := seconds(times, took.processor), seconds(base, took.processor)
	return ratios{
		least:  slices.Min(cpu) / slices.Min(baseCPU),
		decile: quantile(cpu, 0.1) / quantile(baseCPU, 0.1),
		median: quantile(pairs(cpu, baseCPU), 0.5),
		wall:   quantile(pairs(seconds(times, took.passed), seconds(base, took.passed)), 0.5),
	}
}

// String returns four columns of a table.
func (r ratios) String() string {
	return fmt.Sprintf("%.2f | %.2f | %.2f | %.2f", r.least, r.decile, r.median, r.wall)
}

// ratioColumns are the heads of the columns of ratios.
const ratioColumns = "CPU: least | lowest decile | median of pairs | wall"

func (t took) processor() time.Duration { return t.cpu }
func (t took) passed() time.Duration    { return t.wall }

func seconds(times []took, of func(took) time.Duration) []float64 {
	out := make([]float64, len(times))
	for i, t := range times {
		out[i] = of(t).Seconds()
	}
	return out
}

func pairs(a, b []float64) []float64 {
	out := make([]float64, len(a))
	for i := range a {
		out[i] = a[i] / b[i]
	}
	return out
}

// quantile is between the two nearest values.
func quantile(values []float64, q float64) float64 {
	s := slices.Sorted(slices.Values(values))
	at := q * float64(len(s)-1)
	low := int(math.Floor(at))
	high := min(low+1, len(s)-1)
	return s[low] + (at-float64(low))*(s[high]-s[low])
}

// least is the shortest of times.
func least(times []took, of func(took) time.Duration) float64 {
	return slices.Min(seconds(times, of))
}
