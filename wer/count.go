package wer

import (
	"context"
	"slices"
)

// cost is what a path through the table of edits costs: from bit 34 on the number of edits, and
// in the lower half how many of them are substitutions. Which of the others are deletions
// follows from where the path ends. The two bits between say, while paths are compared, by
// which step they came, so that the least number is that of the path that is preferred.
type cost uint64

const (
	edit         cost = 1 << 34
	substitution      = edit + 1
	deletion          = edit + 1<<32
	insertion         = edit + 2<<32
	step         cost = 3 << 32
	infinite     cost = 1 << 62
)

func (c cost) edits() int         { return int(c >> 34) }
func (c cost) substitutions() int { return int(uint32(c)) }

// count counts the errors. Of several best paths, a diagonal step goes before a deletion and
// that before an insertion, seen from the end.
func count(ctx context.Context, truth, recognised []int32) (Errors, error) {
	e := Errors{Words: len(truth)}
	// Equal words at both ends are on every best path that is preferred.
	for len(truth) > 0 && len(recognised) > 0 && truth[len(truth)-1] == recognised[len(recognised)-1] {
		truth, recognised = truth[:len(truth)-1], recognised[:len(recognised)-1]
	}
	for len(truth) > 0 && len(recognised) > 0 && truth[0] == recognised[0] {
		truth, recognised = truth[1:], recognised[1:]
	}
	longer := max(len(truth), len(recognised))
	for limit := max(longer-inCommon(truth, recognised), 64); ; limit *= 2 {
		best, err := within(ctx, truth, recognised, min(limit, longer))
		if err != nil {
			return Errors{}, err
		}
		if best.edits() <= limit {
			e.Substitutions = best.substitutions()
			others := best.edits() - e.Substitutions
			e.Deletions = (others + len(truth) - len(recognised)) / 2
			e.Insertions = others - e.Deletions
			return e, nil
		}
	}
}

// inCommon returns how many words both lists have, in whatever order. All others are errors.
func inCommon(a, b []int32) int {
	times := map[int32]int{}
	for _, word := range a {
		times[word]++
	}
	common := 0
	for _, word := range b {
		if times[word] > 0 {
			times[word]--
			common++
		}
	}
	return common
}

// checkEvery is after how many cells of the table, a few milliseconds of work, the context is
// looked at.
const checkEvery = 1 << 21

// within returns the cost of the best path among those with at most limit edits; if there are
// none, it costs more than that. Such a path stays on the diagonals that a band of limit edits
// reaches: who strays from the straight way has to come back.
func within(ctx context.Context, truth, recognised []int32, limit int) (cost, error) {
	n, m := len(truth), len(recognised)
	slack := (limit - max(n-m, m-n)) / 2
	low, high := min(0, m-n)-slack, max(0, m-n)+slack // diagonals, as columns from the main one on
	row := make([]cost, m+1)
	for j := range row {
		if row[j] = infinite; j <= high {
			row[j] = cost(j) * edit
		}
	}
	cells := 0
	for i, word := range truth {
		from, to := max(i+1+low, 1), min(i+1+high, m)
		diagonal, left := row[from-1], infinite
		if i+1+low <= 0 {
			row[0] += edit
			left = row[0]
		}
		for j := from; j <= to; j++ {
			best := diagonal
			if recognised[j-1] != word {
				best += substitution
			}
			diagonal = row[j]
			best = min(best, diagonal+deletion, left+insertion) &^ step
			row[j], left = best, best
		}
		if i%64 == 0 && slices.Min(row[from-1:to+1]).edits() > limit {
			return infinite, nil // every path goes through this row
		}
		if cells += to - from + 1; cells >= checkEvery {
			if cells = 0; ctx.Err() != nil {
				return 0, context.Cause(ctx)
			}
		}
	}
	return row[m], nil
}
