package beam

import (
	"fmt"
	"math"
	"math/rand/v2"
	"slices"
	"testing"

	"github.com/asr-backend/asr-backend/asr/ctc"
	"github.com/asr-backend/asr-backend/timeline"
)

// What is decided does not depend on when it is asked for, nor on what the Decoder did before.
func TestTokensDoNotDependOnWhenTheyAreTaken(t *testing.T) {
	v, rows := trained(t, "librispeech")
	s, err := New(v, Options{Lexicon: words(t), Bonus: 0.5, Lookback: 20})
	if err != nil {
		t.Fatal(err)
	}
	var long [][]float32
	for range 20 {
		long = append(long, rows...)
	}
	d := s.Decoder(7)
	want, score := decode(d, long)
	if len(want) < 100 {
		t.Fatalf("%d tokens", len(want))
	}
	r := rand.New(rand.NewPCG(3, 4))
	for range 5 {
		d.Reset(7)
		var got []ctc.Token
		for _, row := range long {
			d.Push(row)
			if r.IntN(40) == 0 {
				got = append(got, d.Take()...)
			}
		}
		best := d.Finish(1)[0]
		got = append(append(got, d.Take()...), best.Tokens...)
		if !slices.Equal(got, want) || best.Score != score {
			t.Fatal("the result differs")
		}
	}
	for i, x := range want {
		if x.First > x.Last || i > 0 && x.First <= want[i-1].Last || x.LogProb > 0 || x.Confidence < 0 || x.Confidence > 1 {
			t.Fatalf("token %d is %+v after %+v", i, x, want[max(i-1, 0)])
		}
	}
	if first, last := want[0].First, want[len(want)-1].Last; first < 7 || last >= 7+timeline.Row(len(long)) {
		t.Errorf("tokens from row %d to %d", first, last)
	}
}

// A long recording takes no more memory than a short one, whether its texts agree or not.
func TestMemoryDoesNotGrow(t *testing.T) {
	for _, histories := range []bool{false, true} {
		t.Run(fmt.Sprint("histories ", histories), func(t *testing.T) { memoryDoesNotGrow(t, histories) })
	}
}

func memoryDoesNotGrow(t *testing.T, histories bool) {
	v := vocabulary(t, tiny)
	s, err := New(v, Options{Lexicon: NewLexicon(tinyModel(t)), Histories: histories, Lookback: 50})
	if err != nil {
		t.Fatal(err)
	}
	rows := randomRows(rand.New(rand.NewPCG(5, 6)), 2000, v.Width())
	silence := make([]float32, v.Width())
	for i := range silence[:v.Blank()] {
		silence[i] = -100
	}
	d := s.Decoder(0)
	tokens := 0
	run := func() {
		for _, row := range rows {
			d.Push(row)
			tokens += len(d.Take())
		}
		for range 3000 {
			d.Push(silence)
			tokens += len(d.Take())
		}
	}
	run()
	traces, nodes, candidates := len(d.traces.all), len(d.words.all), cap(d.table.all)
	if n := testing.AllocsPerRun(5, run); n > 2 {
		t.Errorf("%v allocations in 5,000 rows", n)
	}
	if tokens < 1000 || len(d.traces.all) > 2*traces || len(d.words.all) > 2*nodes || cap(d.table.all) > 2*candidates {
		t.Errorf("%d tokens, %d traces, %d nodes, %d candidates; %d, %d and %d after the first part",
			tokens, len(d.traces.all), len(d.words.all), cap(d.table.all), traces, nodes, candidates)
	}
	live := 0
	for i := range d.traces.all {
		if d.traces.all[i].refs > 0 {
			live++
		}
	}
	if free := len(d.traces.free); live+free != len(d.traces.all) {
		t.Errorf("%d traces are in use and %d free, of %d", live, free, len(d.traces.all))
	}
	// In the tree of words everything but what is free can be reached from the root.
	reached := 0
	var visit func(node int32)
	visit = func(node int32) {
		reached++
		for c := d.words.all[node].child; c != none; c = d.words.all[c].sibling {
			if d.words.all[c].parent != node {
				t.Errorf("node %d is a child of %d, whose parent is %d", c, node, d.words.all[c].parent)
			}
			visit(c)
		}
	}
	visit(d.words.root)
	if free := len(d.words.free); reached+free != len(d.words.all) || reached > 2000 {
		t.Errorf("%d nodes are in use and %d free, of %d", reached, free, len(d.words.all))
	}
}

// A token is decided at the latest when lookback has passed and it was asked for.
func TestTokensAreDecidedInTime(t *testing.T) {
	v := vocabulary(t, tiny)
	s, err := New(v, Options{Histories: true, Lookback: 40})
	if err != nil {
		t.Fatal(err)
	}
	d := s.Decoder(0)
	last := timeline.Row(0)
	for i, row := range randomRows(rand.New(rand.NewPCG(7, 8)), 5000, v.Width()) {
		d.Push(row)
		for _, x := range d.Take() {
			last = x.Last
		}
		if late := timeline.Row(i) - last; late > 40+2*commitEvery {
			t.Fatalf("row %d: decided up to row %d", i, last)
		}
	}
}

// Whatever is in a row, the rows after it are read.
func TestRowsWithoutSenseDoNoHarm(t *testing.T) {
	v := vocabulary(t, tiny)
	s, err := New(v, Options{Lexicon: NewLexicon(tinyModel(t))})
	if err != nil {
		t.Fatal(err)
	}
	values := []float32{0, -1, -200, -1e9, 1e9, float32(math.NaN()), float32(math.Inf(1)), float32(math.Inf(-1))}
	r := rand.New(rand.NewPCG(11, 12))
	d := s.Decoder(0)
	row := make([]float32, v.Width())
	for range 5000 {
		for i := range row {
			row[i] = values[r.IntN(len(values))]
		}
		d.Push(row)
		for _, x := range d.Take() {
			if !(x.Confidence >= 0 && x.Confidence <= 1 && x.LogProb <= 0) {
				t.Fatalf("got %+v", x)
			}
		}
	}
	for _, row := range [][]float32{{-9, -9, -9, -9, -9, 0}, {0, -9, -9, -9, -9, -9}, {-9, -9, -9, -9, -9, 0}} {
		d.Push(row)
	}
	best := d.Finish(1)[0]
	if n := len(best.Tokens); n == 0 || best.Tokens[n-1].Piece != 0 || best.Tokens[n-1].First != 5001 {
		t.Errorf("got %v", best)
	}
}

func TestOptionsAreChecked(t *testing.T) {
	v := vocabulary(t, tiny)
	for _, o := range []Options{{Weight: -1}, {Bonus: 21}, {Unknown: 1}, {Width: -1}, {Width: maxWidth + 1}, {Prune: -1}, {RowPrune: 1}, {Pieces: -1}, {Lookback: -1}} {
		if _, err := New(v, o); err == nil {
			t.Errorf("%+v is accepted", o)
		}
	}
}
