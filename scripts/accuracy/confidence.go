package main

import (
	"cmp"
	"fmt"
	"slices"

	"github.com/asr-backend/asr-backend/transcript"
	"github.com/asr-backend/asr-backend/wer"
)

// confidences are those of recognized words, and whether the words are right.
type confidences struct{ all []judged }

type judged struct {
	confidence float64
	right      bool
}

// add takes the words of a recording, given what was said. A word that is written in another way
// than the text is normalised, such as one of two parts, is left out.
func (c *confidences) add(said string, t *transcript.Transcript) {
	var texts []string
	var sure []float64
	for i := range t.Segments {
		for _, w := range t.Segments[i].Words {
			if n := wer.Normalize(w.Text); len(n) == 1 {
				texts, sure = append(texts, n[0]), append(sure, w.Confidence)
			}
		}
	}
	at := 0
	for _, p := range wer.Align(wer.Normalize(said), texts) {
		if p.Recognised != "" {
			c.all = append(c.all, judged{sure[at], p.Right()})
			at++
		}
	}
}

// String returns the columns of a table. The area is the share of pairs of a right and a wrong
// word of which the right one has the greater confidence.
func (c *confidences) String() string {
	slices.SortStableFunc(c.all, func(a, b judged) int { return cmp.Compare(a.confidence, b.confidence) })
	right, ranks, mean := 0.0, 0.0, 0.0
	for from := 0; from < len(c.all); {
		to := from
		for to < len(c.all) && c.all[to].confidence == c.all[from].confidence {
			to++
		}
		for _, j := range c.all[from:to] {
			mean += j.confidence / float64(len(c.all))
			if j.right {
				right++
				ranks += float64(from+to+1) / 2 // ranks count from 1; equals share theirs
			}
		}
		from = to
	}
	wrong := float64(len(c.all)) - right
	area := (ranks - right*(right+1)/2) / max(right*wrong, 1)
	return fmt.Sprintf("%d | %.1f %% | %.2f | %.3f", len(c.all), 100*right/float64(max(len(c.all), 1)), mean, area)
}
