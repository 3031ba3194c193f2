package main

import (
	"fmt"
	"math/rand/v2"

	"github.com/asr-backend/asr-backend/align"
	"github.com/asr-backend/asr-backend/asr/ctc"
	"github.com/asr-backend/asr-backend/timeline"
)

// width is the number of columns, as of the models of the catalogue.
const width = 1025

// reading is a recording made up with its text, as a model gives it: a word of one to
// three pieces, each of one row and some three rows apart. One piece in twelve is
// misheard, and one word in twenty of the text is not the one that was said.
type reading struct {
	*align.Emissions
	script  align.Reference
	tokens  []ctc.Piece // of the script
	at      []timeline.Row
	changed map[int]bool
}

func read(rows timeline.Row) *reading {
	random := rand.New(rand.NewPCG(7, 11))
	pieces := make([]string, width-1)
	for i := range pieces {
		pieces[i] = fmt.Sprint("▁", i)
		if i%2 == 1 {
			pieces[i] = fmt.Sprint(i)
		}
	}
	v, err := ctc.NewVocabulary(pieces)
	if err != nil {
		panic(err) // they are different, and no blank
	}
	any := func(odd int) ctc.Piece { return ctc.Piece(2*random.IntN((width-1)/2) + odd) }
	word := func() align.Variant {
		w := align.Variant{any(0)}
		for range random.IntN(3) {
			w = append(w, any(1))
		}
		return w
	}
	best, second := make([]ctc.Piece, rows), make([]ctc.Piece, rows)
	for t := range best {
		best[t], second[t] = v.Blank(), v.Blank()
	}
	r := &reading{changed: map[int]bool{}}
	for at := timeline.Row(5); at+20 < rows; {
		w := word()
		r.at = append(r.at, at)
		for _, p := range w {
			best[at], second[at] = p, p
			if random.IntN(12) == 0 { // the right piece is second
				best[at] = any(random.IntN(2))
			}
			at += timeline.Row(2 + random.IntN(3))
		}
		if random.IntN(20) == 0 {
			r.changed[len(r.script)] = true
			w = word()
		}
		r.script = append(r.script, align.RefWord{Text: "w", Variants: []align.Variant{w}})
		r.tokens = append(r.tokens, w...)
	}
	row, last := make([]float32, width), timeline.Row(0)
	for k := range row {
		row[k] = -16
	}
	logProbs := func(t timeline.Row) []float32 {
		row[best[last]], row[second[last]] = -16, -16
		last = t
		row[v.Blank()] = -10
		switch {
		case best[t] == v.Blank():
			row[v.Blank()] = -0.01
		case best[t] == second[t]:
			row[best[t]] = -0.02
		default:
			row[best[t]], row[second[t]] = -0.4, -1.2
		}
		return row
	}
	summary := make([]ctc.Row, rows)
	for t := range summary {
		summary[t] = ctc.Summarize(logProbs(timeline.Row(t)), v.Blank(), nil)
	}
	r.Emissions = &align.Emissions{Output: ctc.Output{Vocabulary: v, Rows: summary, Samples: rows.Sample()}, LogProbs: logProbs}
	return r
}

// wrong counts the words that were said and are not found where that was. A word between
// two changed ones may be told with them.
func (r *reading) wrong(a *align.Alignment) int {
	n := 0
	for i, w := range a.Words {
		if !r.changed[i] && w.Verdict == align.Match && w.First != r.at[i] {
			n++
		}
	}
	return n
}
