package wer_test

import (
	"math/rand/v2"
	"slices"
	"strings"
	"testing"

	"github.com/asr-backend/asr-backend/wer"
)

func TestWordsArePaired(t *testing.T) {
	got := wer.Align(strings.Fields("a b c d"), strings.Fields("a x c e d"))
	want := []wer.Pair{{"a", "a"}, {"b", "x"}, {"c", "c"}, {"", "e"}, {"d", "d"}}
	if !slices.Equal(got, want) {
		t.Errorf("got %v, want %v", got, want)
	}
}

// Pairs hold both texts, and as many of them are wrong as errors are counted.
func TestPairsHaveTheErrorsThatAreCounted(t *testing.T) {
	r := rand.New(rand.NewPCG(1, 2))
	text := func() []string {
		out := make([]string, r.IntN(12))
		for i := range out {
			out[i] = string(rune('a' + r.IntN(3)))
		}
		return out
	}
	for range 500 {
		a, b := text(), text()
		var said, recognised []string
		wrong := 0
		for _, p := range wer.Align(a, b) {
			if p.Said != "" {
				said = append(said, p.Said)
			}
			if p.Recognised != "" {
				recognised = append(recognised, p.Recognised)
			}
			if !p.Right() {
				wrong++
			}
		}
		e := wer.CompareWords(a, b)
		if want := e.Substitutions + e.Deletions + e.Insertions; wrong != want || !slices.Equal(said, a) || !slices.Equal(recognised, b) {
			t.Fatalf("%q and %q: %d pairs are wrong, want %d; they hold %q and %q", a, b, wrong, want, said, recognised)
		}
	}
}
