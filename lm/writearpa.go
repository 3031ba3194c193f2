package lm

import (
	"io"

	"github.com/asr-backend/asr-backend/lm/arpa"
)

// WriteARPA writes the table in ARPA format.
func (t *Table) WriteARPA(w io.Writer) error {
	var counts []int
	for _, l := range t.Levels {
		counts = append(counts, len(l.Prob))
	}
	out := arpa.NewWriter(w, counts)
	words := make([]string, len(t.Levels))
	for k := range t.Levels {
		write := func(i uint32) error {
			back := float32(0)
			if k+1 < len(t.Levels) {
				back = t.Levels[k].Backoff[i]
			}
			return out.Write(words[:k+1], t.Levels[k].Prob[i], back)
		}
		for i, s := range t.Words {
			words[0] = s
			if err := t.below(0, k, uint32(i), words, write); err != nil {
				return err
			}
		}
	}
	return out.Close()
}

// below calls do with the n-grams of level k that begin with n-gram i of a level, whose words
// it fills in.
func (t *Table) below(level, k int, i uint32, words []string, do func(uint32) error) error {
	if level == k {
		return do(i)
	}
	for j := t.Levels[level].First[i]; j < t.Levels[level].First[i+1]; j++ {
		words[level+1] = t.Words[t.Levels[level+1].Words[j]]
		if err := t.below(level+1, k, j, words, do); err != nil {
			return err
		}
	}
	return nil
}
