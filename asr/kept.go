package asr

import (
	"errors"
	"fmt"
	"maps"
	"slices"

	"github.com/asr-backend/asr-backend/asr/ctc"
	"github.com/asr-backend/asr-backend/timeline"
)

// ErrNoCandidates says that windows were saved without what a search needs: greedy texts do not ask
// for it, and transducers have none.
var ErrNoCandidates = errors.New("asr: the saved windows have no candidates")

// KeptRows are the rows of one channel of a recording as a search takes them, joined from windows that
// were saved, without the recording: row First+i has the blank log-probability Blanks[i] and the
// candidates Candidates.Row(i).
type KeptRows struct {
	First      timeline.Row
	Blanks     []float32 // natural logs
	Candidates ctc.Candidates
}

// End returns the number of the row after the last one.
func (k *KeptRows) End() timeline.Row { return k.First + timeline.Row(len(k.Blanks)) }

// Cut returns the rows [from, to) as far as there are any. They share the memory of k.
func (k *KeptRows) Cut(from, to timeline.Row) *KeptRows {
	from = min(max(from, k.First), k.End())
	to = min(max(to, from), k.End())
	i, j := int(from-k.First), int(to-k.First)
	return &KeptRows{First: from, Blanks: k.Blanks[i:j], Candidates: k.Candidates.Slice(i, j)}
}

// Stitch joins all windows that Request.Save got of a channel of a whole recording, by their starts, to
// what Request.Search got. Windows without sound are not saved, so a gap among the others is silence.
// The length of the silence after the last one is not known: the rows end with the last window, and
// those that it shares with a silent window after it are its own.
//
// A window that was lost would count as silence too; the caller sees to it that they are all there.
func (r *Recognizer) Stitch(windows map[timeline.Row]ctc.Saved) (*KeptRows, error) {
	return stitch(r.window, r.vocabulary.Blank(), windows)
}

func stitch(w Window, blank ctc.Piece, windows map[timeline.Row]ctc.Saved) (*KeptRows, error) {
	out := &KeptRows{}
	result := &Result{}
	s := stitcher{blank: blank, result: result, search: func(_ timeline.Row, r *ctc.Row, pieces []ctc.Candidate, sure float32) error {
		out.Blanks = append(out.Blanks, r.Blank)
		out.Candidates.AppendRow(pieces, sure)
		return nil
	}}
	starts := slices.Sorted(maps.Keys(windows))
	next := timeline.Row(0) // on the grid
	for i, start := range starts {
		saved := windows[start]
		last := i == len(starts)-1
		switch rows := timeline.Row(len(saved.Rows)); {
		case saved.Candidates.Len() == 0 || saved.Candidates.Len() != len(saved.Rows):
			return nil, fmt.Errorf("%w: that at row %d", ErrNoCandidates, start)
		case start < 0 || !last && start%w.step() != 0 || rows > w.Rows || rows < w.Rows && !(last && (start == 0 || rows >= w.shortest())):
			return nil, fmt.Errorf("asr: a saved window of %d rows at row %d does not fit windows of %d rows every %d", rows, start, w.Rows, w.step())
		}
		for ; next < start; next += w.step() {
			silence := output{silent: true}
			silence.Rows = silentRows(w.Rows, blank)
			silence.Candidates.AppendSilent(int(w.Rows))
			if err := s.add(next, silence); err != nil {
				return nil, err
			}
		}
		next = start + w.step()
		if err := s.add(start, output{Saved: saved}); err != nil {
			return nil, err
		}
	}
	return out, s.finish()
}
