package build

import (
	"context"
	"math"

	"github.com/asr-backend/asr-backend/lm"
)

// walk calls do with each n-gram of level k that has continuations, and its words.
func walk(ctx context.Context, t *lm.Table, k int, do func(words []lm.Word, i uint32)) error {
	var words [lm.MaxOrder]lm.Word
	var descend func(level int, i uint32) error
	descend = func(level int, i uint32) error {
		lo, hi := t.Levels[level].First[i], t.Levels[level].First[i+1]
		if lo == hi {
			return nil
		}
		if level == k {
			do(words[:k+1], i)
			return nil
		}
		for j := lo; j < hi; j++ {
			words[level+1] = t.Levels[level+1].Words[j]
			if err := descend(level+1, j); err != nil {
				return err
			}
		}
		return nil
	}
	for w := range t.Words {
		if ctx.Err() != nil {
			return context.Cause(ctx)
		}
		words[0] = lm.Word(w)
		if err := descend(0, uint32(w)); err != nil {
			return err
		}
	}
	return nil
}

// mass returns what the stored probabilities after a context leave: of one, and of the sum
// that the shorter context gives the same words.
func mass(t *lm.Table, context []lm.Word, i uint32) (left, below float64) {
	k := len(context) - 1
	next := &t.Levels[k+1]
	words := append(append(make([]lm.Word, 0, lm.MaxOrder), context[1:]...), 0)
	left, below = 1, 1
	for j := t.Levels[k].First[i]; j < t.Levels[k].First[i+1]; j++ {
		words[k] = next.Words[j]
		left -= pow10(float64(next.Prob[j]))
		below -= pow10(t.Prob(words))
	}
	return left, below
}

func pow10(x float64) float64 { return math.Exp(x * math.Ln10) }

// normalise computes the weights of all contexts from the stored probabilities, so that the
// probabilities after each sum to one.
func normalise(ctx context.Context, t *lm.Table) error {
	for k := range t.Levels[:len(t.Levels)-1] {
		back := t.Levels[k].Backoff
		clear(back) // a context without continuations has the weight one
		err := walk(ctx, t, k, func(words []lm.Word, i uint32) {
			back[i] = weight(mass(t, words, i))
		})
		if err != nil {
			return err
		}
	}
	return nil
}

// weight is the logarithm of left/below. Where rounding has consumed what is left, the
// weight becomes small but not zero.
func weight(left, below float64) float32 {
	const tiny = 1e-7 // the precision of sums of float32
	if below < tiny {
		return 0 // the context has every word
	}
	return log10(max(left, tiny) / below)
}
