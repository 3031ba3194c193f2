package align

import (
	"cmp"
	"slices"
	"strings"

	"github.com/asr-backend/asr-backend/asr/ctc"
	"github.com/asr-backend/asr-backend/timeline"
)

// unspellable gives words that the model cannot write their verdict: a wildcard fits
// anywhere, so that its place is no evidence. In a mismatch that has other words too they
// keep its verdict, which rests on those.
func (a *aligner) unspellable(out *Alignment) {
	spelled := make([]bool, len(a.ref))
	for w := range a.ref {
		spelled[w] = a.ref[w].Variants[a.chosen[w]].Spells(a.e.Vocabulary)
	}
	for i := range out.Mismatches {
		if m := &out.Mismatches[i]; m.From < m.To && !slices.Contains(spelled[m.From:m.To], true) {
			m.Verdict = Unspellable
			for w := m.From; w < m.To; w++ {
				out.Words[w].Verdict, out.Words[w].Confidence = Unspellable, 0
			}
		}
	}
	for w := range spelled {
		if spans := a.spans[w]; !spelled[w] && out.Words[w].Verdict == Match {
			out.Words[w].Verdict, out.Words[w].Confidence = Unspellable, 0
			out.Mismatches = append(out.Mismatches, Mismatch{Unspellable, out.Words[w].Span, w, w + 1, a.text(spans[0].First, spans[len(spans)-1].Last)})
		}
	}
	slices.SortStableFunc(out.Mismatches, func(x, y Mismatch) int { return cmp.Or(cmp.Compare(x.From, y.From), cmp.Compare(x.To, y.To)) })
	out.Mismatches = joinMismatches(out.Mismatches)
}

// joinMismatches joins unspellable mismatches that follow each other.
func joinMismatches(mismatches []Mismatch) []Mismatch {
	out := mismatches[:0]
	for _, m := range mismatches {
		if n := len(out); n > 0 && m.Verdict == Unspellable && out[n-1].Verdict == Unspellable && out[n-1].To == m.From {
			last := &out[n-1]
			last.To, last.Span.End = m.To, max(last.Span.End, m.Span.End)
			last.Recognized = strings.TrimSpace(last.Recognized + " " + m.Recognized)
			continue
		}
		out = append(out, m)
	}
	return out
}

// text returns what was recognized in rows first to last.
func (a *aligner) text(first, last timeline.Row) string {
	from, _ := slices.BinarySearchFunc(a.hyp, first, func(t ctc.Token, r timeline.Row) int { return cmp.Compare(t.First, r) })
	to, _ := slices.BinarySearchFunc(a.hyp, last+1, func(t ctc.Token, r timeline.Row) int { return cmp.Compare(t.First, r) })
	return a.written(a.hyp[from:to])
}

// written returns the text of tokens.
func (a *aligner) written(tokens []ctc.Token) string {
	var texts []string
	for _, w := range a.e.Vocabulary.Words(tokens) {
		texts = append(texts, w.Text)
	}
	return strings.Join(texts, " ")
}
