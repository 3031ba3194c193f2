package viterbi

import (
	"fmt"
	"testing"

	"github.com/asr-backend/asr-backend/asr/ctc"
	"github.com/asr-backend/asr-backend/timeline"
)

// speech makes rows of CTC output as a peaky model gives them for a text: about every
// third row holds a token, and the rest blank.
func speech(rows timeline.Row, width int) (Scores, []ctc.Piece) {
	var tokens []ctc.Piece
	x := uint64(1)
	next := func(n int) int {
		x = x*6364136223846793005 + 1442695040888963407
		return int(x>>33) % n
	}
	best := make([]int, rows)
	for t := range best {
		best[t] = width - 1
		if t%3 == 1 {
			best[t] = next(width - 1)
			tokens = append(tokens, ctc.Piece(best[t]))
		}
	}
	row := make([]float32, width)
	return func(t timeline.Row) []float32 {
		for i := range row {
			row[i] = -12
		}
		row[width-1] = -6
		row[best[t]] = -0.02
		return row
	}, tokens
}

func BenchmarkFull(b *testing.B) {
	for _, minutes := range []int{1, 10} {
		b.Run(fmt.Sprintf("%dmin", minutes), func(b *testing.B) {
			rows := timeline.Row(minutes * 750)
			scores, tokens := speech(rows, 257)
			p := &Problem{Scores: scores, Rows: rows, Tokens: tokens, Blank: 256}
			cells := float64(rows) * float64(2*len(tokens)+1)
			for b.Loop() {
				if _, err := Align(p); err != nil {
					b.Fatal(err)
				}
			}
			b.ReportMetric(b.Elapsed().Seconds()*1e9/float64(b.N)/cells, "ns/cell")
		})
	}
}
