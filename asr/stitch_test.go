package asr

import (
	"slices"
	"testing"

	"github.com/asr-backend/asr-backend/asr/ctc"
	"github.com/asr-backend/asr-backend/timeline"

	"pgregory.net/rapid"
)

const blank = ctc.Piece(9)

// spoken is a recording as a list of pieces, each in the row where it is most probable.
type spoken []struct {
	piece ctc.Piece
	row   int
}

// window is what a model recognizes in a window of rows [from, to): every piece up to one row off, and
// at the window's edges, where there is no context, something else.
func (s spoken) window(t *rapid.T, from, to int, damage int, last bool) []ctc.Row {
	rows := make([]ctc.Row, to-from)
	for i := range rows {
		rows[i].Best = blank
	}
	for _, p := range s {
		at := p.row + rapid.IntRange(-1, 1).Draw(t, "jitter")
		if at >= from && at < to {
			rows[at-from].Best = p.piece
		}
	}
	if from > 0 {
		garble(t, rows[:damage])
	}
	if !last {
		garble(t, rows[len(rows)-damage:])
	}
	return rows
}

func garble(t *rapid.T, rows []ctc.Row) {
	for i := range rows {
		rows[i].Best = ctc.Piece(rapid.IntRange(0, 9).Draw(t, "garbled"))
	}
}

// Words are said again and again, the same one before and after every seam; none may be
// lost, and none written twice.
func TestNoWordIsLostOrDoubledAtASeam(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		w := Window{Rows: 64, Context: 16}
		var said spoken
		total := rapid.IntRange(65, 400).Draw(t, "rows")
		for at := 2; at < total-2; at += rapid.IntRange(4, 9).Draw(t, "gap") {
			said = append(said, struct {
				piece ctc.Piece
				row   int
			}{ctc.Piece(rapid.IntRange(0, 1).Draw(t, "piece")), at})
		}
		result := &Result{}
		s := stitcher{blank: blank, result: result}
		add := func(from, to int) {
			if err := s.add(timeline.Row(from), output{Saved: ctc.Saved{Rows: said.window(t, from, to, 6, to == total)}}); err != nil {
				t.Fatal(err)
			}
		}
		end := 0
		for from := 0; from+int(w.Rows) <= total; from += int(w.step()) {
			end = from + int(w.Rows)
			add(from, end)
		}
		if end < total {
			add(total-int(w.Rows), total)
		}
		if err := s.finish(); err != nil {
			t.Fatal(err)
		}
		if len(result.Rows) != total {
			t.Fatalf("got %d rows, want %d", len(result.Rows), total)
		}
		tokens := ctc.Greedy(result.Rows, blank, 0)
		if len(tokens) != len(said) {
			t.Fatalf("got %d pieces, want %d", len(tokens), len(said))
		}
		for i, token := range tokens {
			if off := int(token.First) - said[i].row; token.Piece != said[i].piece || off < -1 || off > 1 {
				t.Fatalf("piece %d: got %d in row %d, want %d in row %d", i, token.Piece, token.First, said[i].piece, said[i].row)
			}
		}
	})
}

func TestSeamsLieWhereBothWindowsAreBlank(t *testing.T) {
	rows := func(best ...ctc.Piece) []ctc.Row {
		out := make([]ctc.Row, len(best))
		for i, b := range best {
			out[i].Best = b
		}
		return out
	}
	const b = blank
	for _, c := range []struct {
		name          string
		before, after []ctc.Row
		want          int
	}{
		{"in the middle of the longest run", rows(1, 2, 3, b, 4, b, b, b, 5, 6, 7, 8), rows(1, 2, 3, b, 4, b, b, b, 5, 6, 7, 8), 6},
		{"not where only one is blank", rows(1, 2, 3, b, b, b, b, b, 5, 6, 7, 8), rows(1, 2, 3, 4, 4, 4, 4, b, 5, 6, 7, 8), 7},
		{"outside the middle half if need be", rows(1, b, 3, 1, 4, 1, 2, 3, 5, 6, b, b), rows(1, b, 3, 1, 4, 1, 2, 3, 5, 6, b, 8), 10},
		{"where they agree, if there is no silence", rows(1, 2, 3, 4, 5, 6, 7, 8), rows(2, 1, 3, 4, 1, 2, 1, 2), 3},
		{"in the middle, if nothing helps", rows(1, 1, 1, 1), rows(2, 2, 2, 2), 2},
	} {
		t.Run(c.name, func(t *testing.T) {
			if got := seam(c.before, c.after, blank); got != c.want {
				t.Errorf("got %d, want %d", got, c.want)
			}
		})
	}
}

func TestDisagreementIsCounted(t *testing.T) {
	result := &Result{}
	s := stitcher{blank: blank, result: result}
	one := slices.Repeat([]ctc.Row{{Best: blank}}, 20)
	two := slices.Clone(one)
	two[3].Best = 1
	for i, rows := range [][]ctc.Row{one, two} {
		if err := s.add(timeline.Row(10*i), output{Saved: ctc.Saved{Rows: rows}}); err != nil {
			t.Fatal(err)
		}
	}
	if result.Overlap != 10 || result.Disagree != 1 {
		t.Errorf("got %d of %d rows, want 1 of 10", result.Disagree, result.Overlap)
	}
}
