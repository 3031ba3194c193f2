package lm_test

import (
	"math"
	"strings"
	"testing"
	"unsafe"

	"github.com/asr-backend/asr-backend/lm"

	"pgregory.net/rapid"
)

// tiny is a model of two words whose numbers can be checked by hand.
const tiny = `\data\
ngram 1=5
ngram 2=3
ngram 3=1

\1-grams:
-1	<unk>
-99	<s>	-0.3
-0.5	</s>
-0.6	a	-0.2
-0.7	b

\2-grams:
-0.25	<s> a	-0.1
-0.35	a b	-0.15
-0.45	b </s>

\3-grams:
-0.05	<s> a b

\end\
`

func readTiny(t *testing.T, text string) *lm.Model {
	t.Helper()
	table, err := lm.ReadARPA(strings.NewReader(text))
	if err != nil {
		t.Fatal(err)
	}
	m, err := table.Model()
	if err != nil {
		t.Fatal(err)
	}
	return m
}

func TestScoreBacksOff(t *testing.T) {
	m := readTiny(t, tiny)
	a, _ := m.Word("a")
	b, _ := m.Word("b")
	for _, test := range []struct {
		before []lm.Word
		w      lm.Word
		want   float64
	}{
		{nil, a, -0.25},                                     // <s> a
		{[]lm.Word{a}, b, -0.05},                            // <s> a b
		{[]lm.Word{a}, a, -0.1 - 0.2 - 0.6},                 // weights of <s> a and of a
		{nil, b, -0.3 - 0.7},                                // weight of <s>
		{[]lm.Word{b}, a, -0.6},                             // neither <s> b nor b has a weight
		{[]lm.Word{a, b}, a, -0.15 - 0.6},                   // weight of a b
		{[]lm.Word{lm.Unknown}, a, -0.6},                    // <unk> has none
		{[]lm.Word{a}, lm.Unknown, -0.1 - 0.2 - 1},          // like a word
		{[]lm.Word{a, lm.Word(1 << 31)}, b, -0.7},           // a number of no word is unknown
		{[]lm.Word{lm.Unknown, a, lm.Unknown, a}, b, -0.35}, // <s> is forgotten
	} {
		s := m.Begin()
		for _, w := range test.before {
			_, s = m.Score(s, w)
		}
		if got, _ := m.Score(s, test.w); math.Abs(float64(got)-test.want) > 1e-6 {
			t.Errorf("%d after %d: got %g, want %g", test.w, test.before, got, test.want)
		}
	}
	_, s := m.Score(m.Begin(), b)
	if got := m.End(s); math.Abs(float64(got)+0.45) > 1e-6 {
		t.Errorf("</s> after b: got %g, want -0.45", got)
	}
}

// The state after text is the same whatever of it cannot matter, so that a search may join
// what differs only in that.
func TestStatesAreAsShortAsTheyCanBe(t *testing.T) {
	m := readTiny(t, tiny)
	a, _ := m.Word("a")
	b, _ := m.Word("b")
	after := func(words ...lm.Word) (s lm.State) {
		s = m.Begin()
		for _, w := range words {
			_, s = m.Score(s, w)
		}
		return s
	}
	if after(lm.Unknown) != after(a, lm.Unknown) || after(lm.Unknown) != (lm.State{}) {
		t.Error("after <unk> there is nothing to remember")
	}
	if after(b) != after(b, b) {
		t.Error("<s> b and b b are no n-grams, so only b counts")
	}
	if after(b) == after(a, b) {
		t.Error("a b has a weight, which must not be forgotten")
	}
	if size := unsafe.Sizeof(lm.State{}); size > 32 {
		t.Errorf("a state has %d bytes, more than 32", size)
	}
}

// Equal states have equal futures, in a model with many contexts.
func TestEqualStatesScoreAlike(t *testing.T) {
	m := openARPA(t, "lmplz5.arpa.gz")
	sentences := lines(t, "sentences.txt.gz")
	type end struct {
		words []string
		probs []float32
	}
	next := strings.Fields("the of and he was in a that it his")
	seen := map[lm.State]end{}
	joined := 0
	for _, sentence := range sentences[:2000] {
		s := m.Begin()
		words := strings.Fields(sentence)
		for i, text := range words {
			w, _ := m.Word(text)
			_, s = m.Score(s, w)
			e := end{words: words[:i+1]}
			for _, n := range next {
				w, _ := m.Word(n)
				p, after := m.Score(s, w)
				e.probs = append(e.probs, p, m.End(after))
			}
			other, found := seen[s]
			if seen[s] = e; !found {
				continue
			}
			joined++
			for i := range e.probs {
				if e.probs[i] != other.probs[i] {
					t.Fatalf("%q and %q have the same state but go on differently", e.words, other.words)
				}
			}
		}
	}
	if joined < 1000 {
		t.Errorf("only %d states were met again", joined)
	}
}

func TestProbabilitiesSumToOne(t *testing.T) {
	m := openARPA(t, "lmplz3.arpa.gz")
	sentences := lines(t, "sentences.txt.gz")
	rapid.Check(t, func(t *rapid.T) {
		s := m.Begin()
		words := strings.Fields(rapid.SampledFrom(sentences).Draw(t, "sentence"))
		for _, text := range words[:rapid.IntRange(0, len(words)).Draw(t, "words")] {
			w, _ := m.Word(text)
			_, s = m.Score(s, w)
		}
		p, _ := m.Score(s, lm.Unknown)
		sum := math.Pow(10, float64(p)) + math.Pow(10, float64(m.End(s)))
		for w := range m.Vocabulary() {
			p, _ := m.Score(s, w)
			sum += math.Pow(10, float64(p))
		}
		if math.Abs(sum-1) > 1e-4 {
			t.Fatalf("after %q they sum to %g", words, sum)
		}
	})
}

func TestVocabulary(t *testing.T) {
	m := openARPA(t, "lmplz3.arpa.gz")
	n := 0
	for w, s := range m.Vocabulary() {
		if got, known := m.Word(s); got != w || !known {
			t.Fatalf("%q is %d, want %d", s, got, w)
		}
		n++
	}
	if n != m.Len(1)-3 || n < 3000 {
		t.Errorf("got %d words of %d", n, m.Len(1))
	}
	for _, s := range []string{"", "<unk>", "zzz", "a ", "\x00", "notaword"} {
		if w, known := m.Word(s); known || w != lm.Unknown {
			t.Errorf("%q is word %d", s, w)
		}
	}
}

func TestScoreAllocatesNothing(t *testing.T) {
	m := openARPA(t, "lmplz5.arpa.gz")
	w, _ := m.Word("the")
	s := m.Begin()
	if n := testing.AllocsPerRun(100, func() { _, s = m.Score(s, w); _ = m.End(s) }); n != 0 {
		t.Errorf("got %g allocations", n)
	}
}
