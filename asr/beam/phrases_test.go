package beam

import (
	"math"
	"math/rand/v2"
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
		{at("▁new", "▁York"), 7},
		{at("▁N", "e", "w", "▁yor", "k"), 7},
		{at("▁", "N", "ew", "▁", "▁York", ","), 7},
		{at("▁new", ",", "▁York", "▁city"), 16.5},
		{at("▁new", "▁York", "▁city", "s"), 7},
		{at("▁new", "▁York", "s"), 0},
		{at("▁new", "▁yor"), 0},
		{at("▁new", "▁new", "▁York", "▁York"), 9},
		{at("▁city", "▁York", "▁new"), 2},
		{at("▁O", "’", "Brien"), 14},
		{at("▁O", "'", "Brien", "▁York"), 16},
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
		if node, f = g.walk(node, &s, i > 0); math.Abs(math.Log(f)-1) > 1e-6 {
			t.Errorf("letter %d pays %v, want 1", i, math.Log(f))
		}
	}
	if f := g.end(node, true); math.Abs(math.Log(f)) > 1e-6 {
		t.Errorf("the end pays %v, want 0", math.Log(f))
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
