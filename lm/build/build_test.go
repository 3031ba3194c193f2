package build_test

import (
	"bytes"
	"compress/gzip"
	"context"
	"io"
	"math"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/asr-backend/asr-backend/lm"
	"github.com/asr-backend/asr-backend/lm/build"

	"pgregory.net/rapid"
)

// sentences returns those that the fixtures of package lm were made of, and others.
func sentences(t testing.TB) (training, others []string) {
	t.Helper()
	f, err := os.Open(filepath.Join("..", "testdata", "sentences.txt.gz"))
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	z, err := gzip.NewReader(f)
	if err != nil {
		t.Fatal(err)
	}
	b, err := io.ReadAll(z)
	if err != nil {
		t.Fatal(err)
	}
	all := strings.Split(strings.TrimSuffix(string(b), "\n"), "\n")
	return all[:2500], all[2500:]
}

func made(t testing.TB, o build.Options, text []string) *build.Result {
	t.Helper()
	o.TempDir = t.TempDir()
	b, err := build.New(o)
	if err != nil {
		t.Fatal(err)
	}
	for _, s := range text {
		if err := b.Add(s); err != nil {
			t.Fatal(err)
		}
	}
	r, err := b.Table(context.Background())
	if err != nil {
		t.Fatal(err)
	}
	if err := b.Close(); err != nil {
		t.Fatal(err)
	}
	if left, err := os.ReadDir(o.TempDir); err != nil || len(left) > 0 {
		t.Errorf("%d files are left behind, error %v", len(left), err)
	}
	return r
}

// The n-grams, probabilities and weights are those of lmplz, with and without cut-offs.
func TestEstimatesAreThoseOfLmplz(t *testing.T) {
	training, _ := sentences(t)
	for _, test := range []struct {
		fixture string
		o       build.Options
		d       [][3]float64 // as lmplz printed them
	}{
		{"lmplz3.arpa.gz", build.Options{Order: 3},
			[][3]float64{{0.706407, 1.22791, 1.337}, {0.858606, 1.18219, 1.30786}, {0.939034, 1.32415, 1.2799}}},
		{"lmplz5.arpa.gz", build.Options{Order: 5, Cutoffs: []int{0, 0, 1}},
			[][3]float64{{0.706407, 1.22791, 1.337}, {0.858606, 1.18219, 1.30786}, {0.946345, 1.39888, 1.13011}, {0.987033, 1.50648, 1.87196}, {0.5, 1, 1.5}}},
	} {
		m, err := lm.Open(filepath.Join("..", "testdata", test.fixture))
		if err != nil {
			t.Fatal(err)
		}
		want := m.Table()
		r := made(t, test.o, training)
		for k, d := range r.Discounts {
			for i := range d {
				if math.Abs(d[i]-test.d[k][i]) > 5e-6 {
					t.Errorf("%s: discounts %v of length %d, want %v", test.fixture, d, k+1, test.d[k])
				}
			}
			if assumed := test.d[k] == [3]float64{0.5, 1, 1.5}; r.Fallback[k] != assumed {
				t.Errorf("%s: discounts of length %d assumed: %v, want %v", test.fixture, k+1, r.Fallback[k], assumed)
			}
		}
		near(t, test.fixture, r.Table, want)
	}
}

// near compares tables. lmplz gives <s> the probability 1, we give it none.
func near(t *testing.T, name string, got, want *lm.Table) {
	t.Helper()
	if len(got.Words) != len(want.Words) || len(got.Levels) != len(want.Levels) {
		t.Fatalf("%s: %d words and %d lengths, want %d and %d", name, len(got.Words), len(got.Levels), len(want.Words), len(want.Levels))
	}
	for i, w := range got.Words {
		if w != want.Words[i] {
			t.Fatalf("%s: word %d is %q, want %q", name, i, w, want.Words[i])
		}
	}
	for k := range got.Levels {
		g, w := &got.Levels[k], &want.Levels[k]
		if len(g.Prob) != len(w.Prob) {
			t.Fatalf("%s: %d n-grams of length %d, want %d", name, len(g.Prob), k+1, len(w.Prob))
		}
		for i := range g.Prob {
			if k > 0 && g.Words[i] != w.Words[i] {
				t.Fatalf("%s: n-gram %d of length %d differs", name, i, k+1)
			}
			if math.Abs(float64(g.Prob[i]-w.Prob[i])) > 1e-5 && (k > 0 || i != 1) {
				t.Fatalf("%s: n-gram %d of length %d: probability %g, want %g", name, i, k+1, g.Prob[i], w.Prob[i])
			}
			if w.Backoff != nil && (math.Abs(float64(g.Backoff[i]-w.Backoff[i])) > 1e-5 || g.First[i] != w.First[i]) {
				t.Fatalf("%s: n-gram %d of length %d: weight %g, want %g", name, i, k+1, g.Backoff[i], w.Backoff[i])
			}
		}
	}
}

func encode(t testing.TB, table *lm.Table) []byte {
	t.Helper()
	var b bytes.Buffer
	if err := table.Encode(&b, lm.EncodeOptions{Bits: 32}); err != nil {
		t.Fatal(err)
	}
	return b.Bytes()
}

// Runs on disk change nothing, and neither does the order of sentences.
func TestMemoryChangesNothing(t *testing.T) {
	training, _ := sentences(t)
	text := append(append([]string{}, training...), training[:500]...)
	want := encode(t, made(t, build.Options{Order: 4, Prune: 1e-6}, text).Table)
	small := build.Options{Order: 4, Prune: 1e-6, Memory: 1e6} // 25,000 n-grams at a time
	if got := encode(t, made(t, small, text).Table); !bytes.Equal(got, want) {
		t.Error("with little memory the model differs")
	}
	for i, j := 0, len(text)-1; i < j; i, j = i+1, j-1 {
		text[i], text[j] = text[j], text[i]
	}
	if got := encode(t, made(t, small, text).Table); !bytes.Equal(got, want) {
		t.Error("with sentences in another order the model differs")
	}
}

// After every context, probabilities sum to one.
func TestProbabilitiesSumToOne(t *testing.T) {
	training, others := sentences(t)
	models := map[string]*lm.Table{}
	for name, o := range map[string]build.Options{
		"unigrams": {Order: 1}, "plain": {Order: 3}, "long": {Order: 8}, "cut off": {Order: 4, Cutoffs: []int{0, 1, 1}},
		"rare words": {Order: 3, MinCount: 2}, "pruned": {Order: 3, Prune: 1e-6}, "all": {Order: 5, Cutoffs: []int{0, 0, 1}, MinCount: 2, Prune: 1e-5},
	} {
		models[name] = made(t, o, training).Table
	}
	second := made(t, build.Options{Order: 2}, others[:1000]).Table
	for _, name := range []string{"plain", "pruned"} {
		mixed, err := build.Mix(context.Background(), []build.Part{{Table: models[name], Weight: 0.6}, {Table: second, Weight: 0.4}})
		if err != nil {
			t.Fatal(err)
		}
		models["mixed, "+name] = mixed
	}
	for name, table := range models {
		m, err := table.Model()
		if err != nil {
			t.Fatalf("%s: %v", name, err)
		}
		rapid.Check(t, func(rt *rapid.T) {
			text := training
			if rapid.Bool().Draw(rt, "new") {
				text = others
			}
			words := strings.Fields(rapid.SampledFrom(text).Draw(rt, "sentence"))
			s := m.Begin()
			for _, w := range words[:rapid.IntRange(0, len(words)).Draw(rt, "words")] {
				n, _ := m.Word(w)
				_, s = m.Score(s, n)
			}
			if sum := total(m, s); math.Abs(sum-1) > 2e-4 {
				rt.Fatalf("%s: they sum to %g", name, sum)
			}
		})
	}
}

// total is the sum of the probabilities after a state.
func total(m *lm.Model, s lm.State) float64 {
	p, _ := m.Score(s, lm.Unknown)
	sum := math.Pow(10, float64(p)) + math.Pow(10, float64(m.End(s)))
	for w := range m.Vocabulary() {
		p, _ := m.Score(s, w)
		sum += math.Pow(10, float64(p))
	}
	return sum
}

func TestRareWordsAreUnknown(t *testing.T) {
	r := made(t, build.Options{Order: 2, MinCount: 2}, []string{"a b", "a b", "a c", "<s> a b </s>", "", "<unk> a"})
	if got := strings.Join(r.Table.Words, " "); got != "<unk> <s> </s> a b" {
		t.Errorf("got words %s", got)
	}
	if r.Sentences != 5 || r.Tokens != 15 {
		t.Errorf("got %d sentences and %d tokens, want 5 and 15", r.Sentences, r.Tokens)
	}
}

func TestOptionsAreChecked(t *testing.T) {
	for _, o := range []build.Options{{Order: 9}, {Order: -1}, {Cutoffs: []int{0, 0, 0, 0}}, {Cutoffs: []int{1}}, {Cutoffs: []int{0, 2, 1}}, {Prune: -1}, {Prune: math.NaN()}, {Memory: 1}} {
		if b, err := build.New(o); err == nil {
			t.Errorf("%+v was accepted", o)
			_ = b.Close()
		}
	}
	b, err := build.New(build.Options{TempDir: t.TempDir()})
	if err != nil {
		t.Fatal(err)
	}
	if _, err := b.Table(context.Background()); err == nil || !strings.Contains(err.Error(), "no words") {
		t.Errorf("got error %v", err)
	}
	if err := b.Close(); err != nil {
		t.Error(err)
	}
}

func TestBuildingCanBeStopped(t *testing.T) {
	b, err := build.New(build.Options{TempDir: t.TempDir(), Prune: 1e-6})
	if err != nil {
		t.Fatal(err)
	}
	defer b.Close()
	if err := b.Add("a b c"); err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	cancel()
	if _, err := b.Table(ctx); err == nil || !strings.Contains(err.Error(), "canceled") {
		t.Errorf("got error %v", err)
	}
}
