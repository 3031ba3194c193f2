package transcribe

import (
	"math"

	"github.com/asr-backend/asr-backend/align"
	"github.com/asr-backend/asr-backend/asr/beam"
	"github.com/asr-backend/asr-backend/asr/ctc"
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
	d := r.t.recognizer.SearchAlternatives(r.t.phrases).Decoder(first)
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
	for _, h := range found {
		if len(s.Alternatives) == r.t.options.NBest-1 {
			return
		}
		pieces := make([]ctc.Piece, 0, len(head)+len(h.Tokens))
		for _, t := range head {
			pieces = append(pieces, t.Piece)
		}
		for _, t := range h.Tokens {
			pieces = append(pieces, t.Piece)
		}
		if text := c.Vocabulary.Text(pieces); text != s.Text && text != "" {
			s.Alternatives = append(s.Alternatives, transcript.Alternative{Text: text, Probability: math.Exp(h.Score-found[0].Score) / total})
		}
	}
}
