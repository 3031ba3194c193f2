package align

import (
	"context"
	"math"
	"slices"
	"testing"

	"github.com/asr-backend/asr-backend/asr/ctc"
	"github.com/asr-backend/asr-backend/timeline"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"
)

// randomRows draws rows as a model could give them, some surer than others.
func randomRows(t *rapid.T, v *ctc.Vocabulary, n int) [][]float32 {
	rows := make([][]float32, n)
	for i := range rows {
		row := make([]float32, v.Width())
		sum := 0.0
		for k := range row {
			row[k] = float32(rapid.IntRange(0, 40).Draw(t, "logit"))/4 + float32(k)*0.00137 // so that no two are equal
			if k == int(v.Blank()) {
				row[k] += float32(rapid.IntRange(0, 8).Draw(t, "quiet"))
			}
			sum += math.Exp(float64(row[k]))
		}
		for k := range row {
			row[k] -= float32(math.Log(sum))
		}
		rows[i] = row
	}
	return rows
}

// few is a vocabulary small enough to draw rows of it.
func few(t *rapid.T) *ctc.Vocabulary {
	v, err := ctc.NewVocabulary([]string{"<unk>", "▁a", "▁b", "c", "▁d"})
	if err != nil {
		t.Fatal(err)
	}
	return v
}

// greedyReference is the model's own text.
func greedyReference(h *Emissions) Reference {
	tokens := ctc.Greedy(h.Rows, h.Vocabulary.Blank(), 0)
	var s Reference
	for _, w := range h.Vocabulary.Words(tokens) {
		var r Variant
		for _, token := range tokens[w.First : w.Last+1] {
			r = append(r, token.Piece)
		}
		s = append(s, RefWord{w.Text, []Variant{r}})
	}
	return s
}

// The model's own text has the model's own path and times, and nothing to say.
func TestTheModelsOwnTextHasItsOwnTimes(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		v := few(t)
		h := emissionsOf(v, randomRows(t, v, rapid.IntRange(1, 60).Draw(t, "rows")))
		h.First = timeline.Row(rapid.IntRange(0, 100).Draw(t, "first"))
		s := greedyReference(h)
		pieces := 0
		for _, w := range s {
			pieces += len(w.Variants[0])
		}
		if hyp := ctc.Greedy(h.Rows, v.Blank(), 0); len(hyp) != pieces {
			return // a word's tokens do not stand together: <unk> has spaces around it
		}
		a, err := h.Align(context.Background(), s)
		if err != nil {
			t.Fatal(err)
		}
		want := h.Words()
		for i := range want {
			a.Words[i].Confidence, want[i].Confidence = 0, 0
			a.Words[i].edges, want[i].edges = [2]float64{}, [2]float64{}
		}
		if d := cmp.Diff(want, a.Words, cmp.AllowUnexported(Word{}), cmp.Transformer("span", func(s Span) [2]int64 { return [2]int64{int64(s.Start), int64(s.End)} })); len(want) > 0 && d != "" {
			t.Fatal(d)
		}
		if len(a.Mismatches) > 0 {
			t.Fatalf("mismatches: %+v", a.Mismatches)
		}
	})
}

// Whatever the text and the recording: every word has a place inside the recording, in
// order, so are mismatches, and a word has another verdict than match exactly if it is in one.
func TestEveryWordHasItsPlace(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		v := few(t)
		h := emissionsOf(v, randomRows(t, v, rapid.IntRange(0, 40).Draw(t, "rows")))
		h.First = timeline.Row(rapid.IntRange(0, 100).Draw(t, "first"))
		var s Reference
		for range rapid.IntRange(0, 20).Draw(t, "words") {
			w := RefWord{Text: "w"}
			for range rapid.IntRange(1, 3).Draw(t, "variants") {
				w.Variants = append(w.Variants, rapid.SliceOfN(rapid.SampledFrom([]ctc.Piece{1, 2, 3, 4, Wildcard(v)}), 1, 3).Draw(t, "pieces"))
			}
			s = append(s, w)
		}
		a, err := h.align(context.Background(), s, drawLimits(t))
		if err != nil {
			t.Fatal(err)
		}
		if len(a.Words) != len(s) {
			t.Fatalf("%d words of %d", len(a.Words), len(s))
		}
		bounds := h.bounds()
		at := bounds.Start
		for i, w := range a.Words {
			if w.Span.Start < at || w.Span.End < w.Span.Start || w.Span.End > bounds.End {
				t.Fatalf("word %d at %+v after %d, in %+v: %s\n%+v", i, w.Span, at, bounds, show(a), a.Words)
			}
			if c := w.Confidence; !(c >= 0 && c <= 1.0001) {
				t.Fatalf("word %d: confidence %v", i, c)
			}
			if w.Verdict == Unspellable && w.Confidence != 0 {
				t.Fatalf("word %d, which cannot be spelled, has confidence %v", i, w.Confidence)
			}
			at = w.Span.End
			in := slices.ContainsFunc(a.Mismatches, func(s Mismatch) bool { return i >= s.From && i < s.To && s.Verdict == w.Verdict })
			if in != (w.Verdict != Match) {
				t.Fatalf("word %d: %v, in a mismatch: %v", i, w.Verdict, in)
			}
		}
		last := 0
		for _, s := range a.Mismatches {
			if s.From < last || s.To < s.From || s.Verdict == Match || s.Verdict != Unspellable && (s.Recognized == "") != (s.Verdict == Deletion) || (s.From == s.To) != (s.Verdict == Insertion) {
				t.Fatalf("mismatch %+v", s)
			}
			if s.Span.Start < bounds.Start || s.Span.End < s.Span.Start || s.Span.End > bounds.End {
				t.Fatalf("mismatch %+v in %+v", s, bounds)
			}
			last = s.To
		}
	})
}

func drawLimits(t *rapid.T) limits {
	if rapid.Bool().Draw(t, "default limits") {
		return defaultLimits()
	}
	return limits{
		cut: int64(rapid.IntRange(0, 200).Draw(t, "cut")), block: timeline.Row(rapid.IntRange(0, 20).Draw(t, "block")),
		cells: int64(rapid.IntRange(1, 300).Draw(t, "cells")), band: int64(rapid.IntRange(1, 3000).Draw(t, "band")),
	}
}
