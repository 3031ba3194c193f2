package build

import (
	"context"
	"math"

	"github.com/asr-backend/asr-backend/lm"
)

// prune leaves out n-grams without which the perplexity rises by less than the threshold,
// relatively. Raw has how often each n-gram below the highest order occurs among all tokens.
func prune(ctx context.Context, t *lm.Table, raw [][]uint32, tokens, threshold float64) error {
	for k := len(t.Levels) - 1; k > 0; k-- {
		drop := make([]bool, len(t.Levels[k].Prob))
		err := walk(ctx, t, k-1, func(words []lm.Word, i uint32) {
			p := float64(raw[k-1][i]) / tokens
			judge(t, words, i, p, threshold, drop)
		})
		if err != nil {
			return err
		}
		remove(t, raw, k, drop)
	}
	return normalise(ctx, t)
}

// judge marks the continuations of a context that can go. The context has probability p.
func judge(t *lm.Table, context []lm.Word, i uint32, p, threshold float64, drop []bool) {
	k := len(context)
	l, upper := &t.Levels[k], &t.Levels[k-1]
	left, below := mass(t, context, i)
	left, below = max(left, 1e-9), max(below, 1e-9)
	old := math.Log(left / below)
	words := append(append(make([]lm.Word, 0, lm.MaxOrder), context[1:]...), 0)
	for j := upper.First[i]; j < upper.First[i+1]; j++ {
		if k+1 < len(t.Levels) && l.First[j] < l.First[j+1] {
			continue // others begin with it
		}
		words[k-1] = l.Words[j]
		stored := float64(l.Prob[j]) * math.Ln10
		backed := t.Prob(words) * math.Ln10
		weight := math.Log((left + math.Exp(stored)) / (below + math.Exp(backed)))
		change := -p * (math.Exp(stored)*(backed+weight-stored) + left*(weight-old))
		if math.Expm1(change) < threshold {
			drop[j] = true
		}
	}
}

// remove takes n-grams without continuations out of level k.
func remove(t *lm.Table, raw [][]uint32, k int, drop []bool) {
	l, upper := &t.Levels[k], &t.Levels[k-1]
	last := k+1 == len(t.Levels)
	kept, i := uint32(0), 0
	for j := range drop {
		for ; i < len(upper.First) && upper.First[i] == uint32(j); i++ {
			upper.First[i] = kept
		}
		if drop[j] {
			continue
		}
		l.Words[kept], l.Prob[kept] = l.Words[j], l.Prob[j]
		if !last {
			l.Backoff[kept], l.First[kept], raw[k][kept] = l.Backoff[j], l.First[j], raw[k][j]
		}
		kept++
	}
	for ; i < len(upper.First); i++ {
		upper.First[i] = kept
	}
	if !last {
		l.First[kept] = l.First[len(drop)]
		l.Backoff, l.First = l.Backoff[:kept], l.First[:kept+1]
	}
	l.Words, l.Prob = l.Words[:kept], l.Prob[:kept]
}
