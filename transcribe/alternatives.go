package transcribe

import (
	"math"
	"slices"
	"strings"

	"github.com/asr-backend/asr-backend/align"
	"github.com/asr-backend/asr-backend/asr/beam"
	"github.com/asr-backend/asr-backend/asr/ctc"
	"github.com/asr-backend/asr-backend/lm"
	"github.com/asr-backend/asr-backend/timeline"
	"github.com/asr-backend/asr-backend/transcript"
)

// MostAlternatives bounds Options.NBest.
const MostAlternatives = 100

// edge is how many rows before and after the words of a region are searched too, up to the
// neighbouring words: another text may begin earlier or end later.
const edge timeline.Row = 4

// alternatives searches the rows of the k-th region again, by themselves, and gives its segment
// the other texts that are probable there.
func (r *Recognition) alternatives(c *channel, s *transcript.Segment, regions [][]align.Word, k int) {
	region := regions[k]
	first := max(region[0].First-edge, c.First)
	last := min(region[len(region)-1].Last+edge, c.First+timeline.Row(len(c.Rows))-1)
	if k > 0 {
		before := regions[k-1]
		first = max(first, before[len(before)-1].Last+1)
	}
	if k+1 < len(regions) {
		last = min(last, regions[k+1][0].First-1)
	}
	d := r.t.alternatives.Decoder(first)
	if k > 0 {
		d.After(lastWords(regions[k-1]))
	}
	for row := first; row <= last; row++ {
		pieces, sure := c.candidates.Row(int(row - c.First))
		d.PushCandidates(c.Rows[row-c.First].Blank, pieces, sure)
	}
	head := append([]ctc.Token(nil), d.Take()...)
	found := d.Finish(beam.All)
	head = append(head, d.Take()...)
	total := 0.0
	for i := range found {
		total += math.Exp(found[i].Score - found[0].Score)
	}
	seen := map[string]bool{}
	for _, h := range found {
		if len(s.Alternatives) == r.t.options.NBest-1 {
			return
		}
		var words []string
		for _, w := range c.Output.Words(append(slices.Clip(head), h.Tokens...)) {
			words = append(words, w.Text)
		}
		if text := strings.Join(words, " "); text != s.Text && text != "" && !seen[text] {
			seen[text] = true
			s.Alternatives = append(s.Alternatives, transcript.Alternative{Text: text, Probability: math.Exp(h.Score-found[0].Score) / total})
		}
	}
}

// mostContext is how many words before a region count for a language model.
const mostContext = lm.MaxOrder - 1

// lastWords returns the last words of a region, as far as they matter for what follows.
func lastWords(region []align.Word) []string {
	var words []string
	for _, w := range region[max(len(region)-mostContext, 0):] {
		words = append(words, w.Text)
	}
	return words
}
