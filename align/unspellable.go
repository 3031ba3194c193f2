package align

import (
	"cmp"
	"slices"
	"strings"

	"asr-backend/asr/ctc"
	"asr-backend/timeline"
)

// unspellable gives words that the model cannot write their verdict: a wildcard fits
// anywhere, so that its place is no evidence. Words of a stretch with others that are
// spelled keep the verdict of the stretch, which those others give.
func (a *aligner) unspellable(out *Alignment) {
	spelled := make([]bool, len(a.script))
	for w := range a.script {
		spelled[w] = a.script[w].Readings[a.chosen[w]].Spells(a.h.Vocabulary)
	}
	for i := range out.Stretches {
		if s := &out.Stretches[i]; s.From < s.To && !slices.Contains(spelled[s.From:s.To], true) {
			s.Verdict = Unspellable
			for w := s.From; w < s.To; w++ {
				out.Words[w].Verdict, out.Words[w].Confidence = Unspellable, 0
			}
		}
	}
	for w := range spelled {
		if spans := a.spans[w]; !spelled[w] && out.Words[w].Verdict == Matches {
			out.Words[w].Verdict, out.Words[w].Confidence = Unspellable, 0
			out.Stretches = append(out.Stretches, Stretch{Unspellable, out.Words[w].Span, w, w + 1, a.text(spans[0].First, spans[len(spans)-1].Last)})
		}
	}
	slices.SortStableFunc(out.Stretches, func(x, y Stretch) int { return cmp.Or(cmp.Compare(x.From, y.From), cmp.Compare(x.To, y.To)) })
	out.Stretches = joinStretches(out.Stretches)
}

// joinStretches joins stretches that cannot be spelled and follow each other.
func joinStretches(stretches []Stretch) []Stretch {
	out := stretches[:0]
	for _, s := range stretches {
		if n := len(out); n > 0 && s.Verdict == Unspellable && out[n-1].Verdict == Unspellable && out[n-1].To == s.From {
			last := &out[n-1]
			last.To, last.Span.End = s.To, max(last.Span.End, s.Span.End)
			last.Heard = strings.TrimSpace(last.Heard + " " + s.Heard)
			continue
		}
		out = append(out, s)
	}
	return out
}

// text returns what was recognized in rows first to last.
func (a *aligner) text(first, last timeline.Row) string {
	from, _ := slices.BinarySearchFunc(a.heard, first, func(t ctc.Token, r timeline.Row) int { return cmp.Compare(t.First, r) })
	to, _ := slices.BinarySearchFunc(a.heard, last+1, func(t ctc.Token, r timeline.Row) int { return cmp.Compare(t.First, r) })
	return a.written(a.heard[from:to])
}

// written returns the text of tokens.
func (a *aligner) written(tokens []ctc.Token) string {
	var texts []string
	for _, w := range a.h.Vocabulary.Words(tokens) {
		texts = append(texts, w.Text)
	}
	return strings.Join(texts, " ")
}
