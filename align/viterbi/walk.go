package viterbi

import (
	"slices"

	"github.com/asr-backend/asr-backend/timeline"
)

// kind is a kind of state.
type kind int8

const (
	label kind = iota
	blank
	skip
)

// walker goes the way back, from the last row to the first. Before each row it stands in
// the state of that row: a label or a blank with the index of its token, or a skip state
// with that of its word.
type walker struct {
	g    *lattice
	path *Path
	kind kind
	at   int
	open bool // in a skip whose end is known
	x    Skip
}

// back goes through the rows of a block.
func (w *walker) back(tr *trace) {
	for k, r := range slices.Backward(tr.record) {
		t := tr.first + timeline.Row(k)
		w.followSkip(t, &r)
		w.edge(t, &r)
		switch w.kind {
		case label:
			w.label(t, &r)
		case blank:
			w.blank(&r)
		}
	}
}

// followSkip follows skip states within row t, until the row is found to be skipped or the
// skip to begin after it.
func (w *walker) followSkip(t timeline.Row, r *record) {
	for w.kind == skip {
		if !w.open {
			w.open, w.x = true, Skip{End: t + 1, To: w.at}
		}
		switch r.skip(w.at) {
		case skipRow:
			return
		case skipWord:
			w.at--
		case skipFromBlank:
			w.close(t + 1)
			w.kind, w.at = blank, w.g.words[w.at]
		case skipFromLabel:
			w.close(t + 1)
			w.kind, w.at = label, w.g.words[w.at]-1
		}
	}
}

// close ends the skip under way (at its beginning, since this is the way back).
func (w *walker) close(first timeline.Row) {
	w.x.First, w.x.From = first, w.at
	w.path.Skips = append(w.path.Skips, w.x)
	w.open = false
}

func (w *walker) label(t timeline.Row, r *record) {
	i := w.at
	span := &w.path.Spans[i]
	if span.Last < span.First {
		span.Last = t
	}
	span.First = t
	switch r.label(i) {
	case fromStep:
		w.kind = blank
	case fromJump:
		w.at--
	case fromSkip:
		w.enterSkip()
	}
}

func (w *walker) blank(r *record) {
	switch r.blank(w.at) {
	case fromStep:
		w.kind = label
		w.at--
	case fromSkip:
		w.enterSkip()
	}
}

// enterSkip turns the token at which a word begins into the word's skip state.
func (w *walker) enterSkip() {
	word, _ := slices.BinarySearch(w.g.words, w.at)
	w.kind, w.at = skip, word
}

// edge notes whether the path touches an edge of the band beyond which the lattice
// goes on.
func (w *walker) edge(t timeline.Row, r *record) {
	if w.g.p.Band == nil || w.path.AtEdge {
		return
	}
	i := w.at
	if w.kind == skip {
		i = w.g.words[i]
	}
	lo, hi := w.g.reachable(t)
	w.path.AtEdge = r.lo > lo && i <= r.lo || r.hi < hi && i >= r.hi-1
}

// finish returns the path once the first row has been passed.
func (w *walker) finish() *Path {
	if w.kind == skip { // before the first row, words may still have been skipped
		if !w.open {
			w.x = Skip{End: 0, To: w.at}
		}
		w.at = 0
		w.close(0)
	}
	slices.Reverse(w.path.Skips)
	return w.path
}
