package ctc_test

import (
	"math"
	"strings"
	"testing"

	"github.com/asr-backend/asr-backend/asr/ctc"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"
	"pgregory.net/rapid"
)

func TestGreedyMergesRunsAndDropsBlanks(t *testing.T) {
	const blank = 9
	for _, c := range []struct {
		name string
		best []ctc.Piece
		want []ctc.Token
	}{
		{"nothing", nil, nil},
		{"only blank", []ctc.Piece{9, 9}, nil},
		{"a run is one token", []ctc.Piece{9, 3, 3, 9}, []ctc.Token{{Piece: 3, First: 101, Last: 102}}},
		{"blank between equal pieces makes two", []ctc.Piece{3, 9, 3}, []ctc.Token{{Piece: 3, First: 100, Last: 100}, {Piece: 3, First: 102, Last: 102}}},
		{"neighbours that differ", []ctc.Piece{1, 2, 2}, []ctc.Token{{Piece: 1, First: 100, Last: 100}, {Piece: 2, First: 101, Last: 102}}},
	} {
		t.Run(c.name, func(t *testing.T) {
			rows := make([]ctc.Row, len(c.best))
			for i, b := range c.best {
				rows[i].Best = b
			}
			if diff := cmp.Diff(c.want, ctc.Greedy(rows, blank, 100)); diff != "" {
				t.Errorf("(-want +got)\n%s", diff)
			}
		})
	}
}

func TestTokensTakeTheMeanLogProbabilityAndTheLowestConfidence(t *testing.T) {
	rows := []ctc.Row{{Best: 1, LogProb: -1, Confidence: 0.9}, {Best: 1, LogProb: -3, Confidence: 0.5}, {Best: 1, LogProb: -2, Confidence: 0.7}}
	want := []ctc.Token{{Piece: 1, First: 0, Last: 2, LogProb: -2, Confidence: 0.5}}
	if diff := cmp.Diff(want, ctc.Greedy(rows, 9, 0), cmpopts.EquateApprox(0, 1e-6)); diff != "" {
		t.Errorf("(-want +got)\n%s", diff)
	}
}

func TestSummarizeTakesTheFirstOfEqualPieces(t *testing.T) {
	row := []float32{-2, -1, -1, -3}
	got := ctc.Summarize(row, 3, nil)
	if want := (ctc.Row{Best: 1, LogProb: -1, Blank: -3, Confidence: 1}); got != want {
		t.Errorf("got %+v, want %+v", got, want)
	}
}

// Expanding a text into labels by the rules of CTC and reading it again gives the text.
func TestGreedyInvertsEveryLabelling(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		const blank = 4
		text := rapid.SliceOf(rapid.Int32Range(0, 3)).Draw(t, "text")
		var rows []ctc.Row
		add := func(p ctc.Piece, n int) {
			for range n {
				rows = append(rows, ctc.Row{Best: p})
			}
		}
		for i, p := range text {
			least := 0
			if i > 0 && text[i-1] == p {
				least = 1
			}
			add(blank, rapid.IntRange(least, 3).Draw(t, "blanks"))
			add(ctc.Piece(p), rapid.IntRange(1, 3).Draw(t, "repeats"))
		}
		tokens := ctc.Greedy(rows, blank, 0)
		if len(tokens) != len(text) {
			t.Fatalf("got %d tokens, want %d", len(tokens), len(text))
		}
		end := -1
		for i, token := range tokens {
			if token.Piece != ctc.Piece(text[i]) || int(token.First) <= end || token.Last < token.First {
				t.Fatalf("token %d: got %+v, want piece %d after row %d", i, token, text[i], end)
			}
			end = int(token.Last)
		}
	})
}

func TestVocabulariesThatAreNotAreRefused(t *testing.T) {
	for _, c := range []struct{ name, file, want string }{
		{"an empty file", "", "no pieces"},
		{"no index", "hello\n", `is not "piece index"`},
		{"a gap", "a 0\nb 2\n", "without gaps"},
		{"not from zero", "a 1\n", "without gaps"},
		{"blank first", "<blk> 0\na 1\n", "blank is piece 0"},
		{"only blank", "<blk> 0\n", "no pieces"},
	} {
		t.Run(c.name, func(t *testing.T) {
			_, err := ctc.ReadVocabulary(strings.NewReader(c.file))
			if err == nil || !strings.Contains(err.Error(), c.want) {
				t.Errorf("got %v, want an error with %q", err, c.want)
			}
		})
	}
}

func TestVocabularyWithAndWithoutBlankIsTheSame(t *testing.T) {
	for _, file := range []string{"a 0\n▁b 1\n<blk> 2\n", "a 0\r\n▁b 1\r\n", "a 0\n▁b 1\n<blank> 2"} {
		v, err := ctc.ReadVocabulary(strings.NewReader(file))
		if err != nil {
			t.Fatal(err)
		}
		if v.Width() != 3 || v.Blank() != 2 || v.Piece(1) != "▁b" {
			t.Errorf("%q: width %d, blank %d, piece 1 %q", file, v.Width(), v.Blank(), v.Piece(1))
		}
	}
}

func TestCasingAndMarksAreSeenInThePieces(t *testing.T) {
	for _, c := range []struct {
		pieces       []string
		cased, marks bool
	}{
		{[]string{"<unk>", "▁a", "b", "'"}, false, false},
		{[]string{"<unk>", "▁A", "b", "."}, true, true},
		{[]string{"<S>", "▁a"}, true, false},
	} {
		v, err := ctc.NewVocabulary(c.pieces)
		if err != nil {
			t.Fatal(err)
		}
		if v.Cased() != c.cased || v.Marks() != c.marks {
			t.Errorf("%q: got cased %v, marks %v; want %v, %v", c.pieces, v.Cased(), v.Marks(), c.cased, c.marks)
		}
	}
}

func TestConfidenceOfCertaintyIsOneAndOfIgnoranceZero(t *testing.T) {
	m := ctc.NewMeasure(257)
	certain, ignorant := make([]float32, 257), make([]float32, 257)
	for i := range certain {
		certain[i] = float32(math.Inf(-1))
		ignorant[i] = float32(-math.Log(257))
	}
	certain[5] = 0
	if got := m.Confidence(certain); got != 1 {
		t.Errorf("certain: got %v, want 1", got)
	}
	if got := m.Confidence(ignorant); got > 1e-6 {
		t.Errorf("ignorant: got %v, want 0", got)
	}
}

func FuzzReadVocabulary(f *testing.F) {
	for _, seed := range []string{"<unk> 0\n▁t 1\n<blk> 2\n", "a\t0", "\xff 0\n", " 0\n 1"} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, file string) {
		v, err := ctc.ReadVocabulary(strings.NewReader(file))
		if err != nil {
			return
		}
		all := make([]ctc.Piece, 0, v.Width())
		for p := range ctc.Piece(v.Width() - 1) {
			all = append(all, p)
		}
		_ = v.Text(all)
	})
}

func BenchmarkSummarize(b *testing.B) {
	row := make([]float32, 1025)
	for i := range row {
		row[i] = float32(-5 - i%7)
	}
	for _, c := range []struct {
		name string
		best int
	}{{"a row won by blank", 1024}, {"a row won by a piece", 10}} {
		b.Run(c.name, func(b *testing.B) {
			row[1024], row[10] = -5, -5
			row[c.best] = -0.1
			m := ctc.NewMeasure(len(row))
			for b.Loop() {
				ctc.Summarize(row, 1024, m)
			}
			b.ReportMetric(0.08*float64(b.N)/b.Elapsed().Seconds(), "audio-s/s")
		})
	}
}
