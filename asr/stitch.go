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
	// search gets the rows with their candidates, if they have any.
	search func(row timeline.Row, r *ctc.Row, pieces []ctc.Candidate, sure float32) error
	// decode gets the first rows of those held, of a transducer's encoder; nil for a CTC model. The
	// context is that of a window.
	decode  func(held *output, rows int) error
	context timeline.Row

	held output // rows that are not decided yet, from row at on
	at   timeline.Row
}

// output is what is kept of the model's output for consecutive rows.
type output struct {
	ctc.Saved
	full []float32 // the rows as the model writes them, if wanted
	// Of a hybrid that is decoded: the log-probabilities of its CTC head for all rows of the
	// window, and how many of these come before Rows.
	head []float32
	cut  int
	// silent says that the model has not been run, as there is no sound.
	silent bool
}

// from returns the rows from number n on.
func (o output) from(n, width int) output {
	o.Rows = o.Rows[n:]
	if o.Candidates.Len() > 0 {
		o.Candidates = o.Candidates.From(n)
	}
	if o.full != nil {
		o.full = o.full[n*width:]
	}
	o.cut += n
	return o
}

// add takes the rows of the window at start. Windows come in order and without gaps.
func (s *stitcher) add(start timeline.Row, next output) error {
	if len(s.held.Rows) == 0 {
		if early := int(s.at - start); early > 0 { // what comes before is decided
			start, next = s.at, next.from(early, s.width)
		}
		s.at, s.held = start, next
		return nil
	}
	if early := int(s.at - start); early > 0 { // the last window may slide back past a seam
		start, next = s.at, next.from(early, s.width)
	}
	held := s.held.Rows
	overlap := int(s.at) + len(held) - int(start)
	before := held[len(held)-overlap:]
	after := next.Rows[:overlap]
	for i := range before {
		if before[i].Best != after[i].Best {
			s.result.Disagree++
		}
	}
	s.result.Overlap += timeline.Row(overlap)
	cut := 0
	if s.decode != nil && next.head == nil { // nothing is known of the rows yet
		cut = overlap - min(int(s.context), overlap/2)
	} else {
		cut = seam(before, after, s.blank)
	}
	if err := s.commit(len(held) - overlap + cut); err != nil {
		return err
	}
	s.at, s.held = start+timeline.Row(cut), next.from(cut, s.width)
	return nil
}

// finish commits what is left.
func (s *stitcher) finish() error {
	return s.commit(len(s.held.Rows))
}

// commit makes the first n held rows the recording's.
func (s *stitcher) commit(n int) error {
	if s.decode != nil {
		return s.decode(&s.held, n)
	}
	first := s.result.First + timeline.Row(len(s.result.Rows))
	for i := range n {
		if s.emit != nil && s.held.full != nil {
			if err := s.emit(first+timeline.Row(i), s.held.full[i*s.width:(i+1)*s.width]); err != nil {
				return err
			}
		}
		if s.search != nil && s.held.Candidates.Len() > 0 {
			pieces, sure := s.held.Candidates.Row(i)
			if err := s.search(first+timeline.Row(i), &s.held.Rows[i], pieces, sure); err != nil {
				return err
			}
		}
	}
	s.result.Rows = append(s.result.Rows, s.held.Rows[:n]...)
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
