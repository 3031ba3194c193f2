package beam

import (
	"math"
	"testing"

	"github.com/asr-backend/asr-backend/asr/ctc"
)

// A word is as sure as it is beside the best other word in its place; its neighbours stay sure.
func TestConfidenceIsThatBesideOtherWords(t *testing.T) {
	v := vocabulary(t, []string{ctc.Space + "x", ctc.Space + "y", ctc.Space + "z"})
	s, err := New(v, Options{})
	if err != nil {
		t.Fatal(err)
	}
	row := func(p ...float64) []float32 {
		out := make([]float32, len(p))
		for i, v := range p {
			out[i] = float32(math.Log(v))
		}
		return out
	}
	const e = 1e-4
	quiet := row(e, e, e, 1-3*e)
	x := row(1-3*e, e, e, e)
	for _, second := range []float64{0.3, 0.01} {
		d := s.Decoder(0)
		for _, r := range [][]float32{quiet, x, quiet, row(e, 1-second-2*e, second, e), quiet, x, quiet, x, quiet} {
			d.Push(r)
		}
		rest := d.Finish(1)[0].Tokens
		tokens := append(d.Take(), rest...)
		if text := write(v.Pieces(), tokens); text != "x y x x" {
			t.Fatalf("got %q", text)
		}
		measure := ctc.NewMeasure(v.Width())
		sure := float64(measure.Confidence(row(e, 1-second-2*e, second, e)))
		want := math.Pow(sure, rowPower) / (1 + math.Sqrt(second/(1-second-2*e)))
		if got := float64(tokens[1].Confidence); math.Abs(got-want) > 0.01 {
			t.Errorf("y beside z with a probability of %v has confidence %v, want %v", second, got, want)
		}
		for _, i := range []int{0, 2, 3} {
			if c := tokens[i].Confidence; c < 0.95 {
				t.Errorf("word %d of %q has confidence %v", i, "x y x x", c)
			}
		}
	}
}

// Where texts end that differ in their last word, that is compared at the end.
func TestTheLastWordHasRivalsToo(t *testing.T) {
	v := vocabulary(t, []string{ctc.Space + "x", ctc.Space + "y"})
	s, err := New(v, Options{})
	if err != nil {
		t.Fatal(err)
	}
	d := s.Decoder(0)
	d.Push([]float32{-0.001, -9, -9})
	d.Push([]float32{-9, -9, -0.001})
	d.Push([]float32{float32(math.Log(0.45)), float32(math.Log(0.54)), -9})
	rest := d.Finish(1)[0].Tokens
	tokens := append(d.Take(), rest...)
	if text := write(v.Pieces(), tokens); text != "x y" || tokens[1].Confidence > 0.6 || tokens[0].Confidence < 0.95 {
		t.Errorf("%q with %v", text, tokens)
	}
}

// Only words that differ are marked, wherever the texts part.
func TestOnlyWordsThatDifferHaveRivals(t *testing.T) {
	var w wordTree
	w.reset()
	path := func(words ...uint64) int32 {
		node := int32(0)
		for _, h := range words {
			node = w.after(node, h)
		}
		w.retain(node)
		return node
	}
	a := path(1, 2, 3, 4)
	b := path(1, 5, 3)
	if again := path(1, 2, 3, 4); again != a {
		t.Errorf("a text has the nodes %d and %d", a, again)
	}
	w.differ(a, b, 4, 0.25) // 1 5 3 4
	w.differ(a, b, 4, 0.125)
	for depth, want := range map[int32]float32{1: 0, 2: 0.25, 3: 0, 4: 0} {
		if got := w.all[w.find(a, depth)].rival; got != want {
			t.Errorf("word %d has a rival of %v, want %v", depth, got, want)
		}
	}
	if w.find(a, 5) != none || w.find(b, 4) != none {
		t.Error("there is a word beyond the end")
	}
	w.release(a)
	w.release(a)
	w.release(b)
	if live := len(w.all) - len(w.free); live != 1 {
		t.Errorf("%d nodes are left, want the root", live)
	}
}
