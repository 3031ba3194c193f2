package build_test

import (
	"context"
	"math"
	"strings"
	"testing"

	"github.com/asr-backend/asr-backend/lm"
	"github.com/asr-backend/asr-backend/lm/build"
)

// entropy is the cross-entropy in nats of all words after a context: of what the whole model
// says under what the other says.
func divergence(whole, other *lm.Model, context []lm.Word) float64 {
	a, b := whole.Begin(), other.Begin()
	for _, w := range context {
		_, a = whole.Score(a, w)
		_, b = other.Score(b, w)
	}
	words := []lm.Word{lm.Unknown}
	for w := range whole.Vocabulary() {
		words = append(words, w)
	}
	d := 0.0
	add := func(p, q float64) { d += math.Pow(10, p) * (p - q) * math.Ln10 }
	for _, w := range words {
		p, _ := whole.Score(a, w)
		q, _ := other.Score(b, w)
		add(float64(p), float64(q))
	}
	add(float64(whole.End(a)), float64(other.End(b)))
	return d
}

// An n-gram of the highest order is left out exactly if the relative entropy of the model
// without it, summed over all words as the definition says, is below the threshold.
func TestPruningFollowsTheDefinition(t *testing.T) {
	training, _ := sentences(t)
	text := training[:400]
	whole := made(t, build.Options{Order: 2}, text)
	const threshold = 2e-4
	pruned := made(t, build.Options{Order: 2, Prune: threshold}, text)
	w, err := whole.Table.Model()
	if err != nil {
		t.Fatal(err)
	}
	// Contexts are <s> and words, whose frequency is that in the text.
	counts := map[string]float64{"<s>": float64(len(text))}
	tokens := float64(len(text))
	for _, s := range text {
		for word := range strings.FieldsSeq(s) {
			counts[word]++
			tokens++
		}
	}
	kept, gone := 0, 0
	table := whole.Table
	for c := range table.Words {
		lo, hi := table.Levels[0].First[c], table.Levels[0].First[c+1]
		if lo == hi || hi-lo > 40 {
			continue
		}
		for j := lo; j < hi; j++ {
			if (int(j)+c)%5 != 0 { // a fifth of them is enough
				continue
			}
			without := remove(t, table, uint32(c), j)
			other, err := without.Model()
			if err != nil {
				t.Fatal(err)
			}
			// <s> is the context of the initial state; a word after another that is no
			// context of it is the same as the word alone, at order 2.
			context := []lm.Word{lm.Word(c)}
			if table.Words[c] == "<s>" {
				context = nil
			}
			change := math.Expm1(counts[table.Words[c]] / tokens * divergence(w, other, context))
			_, found := pruned.Table.Find([]lm.Word{lm.Word(c), table.Levels[1].Words[j]})
			if math.Abs(change-threshold) < 0.02*threshold {
				continue // too close for float32
			}
			if found != (change >= threshold) {
				t.Errorf("%s %s: perplexity rises by %g, kept: %v", table.Words[c], table.Words[table.Levels[1].Words[j]], change, found)
			}
			if found {
				kept++
			} else {
				gone++
			}
		}
	}
	if kept < 20 || gone < 20 {
		t.Errorf("%d kept and %d left out: one of them is not tested", kept, gone)
	}
}

// remove returns a table of order 2 without one pair; the weight of its context makes up for
// it.
func remove(t *testing.T, from *lm.Table, c, j uint32) *lm.Table {
	t.Helper()
	l, u := &from.Levels[1], &from.Levels[0]
	to := &lm.Table{Words: from.Words, Facts: from.Facts, Levels: []lm.Level{{Prob: u.Prob}, {}}}
	top, bottom := &to.Levels[0], &to.Levels[1]
	for i := range l.Words {
		if uint32(i) != j {
			bottom.Words, bottom.Prob = append(bottom.Words, l.Words[i]), append(bottom.Prob, l.Prob[i])
		}
	}
	for _, first := range u.First {
		if first > j {
			first--
		}
		top.First = append(top.First, first)
	}
	top.Backoff = append(top.Backoff, u.Backoff...)
	left, below := 1.0, 1.0
	for i := top.First[c]; i < top.First[c+1]; i++ {
		left -= math.Pow(10, float64(bottom.Prob[i]))
		below -= math.Pow(10, float64(u.Prob[bottom.Words[i]]))
	}
	top.Backoff[c] = float32(math.Log10(left / below))
	return to
}

func TestPruningMakesModelsSmaller(t *testing.T) {
	training, others := sentences(t)
	last := math.MaxInt
	perplexity := 0.0
	for _, threshold := range []float64{0, 1e-7, 1e-5, 1e-3} {
		table := made(t, build.Options{Order: 3, Prune: threshold}, training).Table
		m, err := table.Model()
		if err != nil {
			t.Fatal(err)
		}
		var tally lm.Tally
		for _, s := range others {
			tally.Add(m, strings.Fields(s))
		}
		size := m.Len(2) + m.Len(3)
		if size > last {
			t.Errorf("threshold %g: %d n-grams, more than %d", threshold, size, last)
		}
		t.Logf("threshold %g: %d n-grams, perplexity %.1f", threshold, size, tally.Perplexity())
		if last, perplexity = size, tally.Perplexity(); math.IsNaN(perplexity) {
			t.Error("no perplexity")
		}
	}
	if last > 100 {
		t.Errorf("a threshold of 1e-3 keeps %d n-grams", last)
	}
}

func TestMixing(t *testing.T) {
	training, others := sentences(t)
	first := made(t, build.Options{Order: 3}, training[:1000]).Table
	second := made(t, build.Options{Order: 2}, others[:1500]).Table
	mixed, err := build.Mix(context.Background(), []build.Part{{Table: first, Weight: 0.7}, {Table: second, Weight: 0.3}})
	if err != nil {
		t.Fatal(err)
	}
	m, err := mixed.Model()
	if err != nil {
		t.Fatal(err)
	}
	a, err := first.Model()
	if err != nil {
		t.Fatal(err)
	}
	b, err := second.Model()
	if err != nil {
		t.Fatal(err)
	}
	// Where the mixture stores the n-gram, its probability is the weighted sum; a model gives
	// a word that it does not have none.
	stored, tested := 0, 0
	for _, s := range append(append([]string{}, training[:300]...), others[:300]...) {
		x, y, z := a.Begin(), b.Begin(), m.Begin()
		for i, text := range append(strings.Fields(s), "</s>") {
			words := append([]string{"<s>"}, strings.Fields(s)...)[max(0, i-1) : i+1]
			p, after := part(a, x, text)
			q, then := part(b, y, text)
			r, next := part(m, z, text)
			x, y, z = after, then, next
			tested++
			if !has(mixed, append(append([]string{}, words...), text)) {
				continue
			}
			stored++
			if want := 0.7*p + 0.3*q; math.Abs(r/want-1) > 1e-5 {
				t.Fatalf("%q after %q: got %g, want 0.7 of %g and 0.3 of %g", text, words, r, p, q)
			}
		}
	}
	if stored < 1000 || stored == tested {
		t.Errorf("the mixture stores %d of %d n-grams", stored, tested)
	}
	same, err := build.Mix(context.Background(), []build.Part{{Table: first, Weight: 1}})
	if err != nil || same != first {
		t.Errorf("a single model became another: %v", err)
	}
}

// part is a probability and the state after it; a word that the model does not have has none.
func part(m *lm.Model, s lm.State, text string) (float64, lm.State) {
	w, known := m.Word(text)
	p, next := m.Score(s, w)
	if !known {
		return 0, next
	}
	return math.Pow(10, float64(p)), next
}

func has(t *lm.Table, texts []string) bool {
	var words []lm.Word
	for _, s := range texts {
		n := -1
		for i, w := range t.Words {
			if w == s {
				n = i
			}
		}
		words = append(words, lm.Word(n))
	}
	_, found := t.Find(words)
	return found
}

func TestMixingRefuses(t *testing.T) {
	table := made(t, build.Options{Order: 1}, []string{"a b"}).Table
	pieces := made(t, build.Options{Order: 1}, []string{"a b"}).Table
	pieces.Facts.Units = lm.Pieces
	for want, parts := range map[string][]build.Part{
		"there are none": nil, "sum to 0.9": {{table, 0.5}, {table, 0.4}}, "not above 0": {{table, 1.5}, {table, -0.5}},
		"folded": {{table, 0.5}, {pieces, 0.5}},
	} {
		if _, err := build.Mix(context.Background(), parts); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("got error %v, want one with %q", err, want)
		}
	}
}
