package beam

import (
	"fmt"
	"math"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"

	"github.com/asr-backend/asr-backend/asr/ctc"
)

// paid returns the bonus in nats of a text that pieces write.
func paid(g *Phrases, pieces []string, text []int, v *ctc.Vocabulary) float64 {
	all := surfaces(v)
	node, begun, sum := int32(open), false, 0.0
	for _, i := range text {
		var f float64
		node, f = g.walk(node, &all[i], begun)
		begun = begun && !all[i].starts || len(all[i].text) > 0
		sum += math.Log(f)
	}
	return sum + math.Log(g.end(node, begun))
}

// Every way to write a text earns the same, whatever its pieces, case and punctuation.
func TestPhrasesAreFoundHoweverTheyAreWritten(t *testing.T) {
	pieces := []string{"▁new", "▁N", "▁", "▁York", "e", "w", "▁yor", "k", ",", "▁city", "s", "▁O", "’", "'", "Brien", "N", "ew"}
	v := vocabulary(t, pieces)
	at := func(names ...string) (out []int) {
		for _, n := range names {
			for i, p := range pieces {
				if p == n {
					out = append(out, i)
				}
			}
		}
		return out
	}
	g, err := NewPhrases([]Phrase{{"New York", 1}, {"new york city", 1.5}, {"York", 0.5}, {"O'Brien", 2}})
	if err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct {
		text []int
		want float64
	}{
		{at("▁new", "▁York"), 14},
		{at("▁N", "e", "w", "▁yor", "k"), 14},
		{at("▁", "N", "ew", "▁", "▁York", ","), 14},
		{at("▁new", ",", "▁York", "▁city"), 27},
		{at("▁new", "▁York", "▁city", "s"), 14},
		{at("▁new", "▁York", "s"), 0},
		{at("▁new", "▁yor"), 0},
		{at("▁new", "▁new", "▁York", "▁York"), 19.5},
		{at("▁city", "▁York", "▁new"), 5.5},
		{at("▁O", "’", "Brien"), 28},
		{at("▁O", "'", "Brien", "▁York"), 33.5},
	} {
		if got := paid(g, pieces, c.text, v); math.Abs(got-c.want) > 1e-5 {
			t.Errorf("%v: got %v, want %v", c.text, got, c.want)
		}
	}
}

// Within a phrase the bonus grows with each letter.
func TestPhrasesPayInsideWords(t *testing.T) {
	v := vocabulary(t, []string{"▁s", "i", "l", "v", "e", "r"})
	g, err := NewPhrases([]Phrase{{"silver", 1}})
	if err != nil {
		t.Fatal(err)
	}
	node := int32(open)
	for i, s := range surfaces(v) {
		var f float64
		if node, f = g.walk(node, &s, i > 0); math.Abs(math.Log(f)-13./6) > 1e-6 {
			t.Errorf("letter %d pays %v, want %v", i, math.Log(f), 13./6)
		}
	}
	if f := g.end(node, true); math.Abs(math.Log(f)) > 1e-6 {
		t.Errorf("the end pays %v, want 0", math.Log(f))
	}
}

// A phrase of a long list gets less, and that of a very long text no more than a float32 holds.
func TestTheBonusOfAPhraseInItsList(t *testing.T) {
	long := strings.Repeat("a", 350)
	pieces := []string{"▁silver", "▁" + long}
	v := vocabulary(t, pieces)
	for n, want := range map[int]float64{2: 19.5, 100: 19.5, 447: 14.25, 2000: 9, 3000: 9} {
		list := []Phrase{{Text: "silver"}, {Text: long}}
		for i := len(list); i < n; i++ {
			list = append(list, Phrase{Text: fmt.Sprint("other ", i)})
		}
		g, err := NewPhrases(list)
		if err != nil {
			t.Fatal(err)
		}
		if got := paid(g, pieces, []int{0}, v); math.Abs(got-want) > 1e-2 {
			t.Errorf("%d phrases: %v, want %v", n, got, want)
		}
		if got := paid(g, pieces, []int{1}, v); math.Abs(got-80) > 1e-3 {
			t.Errorf("%d phrases: a long text pays %v, want 80", n, got)
		}
	}
}

func TestPhrasesAreChecked(t *testing.T) {
	for text, list := range map[string][]Phrase{
		"has no letters":          {{Text: "a"}, {Text: " ! "}},
		"weight -1":               {{Text: "a", Weight: -1}},
		"weight 21":               {{Text: "a", Weight: 21}},
		"weight NaN":              {{Text: "a", Weight: float32(math.NaN())}},
		"not more than 400 bytes": {{Text: strings.Repeat("long ", 100)}},
	} {
		if _, err := NewPhrases(list); err == nil || !strings.Contains(err.Error(), text) {
			t.Errorf("got %v, want %q", err, text)
		}
	}
	if g, err := NewPhrases(nil); g != nil || err != nil {
		t.Errorf("an empty list gives %v, %v", g, err)
	}
}

// Without a phrase in reach nothing changes: not the text, not its score.
func TestPhrasesThatAreNotSaidChangeNothing(t *testing.T) {
	v := vocabulary(t, tiny)
	s, err := New(v, Options{Lexicon: NewLexicon(tinyModel(t))})
	if err != nil {
		t.Fatal(err)
	}
	g, err := NewPhrases([]Phrase{{Text: "zebra"}, {Text: "q x"}})
	if err != nil {
		t.Fatal(err)
	}
	rows := randomRows(rand.New(rand.NewPCG(9, 9)), 300, v.Width())
	want, score := decode(s.Decoder(0), rows)
	got, same := decode(s.WithPhrases(g).Decoder(0), rows)
	if spans(got) != spans(want) || math.Abs(score-same) > 1e-9 {
		t.Errorf("score %v, want %v", same, score)
	}
}

// What a text would pay back does not drive out the others: one that leaves a phrase of great
// weight at last leaves the better text behind nothing.
func TestALoanDoesNotPruneTheOthers(t *testing.T) {
	pieces := []string{"▁x", "▁abcdefg", "h", "y"}
	v := vocabulary(t, pieces)
	g, err := NewPhrases([]Phrase{{Text: "abcdefgh", Weight: 4}})
	if err != nil {
		t.Fatal(err)
	}
	s, err := New(v, Options{Phrases: g})
	if err != nil {
		t.Fatal(err)
	}
	row := func(probs ...float64) (out []float32) {
		for _, p := range probs {
			out = append(out, float32(math.Log(p)))
		}
		return out
	}
	first := row(0.7, 0.28, 1e-9, 1e-9, 0.02)
	for want, last := range map[string][]float32{
		"xy":       row(1e-9, 1e-9, 1e-9, 0.9, 0.1),
		"abcdefgh": row(1e-9, 1e-9, 0.3, 0.6, 0.1),
	} {
		tokens, _ := decode(s.Decoder(0), [][]float32{first, last})
		if got := write(pieces, tokens); got != want {
			t.Errorf("got %q, want %q", got, want)
		}
	}
}

// Texts that have begun a phrase do not take all places of the beam.
func TestTextsWithoutALoanKeepAPlace(t *testing.T) {
	pieces := []string{"▁x", "▁ab", "▁ac", "▁ad", "▁ae", "y"}
	g, err := NewPhrases([]Phrase{{Text: "abz"}, {Text: "acz"}, {Text: "adz"}, {Text: "aez"}})
	if err != nil {
		t.Fatal(err)
	}
	s, err := New(vocabulary(t, pieces), Options{Phrases: g, Width: 4})
	if err != nil {
		t.Fatal(err)
	}
	var rows [][]float32
	for _, probs := range [][]float64{{0.3, 0.15, 0.15, 0.15, 0.15, 1e-9, 0.1}, {1e-9, 1e-9, 1e-9, 1e-9, 1e-9, 0.99, 0.01}} {
		var row []float32
		for _, p := range probs {
			row = append(row, float32(math.Log(p)))
		}
		rows = append(rows, row)
	}
	tokens, _ := decode(s.Decoder(0), rows)
	if got := write(pieces, tokens); got != "xy" {
		t.Errorf("got %q, want xy", got)
	}
}

// A piece may pay for many letters at once; it is not left out before that is counted.
func TestLongPiecesOfPhrasesAreTried(t *testing.T) {
	v := vocabulary(t, []string{ctc.Space + "a", ctc.Space + "b", ctc.Space + "internationally"})
	g, err := NewPhrases([]Phrase{{Text: "b internationally"}})
	if err != nil {
		t.Fatal(err)
	}
	s, err := New(v, Options{Phrases: g})
	if err != nil {
		t.Fatal(err)
	}
	d := s.Decoder(0)
	for _, row := range [][]float32{{-.01, -5.9, -30, -5.9}, {-.09, -30, -30, -2.5}, {-.09, -30, -30, -2.5}, {-2, -30, -5.9, -.1}, {-30, -30, -30, 0}} {
		d.Push(row)
	}
	rest := d.Finish(1)[0].Tokens
	if text := write(v.Pieces(), append(d.Take(), rest...)); text != "b internationally" {
		t.Errorf("got %q", text)
	}
}

// Lists that mean the same are the same.
func TestListsHaveOneForm(t *testing.T) {
	a := Canonical([]Phrase{{Text: "Grete  Hermann"}, {Text: "one", Weight: 2}, {Text: "one", Weight: 1}})
	b := Canonical([]Phrase{{Text: "one", Weight: 2}, {Text: "grete hermann!", Weight: DefaultPhraseWeight}})
	if !slices.Equal(a, b) || len(a) != 2 {
		t.Errorf("got %v and %v", a, b)
	}
	if c := Canonical([]Phrase{{Text: "one", Weight: 2}}); slices.Equal(a, c) || Canonical(nil) != nil {
		t.Errorf("got %v", c)
	}
}
