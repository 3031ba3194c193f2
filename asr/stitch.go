package asr

import (
	"github.com/asr-backend/asr-backend/asr/ctc"
	"github.com/asr-backend/asr-backend/timeline"
)

// stitcher joins the rows of overlapping windows into those of the recording. Rows up to
// a seam come from the earlier window and the rest from the later one; the seam lies
// where both have only blanks, so that no word is cut and none is recognized twice. Text is
// never compared: a word spoken twice stays.
type stitcher struct {
	blank  ctc.Piece
	width  int
	result *Result
	emit   func(timeline.Row, []float32) error

	held []ctc.Row // rows that are not decided yet, from row at on
	full []float32 // their log-probabilities, if wanted
	at   timeline.Row
}

// add takes the rows of the window at start. Windows come in order and without gaps.
func (s *stitcher) add(start timeline.Row, rows []ctc.Row, full []float32) error {
	if len(s.held) == 0 {
		s.at, s.held, s.full = start, rows, full
		return nil
	}
	if early := int(s.at - start); early > 0 { // the last window may slide back past a seam
		start, rows = s.at, rows[early:]
		if full != nil {
			full = full[early*s.width:]
		}
	}
	overlap := int(s.at) + len(s.held) - int(start)
	before := s.held[len(s.held)-overlap:]
	after := rows[:overlap]
	for i := range before {
		if before[i].Best != after[i].Best {
			s.result.Disagree++
		}
	}
	s.result.Overlap += timeline.Row(overlap)
	cut := seam(before, after, s.blank)
	if err := s.commit(len(s.held) - overlap + cut); err != nil {
		return err
	}
	s.at = start + timeline.Row(cut)
	s.held = rows[cut:]
	if full != nil {
		s.full = full[cut*s.width:]
	}
	return nil
}

// finish commits what is left.
func (s *stitcher) finish() error {
	return s.commit(len(s.held))
}

// commit makes the first n held rows the recording's.
func (s *stitcher) commit(n int) error {
	if s.emit != nil && s.full != nil {
		for i := range n {
			if err := s.emit(s.result.First+timeline.Row(len(s.result.Rows)+i), s.full[i*s.width:(i+1)*s.width]); err != nil {
				return err
			}
		}
	}
	s.result.Rows = append(s.result.Rows, s.held[:n]...)
	return nil
}

// seam returns how many rows of an overlap come from the earlier window. It looks, in
// this order, for the middle of the longest run that both windows call blank, inside the
// middle half of the overlap; the same in the whole overlap; a place nearest the middle
// on whose both sides the windows agree; the middle.
func seam(before, after []ctc.Row, blank ctc.Piece) int {
	n := len(before)
	quiet := func(i int) bool { return before[i].Best == blank && after[i].Best == blank }
	for _, margin := range []int{n / 4, min(n/8, 4)} {
		if at, ok := longestRun(margin, n-margin, n/2, quiet); ok {
			return at
		}
	}
	agree := func(i int) bool { return before[i].Best == after[i].Best }
	for d := range n / 2 {
		for _, at := range []int{n/2 - d, n/2 + d} {
			if at > 0 && at < n && agree(at-1) && agree(at) {
				return at
			}
		}
	}
	return n / 2
}

// longestRun returns the middle of the longest run of rows in [from, to) for which is
// holds, of equals the one nearest the centre.
func longestRun(from, to, centre int, is func(int) bool) (middle int, ok bool) {
	length := 0
	for i := from; i < to; i++ {
		start := i
		for i < to && is(i) {
			i++
		}
		m := (start + i) / 2
		if n := i - start; n > length || n == length && n > 0 && abs(m-centre) < abs(middle-centre) {
			middle, length = m, n
		}
	}
	return middle, length > 0
}

func abs(x int) int { return max(x, -x) }
