package align

import (
	"math"
	"slices"
	"testing"

	"github.com/asr-backend/asr-backend/align/viterbi"
	"github.com/asr-backend/asr-backend/asr/ctc"
	"github.com/asr-backend/asr-backend/timeline"

	"pgregory.net/rapid"
)

// written draws the output of a hybrid: rows of its CTC head, and pieces that its transducer wrote.
func written(t *rapid.T, most int) (*ctc.Output, [][]float32) {
	v := few(t)
	rows := randomRows(t, v, rapid.IntRange(1, most).Draw(t, "rows"))
	o := emissionsOf(v, rows).Output
	o.First = timeline.Row(rapid.IntRange(0, 1000).Draw(t, "first"))
	at := rapid.SliceOfN(rapid.IntRange(0, len(rows)-1), 1, 2*most/3).Draw(t, "written in")
	slices.Sort(at)
	for _, row := range at {
		p := ctc.Piece(rapid.IntRange(0, int(v.Blank())-1).Draw(t, "piece"))
		o.Tokens = append(o.Tokens, ctc.Token{Piece: p, First: o.First + timeline.Row(row), Last: o.First + timeline.Row(row)})
		o.Evidence = append(o.Evidence, ctc.EvidenceOf(p, slices.Concat(rows...), v.Width(), row))
	}
	o.Searched, o.Transducer = true, true
	return &o, rows
}

// Where all rows are in reach, the tokens are on the best path there is.
func TestRetimedTokensAreOnTheBestPath(t *testing.T) {
	placed := 0
	rapid.Check(t, func(t *rapid.T) {
		o, rows := written(t, int(min(ctc.EvidenceBefore, ctc.EvidenceAfter)))
		pieces := make([]ctc.Piece, len(o.Tokens))
		for i := range pieces {
			pieces[i] = o.Tokens[i].Piece
		}
		before := slices.Clone(o.Tokens)
		if err := Retime(o); err != nil || o.Evidence != nil {
			t.Fatal(err, o.Evidence)
		}
		best, err := viterbi.Align(&viterbi.Problem{Rows: timeline.Row(len(rows)), Tokens: pieces, Blank: o.Vocabulary.Blank(),
			Scores: func(r timeline.Row) []float32 { return rows[r] }})
		if err != nil { // they do not fit
			for i, token := range o.Tokens {
				if token.First > token.Last || token.Piece != before[i].Piece {
					t.Fatalf("token %d became %+v", i, token)
				}
			}
			return
		}
		placed++
		score := 0.0
		for r := range rows {
			p := o.Vocabulary.Blank()
			for _, token := range o.Tokens {
				if at := o.First + timeline.Row(r); at >= token.First && at <= token.Last {
					p = token.Piece
				}
			}
			score += float64(rows[r][p])
		}
		if score < best.Score-float64(len(rows))/1024 || math.IsNaN(score) {
			t.Fatalf("the path has %v, the best one %v: %+v", score, best.Score, o.Tokens)
		}
	})
	if placed == 0 {
		t.Error("no tokens fit")
	}
}

// However the transducer writes, its tokens stay in order and within reach, or where they were.
func TestRetimedTokensStayInOrder(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		o, _ := written(t, 150)
		before := slices.Clone(o.Tokens)
		if err := Retime(o); err != nil {
			t.Fatal(err)
		}
		for i, token := range o.Tokens {
			was := before[i].First
			kept := token.First == was && token.Last == was
			if !kept && (token.First < was-ctc.EvidenceBefore-1 || token.Last > was+ctc.EvidenceAfter+1 || token.Last < token.First) {
				t.Fatalf("token %d, written in row %d, is in %d to %d", i, was, token.First, token.Last)
			}
			if i > 0 && token.First < o.Tokens[i-1].First {
				t.Fatalf("token %d begins in row %d, and the one before in %d", i, token.First, o.Tokens[i-1].First)
			}
		}
	})
}
