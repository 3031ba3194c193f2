package align

import (
	"slices"

	"github.com/asr-backend/asr-backend/asr/ctc"
	"github.com/asr-backend/asr-backend/timeline"
)

// Anchors cut a long recording into blocks that are aligned one by one. An anchor is a
// place where the model recognized, piece by piece, what stands in the text: there the argmax
// path is the alignment, whatever comes before and after.
const (
	// gram is how many pieces are compared at once.
	gram = 5
	// mostAlike is how often a sequence may occur in the text and still be compared: of
	// what occurs more often, as in a litany, each place fits as well as the next.
	mostAlike = 64
	// anchorPieces is the length of an anchor in pieces, about five words.
	anchorPieces = 12
)

// pair is a place in the hypothesis and one in the reference text where the same sequence
// of pieces begins.
type pair struct{ hyp, ref int32 }

// alike returns the longest list of pairs that rises in both.
func alike(hyp, ref []ctc.Piece) []pair {
	places := map[[gram]ctc.Piece][]int32{}
	for j := 0; j+gram <= len(ref); j++ {
		key := [gram]ctc.Piece(ref[j:])
		if p := places[key]; len(p) <= mostAlike {
			places[key] = append(p, int32(j))
		}
	}
	// Patience sorting: ends[n] is the pair with the smallest place in the text at which a
	// list of n+1 pairs can end, and before its predecessor in that list.
	var pairs []pair
	var before, ends []int32
	for i := 0; i+gram <= len(hyp); i++ {
		found := places[[gram]ctc.Piece(hyp[i:])]
		if len(found) > mostAlike {
			continue
		}
		for _, j := range slices.Backward(found) { // downwards, so that none follows another of the same place
			n, _ := slices.BinarySearchFunc(ends, j, func(e, j int32) int { return int(pairs[e].ref) - int(j) })
			previous := int32(-1)
			if n > 0 {
				previous = ends[n-1]
			}
			at := int32(len(pairs))
			pairs, before = append(pairs, pair{int32(i), j}), append(before, previous)
			if n == len(ends) {
				ends = append(ends, at)
			} else {
				ends[n] = at
			}
		}
	}
	if len(ends) == 0 {
		return nil
	}
	list := make([]pair, len(ends))
	for n, at := len(ends)-1, ends[len(ends)-1]; n >= 0; n, at = n-1, before[at] {
		list[n] = pairs[at]
	}
	return list
}

// limits bound the work on one block.
type limits struct {
	// cut is how many cells (rows times pieces) are aligned without looking for anchors.
	cut int64
	// block is the least length of a block.
	block timeline.Row
	// cells is how many cells are searched whole. Where more lie between two anchors, they
	// are searched in a band of so many, which is widened to at most band cells as long as
	// the path touches its edge.
	cells, band int64
}

func defaultLimits() limits {
	return limits{cut: 1 << 22, block: 250, cells: 1 << 30, band: 1 << 32}
}

// block is a part of a recording and the words to be found in it.
type block struct {
	first, end timeline.Row // rows, counted from the first of the emissions
	from, to   int          // words
}

// blocks cuts rows and words at anchors: between two words, in the middle of a sequence
// that was recognized as it is written.
func (l *limits) blocks(rows timeline.Row, hyp []ctc.Token, t *tokens) []block {
	all := block{0, rows, 0, len(t.words)}
	if int64(rows)*int64(len(t.pieces)) <= l.cut {
		return []block{all}
	}
	pieces := make([]ctc.Piece, len(hyp))
	for i := range hyp {
		pieces[i] = hyp[i].Piece
	}
	var out []block
	last := all
	list := alike(pieces, t.pieces)
	for i := 0; i < len(list); {
		n := 1
		for i+n < len(list) && list[i+n].hyp == list[i].hyp+int32(n) && list[i+n].ref == list[i].ref+int32(n) {
			n++
		}
		run := n + gram - 1
		if at, word, ok := middle(list[i], run, t); run >= anchorPieces && ok {
			// The rows of the piece before the word belong to what ends here.
			if row := hyp[at].Last + 1; row-last.first >= l.block && rows-row >= l.block && word > last.from {
				out = append(out, block{last.first, row, last.from, word})
				last.first, last.from = row, word
			}
		}
		i += n
	}
	return append(out, last)
}

// middle returns the word that begins nearest the middle of a run, and the place of the
// piece before it in the hypothesis. At least two pieces of the run are on each side.
func middle(p pair, run int, t *tokens) (before, word int, ok bool) {
	want := int(p.ref) + run/2
	w, _ := slices.BinarySearch(t.words, want)
	for _, w := range []int{w, w - 1} {
		if w <= 0 || w >= len(t.words) {
			continue
		}
		if d := t.words[w] - int(p.ref); d >= 2 && d <= run-2 && t.pieces[t.words[w]] != t.pieces[t.words[w]-1] {
			return int(p.hyp) + d - 1, w, true
		}
	}
	return 0, 0, false
}
