package viterbi

import (
	"errors"
	"math"
	"slices"
	"testing"

	"github.com/asr-backend/asr-backend/asr/ctc"
	"github.com/asr-backend/asr-backend/timeline"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"
)

// matrix returns the Scores of a matrix.
func matrix(rows [][]float32) Scores {
	return func(t timeline.Row) []float32 { return rows[t] }
}

// drawMatrix draws scores of few levels, so that ties are frequent, or of many.
func drawMatrix(t *rapid.T, rows, width int) [][]float32 {
	levels := rapid.SampledFrom([]int{2, 4, 1 << 16}).Draw(t, "levels")
	m := make([][]float32, rows)
	for r := range m {
		m[r] = make([]float32, width)
		for c := range m[r] {
			m[r][c] = -float32(rapid.IntRange(0, levels-1).Draw(t, "score")) / 64
		}
	}
	return m
}

func drawTokens(t *rapid.T, most, kinds int) []ctc.Piece {
	return rapid.SliceOfN(rapid.Custom(func(t *rapid.T) ctc.Piece {
		return ctc.Piece(rapid.IntRange(0, kinds-1).Draw(t, "token"))
	}), 0, most).Draw(t, "tokens")
}

// score adds up what a path costs, from what it says about itself.
func score(p *Problem, path *Path) float64 {
	rows := make([]float64, p.Rows)
	for t := range rows {
		rows[t] = float64(p.Scores(timeline.Row(t))[p.Blank])
	}
	for i, s := range path.Spans {
		for t := s.First; t <= s.Last; t++ {
			rows[t] = float64(p.Scores(t)[p.Tokens[i]])
		}
	}
	sum := 0.0
	for _, d := range path.Skips {
		sum -= p.Skips.Penalty
		for t := d.First; t < d.End; t++ {
			rows[t] = p.Skips.RowScore(t)
		}
		for w := d.From; w < d.To; w++ {
			sum -= p.Skips.TokenPenalty * float64(p.ends(w)-p.Skips.Words[w])
		}
	}
	for _, v := range rows {
		sum += v
	}
	return sum
}

// ends returns the token after the last of word w.
func (p *Problem) ends(w int) int {
	if w+1 < len(p.Skips.Words) {
		return p.Skips.Words[w+1]
	}
	return len(p.Tokens)
}

// check fails unless the path is one that the rules allow, and costs what it says.
func check(t interface {
	Helper()
	Fatalf(string, ...any)
}, p *Problem, path *Path) {
	t.Helper()
	if len(path.Spans) != len(p.Tokens) {
		t.Fatalf("%d spans of %d tokens", len(path.Spans), len(p.Tokens))
	}
	skipped := make([]bool, len(p.Tokens))
	rows := make([]bool, p.Rows)
	lastRow, lastWord := timeline.Row(0), 0
	for _, d := range path.Skips {
		if d.First < lastRow || d.End < d.First || d.End > p.Rows || d.From < lastWord || d.To < d.From {
			t.Fatalf("skipped %+v after row %d and word %d", d, lastRow, lastWord)
		}
		for w := d.From; w < d.To; w++ {
			for i := p.Skips.Words[w]; i < p.ends(w); i++ {
				skipped[i] = true
			}
		}
		for r := d.First; r < d.End; r++ {
			rows[r] = true
		}
		lastRow, lastWord = d.End, d.To
	}
	before := timeline.Row(-1)
	for i, s := range path.Spans {
		if empty := s.Last < s.First; empty != skipped[i] {
			t.Fatalf("token %d at %+v, skipped: %v", i, s, skipped[i])
		} else if empty {
			continue
		}
		if s.First <= before || s.Last >= p.Rows {
			t.Fatalf("token %d at %+v after row %d of %d", i, s, before, p.Rows)
		}
		if i > 0 && s.First == before+1 && before >= 0 && p.Tokens[i] == p.Tokens[i-1] && p.Skips == nil {
			t.Fatalf("token %d follows its equal without a blank", i)
		}
		for r := s.First; r <= s.Last; r++ {
			if rows[r] {
				t.Fatalf("token %d at %+v in a skipped row", i, s)
			}
		}
		before = s.Last
	}
	if got := score(p, path); math.Abs(got-path.Score) > 1e-9*max(1, math.Abs(got)) {
		t.Fatalf("score %v, but the path costs %v", path.Score, got)
	}
}

// brute is the best score by trying all: rows from t on, tokens from i on; the state of
// the row before is label i-1 (said) or a blank.
func brute(p *Problem, t timeline.Row, i int, said bool) float64 {
	if t == p.Rows {
		if i == len(p.Tokens) {
			return 0
		}
		return never
	}
	row := p.Scores(t)
	best := float64(row[p.Blank]) + brute(p, t+1, i, false)
	if said {
		best = max(best, float64(row[p.Tokens[i-1]])+brute(p, t+1, i, true))
	}
	if i < len(p.Tokens) && !(said && p.Tokens[i] == p.Tokens[i-1]) {
		best = max(best, float64(row[p.Tokens[i]])+brute(p, t+1, i+1, true))
	}
	return best
}

func TestTheBestPathIsFound(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		rows, width := rapid.IntRange(0, 7).Draw(t, "rows"), rapid.IntRange(2, 4).Draw(t, "width")
		p := &Problem{Scores: matrix(drawMatrix(t, rows, width)), Rows: timeline.Row(rows), Tokens: drawTokens(t, 5, width-1), Blank: ctc.Piece(width - 1)}
		need := len(p.Tokens) + Repeats(p.Tokens)
		path, err := Align(p)
		if need > rows {
			short := &TooShortError{}
			if !errors.As(err, &short) || *short != (TooShortError{p.Rows, len(p.Tokens), Repeats(p.Tokens)}) {
				t.Fatalf("%d rows for %d: got %v, %v", rows, need, path, err)
			}
			return
		}
		if err != nil {
			t.Fatal(err)
		}
		check(t, p, path)
		if want := brute(p, 0, 0, false); math.Abs(path.Score-want) > 1e-9 {
			t.Fatalf("score %v, want %v", path.Score, want)
		}
	})
}

// state is a place in the lattice before row t, for the search that tries all.
type state struct {
	t    timeline.Row
	i    int
	kind kind
}

// bruteSkips is the best score of going on from s, straight from the rules.
func bruteSkips(p *Problem, s state, known map[state]float64) float64 {
	if v, ok := known[s]; ok {
		return v
	}
	known[s] = never // no way leads back to a state
	x, n := p.Skips, len(p.Tokens)
	best := never
	word, isWord := slices.BinarySearch(x.Words, s.i)
	isWord = isWord || s.i == n
	if s.t == p.Rows && s.i == n {
		best = 0
	}
	if s.kind == skip {
		if s.t < p.Rows {
			best = max(best, x.RowScore(s.t)+bruteSkips(p, state{s.t + 1, s.i, skip}, known))
		}
		if s.i < n {
			next := p.ends(word)
			best = max(best, -x.TokenPenalty*float64(next-s.i)+bruteSkips(p, state{s.t, next, skip}, known))
		}
	} else if isWord {
		best = max(best, -x.Penalty+bruteSkips(p, state{s.t, s.i, skip}, known))
	}
	if s.t < p.Rows {
		row := p.Scores(s.t)
		best = max(best, float64(row[p.Blank])+bruteSkips(p, state{s.t + 1, s.i, blank}, known))
		if s.kind == label {
			best = max(best, float64(row[p.Tokens[s.i-1]])+bruteSkips(p, state{s.t + 1, s.i, label}, known))
		}
		if s.i < n && !(s.kind == label && p.Tokens[s.i] == p.Tokens[s.i-1]) {
			best = max(best, float64(row[p.Tokens[s.i]])+bruteSkips(p, state{s.t + 1, s.i + 1, label}, known))
		}
	}
	known[s] = best
	return best
}

// drawSkips draws penalties in 64ths, and words.
func drawSkips(t *rapid.T, tokens, rows int) *SkipOptions {
	penalty := func(name string) float64 { return float64(rapid.IntRange(1, 300).Draw(t, name)) / 64 }
	x := &SkipOptions{Penalty: penalty("skip"), TokenPenalty: penalty("token")}
	for i := range tokens {
		if i == 0 || rapid.Bool().Draw(t, "a word begins") {
			x.Words = append(x.Words, i)
		}
	}
	costs := make([]float64, rows)
	for r := range costs {
		costs[r] = -penalty("row")
	}
	x.RowScore = func(t timeline.Row) float64 { return costs[t] }
	return x
}

func TestTheBestPathWithSkipsIsFound(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		rows, width := rapid.IntRange(0, 8).Draw(t, "rows"), rapid.IntRange(2, 5).Draw(t, "width")
		p := &Problem{Scores: matrix(drawMatrix(t, rows, width)), Rows: timeline.Row(rows), Tokens: drawTokens(t, 7, width-1), Blank: ctc.Piece(width - 1)}
		p.Skips = drawSkips(t, len(p.Tokens), rows)
		path, err := Align(p)
		if err != nil {
			t.Fatal(err)
		}
		check(t, p, path)
		if want := bruteSkips(p, state{0, 0, blank}, map[state]float64{}); math.Abs(path.Score-want) > 1e-9 {
			t.Fatalf("score %v, want %v (%+v)", path.Score, want, path)
		}
	})
}

// random draws a larger problem.
func random(t *rapid.T) *Problem {
	rows, width := rapid.IntRange(1, 60).Draw(t, "rows"), rapid.IntRange(2, 6).Draw(t, "width")
	p := &Problem{Scores: matrix(drawMatrix(t, rows, width)), Rows: timeline.Row(rows), Tokens: drawTokens(t, rows, width-1), Blank: ctc.Piece(width - 1)}
	if rapid.Bool().Draw(t, "with skips") {
		p.Skips = drawSkips(t, len(p.Tokens), rows)
	}
	return p
}

func TestBlocksOfTheWayBackChangeNothing(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		p := random(t)
		if p.validate() != nil || len(p.Tokens) == 0 && p.Skips == nil {
			return
		}
		want, err := newLattice(p).run()
		if err != nil {
			t.Fatal(err)
		}
		g := newLattice(p)
		g.limit = rapid.IntRange(1, 500).Draw(t, "bytes")
		got, err := g.run()
		if err != nil {
			t.Fatal(err)
		}
		if d := cmp.Diff(want, got); d != "" {
			t.Fatal(d)
		}
	})
}

func TestABandWideEnoughChangesNothing(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		p := random(t)
		want, err := Align(p)
		if err != nil {
			return
		}
		n := len(p.Tokens)
		width := rapid.IntRange(1, n+1).Draw(t, "half the band")
		p.Band = func(t timeline.Row) (int, int) {
			at := int(t) * n / int(p.Rows)
			return at - width, at + width
		}
		got, err := Align(p)
		inside := true
		for i, s := range want.Spans {
			for r := s.First; r <= s.Last; r++ {
				lo, hi := p.Band(r)
				inside = inside && i > lo && i < hi-1
			}
		}
		if err != nil {
			if inside && len(want.Skips) == 0 {
				t.Fatalf("no path: %v, want %+v", err, want)
			}
			return
		}
		check(t, p, got)
		if got.Score > want.Score+1e-9 {
			t.Fatalf("score %v within the band, but %v without", got.Score, want.Score)
		}
		if width > n {
			got.AtEdge = false
			if d := cmp.Diff(want, got); d != "" {
				t.Fatal(d)
			}
		}
	})
}

// A path that has to leave the line says so.
func TestAPathAtTheEdgeOfTheBandSaysSo(t *testing.T) {
	const rows, n = 400, 100
	m := make([][]float32, rows)
	p := &Problem{Scores: matrix(m), Rows: rows, Blank: 2}
	for r := range m { // all tokens in the last quarter
		m[r] = []float32{-9, -9, 0}
	}
	for i := range n {
		m[rows-n+i][i%2], m[rows-n+i][2] = 0, -9
		p.Tokens = append(p.Tokens, ctc.Piece(i%2))
	}
	for half, want := range map[int]bool{10: true, 40: true, 80: false} {
		p.Band = func(t timeline.Row) (int, int) { at := int(t) * n / rows; return at - half, at + half }
		path, err := Align(p)
		if err != nil {
			t.Fatal(err)
		}
		if path.AtEdge != want || (path.Score == 0) == want {
			t.Errorf("band of ±%d: score %v, at its edge: %v, want %v", half, path.Score, path.AtEdge, want)
		}
	}
}

func TestAlignRefuses(t *testing.T) {
	scores := matrix([][]float32{{0, 0, 0}, {0, 0, 0}, {0, 0, 0}})
	none := matrix([][]float32{{0, 0, 0}, {float32(math.Inf(-1)), 0, float32(math.Inf(-1))}, {0, 0, 0}})
	for name, c := range map[string]struct {
		p    Problem
		want string
	}{
		"blank in the text": {Problem{Scores: scores, Rows: 3, Blank: 2, Tokens: []ctc.Piece{0, 2}}, "viterbi: token 1 is 2; blank (2) and negative numbers are no tokens"},
		"a negative token":  {Problem{Scores: scores, Rows: 3, Blank: 2, Tokens: []ctc.Piece{-1}}, "viterbi: token 0 is -1; blank (2) and negative numbers are no tokens"},
		"too many tokens":   {Problem{Scores: scores, Rows: 3, Blank: 2, Tokens: []ctc.Piece{0, 0, 1}}, "3 rows are too few for 3 tokens and the 1 blanks that equal neighbours need between them: at least 4 rows"},
		"no probability":    {Problem{Scores: none, Rows: 3, Blank: 2, Tokens: []ctc.Piece{0, 0}}, "viterbi: the text has no path of probability above zero through the rows"},
		"words out of order": {Problem{Scores: scores, Rows: 3, Blank: 2, Tokens: []ctc.Piece{0, 1}, Skips: &SkipOptions{Words: []int{0, 0}}},
			"viterbi: word 1 begins at token 0 of 2"},
	} {
		t.Run(name, func(t *testing.T) {
			_, err := Align(&c.p)
			if err == nil || err.Error() != c.want {
				t.Errorf("got %v, want %s", err, c.want)
			}
		})
	}
}
