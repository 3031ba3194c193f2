package beam

import (
	"math"
	"testing"

	"github.com/asr-backend/asr-backend/asr/ctc"
	"github.com/asr-backend/asr-backend/lm"

	"pgregory.net/rapid"
)

// written follows a Bias greedily through rows of scores.
func written(b *Bias, rows [][]float32) (out []ctc.Piece) {
	s := b.Start()
	for _, row := range rows {
		p := b.Best(s, row)
		out, s = append(out, p), b.Next(s, p)
	}
	return out
}

func TestExpectedPhrasesAreWrittenInPlaceOfOthers(t *testing.T) {
	v := vocabulary(t, []string{"▁gre", "te", "ta", "▁her", "man", "▁great", "."})
	phrases, err := NewPhrases([]Phrase{{Text: "Grete Herman", Weight: 1.5}})
	if err != nil {
		t.Fatal(err)
	}
	b, err := NewBias(v, BiasOptions{Phrases: phrases})
	if err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct {
		name string
		rows [][]float32
		want string
	}{
		{"a little less probable", [][]float32{{-0.2, -9, -9, -9, -9, -9, -9}, {-9, -0.9, -0.6, -9, -9, -9, -9}, {-9, -9, -9, -0.1, -9, -9, -9}, {-9, -9, -9, -9, -0.1, -9, -9}}, "grete herman"},
		{"far less probable", [][]float32{{-0.2, -9, -9, -9, -9, -9, -9}, {-9, -30, -0.1, -9, -9, -9, -9}}, "greta"},
		{"nothing of it is said", [][]float32{{-9, -9, -9, -9, -9, -0.1, -3}, {-9, -9, -9, -9, -9, -9, -0.1}}, "great."},
	} {
		if text := v.Text(written(b, c.rows)); text != c.want {
			t.Errorf("%s: %q, want %q", c.name, text, c.want)
		}
	}
}

// What is paid along any pieces comes to what the phrases that were written are worth: nothing is
// left of a phrase that was begun.
func TestABegunPhraseIsPaidBack(t *testing.T) {
	pieces := []string{"▁a", "b", "▁b", "c", "▁c", "ab", "."}
	v := vocabulary(t, pieces)
	phrases, err := NewPhrases([]Phrase{{Text: "abc", Weight: 1}, {Text: "b c", Weight: 2}})
	if err != nil {
		t.Fatal(err)
	}
	b, err := NewBias(v, BiasOptions{Phrases: phrases})
	if err != nil {
		t.Fatal(err)
	}
	rapid.Check(t, func(t *rapid.T) {
		s, paid := b.Start(), 0.0
		for range rapid.IntRange(0, 8).Draw(t, "length") {
			p := rapid.IntRange(0, len(pieces)-1).Draw(t, "piece")
			paid += b.bonus(s, p)
			s = b.Next(s, ctc.Piece(p))
		}
		// What is lent at the node where the text ends is all that it does not own yet.
		owed := greedyShare * math.Log(float64(phrases.loan[s.node]))
		if owned := paid - owed; owned < -1e-5 {
			t.Fatalf("%v is paid, of which %v is lent", paid, owed)
		}
	})
}

func TestBiasRefusesModelsOfOtherPieces(t *testing.T) {
	v := vocabulary(t, []string{"▁gre", "te", "ta"})
	m, err := lm.Open("../../testdata/beam/words.arpa")
	if err != nil {
		t.Fatal(err)
	}
	defer m.Close()
	if _, err := NewBias(v, BiasOptions{Model: m, Weight: 1}); err == nil {
		t.Error("a model of other pieces is accepted")
	}
	if _, err := NewBias(v, BiasOptions{Model: m}); err == nil {
		t.Error("no weight is accepted")
	}
	if b, err := NewBias(v, BiasOptions{}); b != nil || err != nil {
		t.Errorf("a Bias that knows nothing: %v, %v", b, err)
	}
}
