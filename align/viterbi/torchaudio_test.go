package viterbi

import (
	"bufio"
	"encoding/json"
	"math"
	"os"
	"slices"
	"testing"

	"github.com/asr-backend/asr-backend/asr/ctc"
	"github.com/asr-backend/asr-backend/internal/oracle"
	"github.com/asr-backend/asr-backend/timeline"
)

// aligned is a case of testdata/align/torchaudio.jsonl, see make_torchaudio.py there.
type aligned struct {
	Seed                              uint64
	Rows, Width, Count, Kinds, Levels int
	Spans                             [][2]timeline.Row
	Score                             float64
}

// numbers returns the upper halves of n numbers of the splitmix64 generator.
func numbers(seed uint64, n int) []uint64 {
	out := make([]uint64, n)
	for i := range out {
		z := seed + uint64(i+1)*0x9e3779b97f4a7c15
		z = (z ^ z>>30) * 0xbf58476d1ce4e5b9
		z = (z ^ z>>27) * 0x94d049bb133111eb
		out[i] = (z ^ z>>31) >> 32
	}
	return out
}

func (a *aligned) problem() *Problem {
	h := numbers(a.Seed, a.Rows*a.Width+a.Count)
	m := make([][]float32, a.Rows)
	for r := range m {
		m[r] = make([]float32, a.Width)
		for c := range m[r] {
			m[r][c] = -float32(h[r*a.Width+c]%uint64(a.Levels)) / 64
		}
	}
	p := &Problem{Scores: matrix(m), Rows: timeline.Row(a.Rows), Blank: ctc.Piece(a.Width - 1)}
	for _, v := range h[a.Rows*a.Width:] {
		p.Tokens = append(p.Tokens, ctc.Piece(v%uint64(a.Kinds)))
	}
	return p
}

// naive aligns with the whole table, and with torchaudio's rule for ties: if step and
// skip are equal and greater than stay, it stays.
func naive(p *Problem) (spans [][2]timeline.Row, score float64) {
	rows, states := int(p.Rows), 2*len(p.Tokens)+1
	piece := func(s int) ctc.Piece {
		if s%2 == 0 {
			return p.Blank
		}
		return p.Tokens[s/2]
	}
	at := make([]float64, states)
	fill(at, never)
	back := make([][]int8, rows)
	for t := range rows {
		row := p.Scores(timeline.Row(t))
		next := make([]float64, states)
		back[t] = make([]int8, states)
		for s := range next {
			stay, step, skip := at[s], never, never
			if t == 0 { // as if one stood before both first states
				stay = never
				if s < 2 {
					stay = 0
				}
			}
			if s > 0 {
				step = at[s-1]
			}
			if s > 1 && s%2 == 1 && piece(s) != piece(s-2) {
				skip = at[s-2]
			}
			next[s] = stay
			if skip > step && skip > stay {
				next[s], back[t][s] = skip, 2
			} else if step > stay && step > skip {
				next[s], back[t][s] = step, 1
			}
			next[s] += float64(row[piece(s)])
		}
		at = next
	}
	s := states - 2
	if at[states-1] > at[states-2] {
		s = states - 1
	}
	score = at[s]
	spans = make([][2]timeline.Row, len(p.Tokens))
	for i := range spans {
		spans[i] = [2]timeline.Row{-1, -1}
	}
	for t := rows - 1; t >= 0; t-- {
		if s%2 == 1 {
			if spans[s/2][1] < 0 {
				spans[s/2][1] = timeline.Row(t)
			}
			spans[s/2][0] = timeline.Row(t)
		}
		s -= int(back[t][s])
	}
	return spans, score
}

// Paths and scores are those of torchaudio on the CPU in float64. Where there are ties
// its path may be worse than ours; then its own rule for ties explains it.
func TestPathsAreThoseOfTorchaudio(t *testing.T) {
	f, err := os.Open(oracle.Data(t, "align", "torchaudio.jsonl"))
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	cases, ties, worse, tight := 0, 0, 0, 0
	lines := bufio.NewScanner(f)
	lines.Buffer(nil, 1<<20)
	lines.Scan() // the versions
	for lines.Scan() {
		var c aligned
		if err := json.Unmarshal(lines.Bytes(), &c); err != nil {
			t.Fatal(err)
		}
		p := c.problem()
		path, err := Align(p)
		if err != nil {
			t.Fatalf("case %d: %v", cases, err)
		}
		check(t, p, path)
		got := make([][2]timeline.Row, len(path.Spans))
		for i, s := range path.Spans {
			got[i] = [2]timeline.Row{s.First, s.Last}
		}
		if c.Levels < 1<<20 {
			ties++
			if path.Score > c.Score {
				worse++
			}
			var score float64
			got, score = naive(p)
			path.Score = min(score, path.Score)
		}
		if !slices.Equal(got, c.Spans) {
			t.Errorf("case %d: got %v, want %v", cases, got, c.Spans)
		}
		if math.Abs(path.Score-c.Score) > 1e-9*math.Abs(c.Score) {
			t.Errorf("case %d: score %v, want %v", cases, path.Score, c.Score)
		}
		cases++
		if c.Rows == c.Count+Repeats(p.Tokens) {
			tight++
		}
	}
	if ties < 100 || cases-ties < 150 || tight < 5 || worse == 0 {
		t.Errorf("%d cases, %d with ties (in %d torchaudio's path is worse), %d with a single path", cases, ties, worse, tight)
	}
	t.Logf("%d cases, %d with ties; torchaudio's path is worse in %d; %d with a single path", cases, ties, worse, tight)
}
