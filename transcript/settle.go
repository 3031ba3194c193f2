package transcript

import (
	"cmp"
	"math"
	"slices"
	"time"
)

// settle returns t if it keeps the rules of its type, else a copy that does: times not
// negative and not backwards, words in order and inside their segment (which is widened,
// since words are the finer evidence), segments in order, confidence in 0..1.
//
// Writers rely on it for order, and readers use it to put foreign files right.
func settle(t *Transcript) *Transcript {
	ok := t.Duration >= 0 && unit(t.Confidence) == t.Confidence && slices.IsSortedFunc(t.Segments, bySegment)
	for i := 0; ok && i < len(t.Segments); i++ {
		ok = t.Segments[i].settled()
	}
	if ok {
		return t
	}
	c := *t
	c.Duration = max(c.Duration, 0)
	c.Confidence = unit(c.Confidence)
	c.Segments = slices.Clone(c.Segments)
	for i := range c.Segments {
		if !c.Segments[i].settled() {
			c.Segments[i].settle()
		}
	}
	slices.SortStableFunc(c.Segments, bySegment)
	return &c
}

func (s *Segment) settled() bool {
	if s.Start < 0 || s.End < s.Start || s.Channel < Mixed || unit(s.Confidence) != s.Confidence {
		return false
	}
	for i := range s.Words {
		w := &s.Words[i]
		if w.Start < s.Start || w.End < w.Start || w.End > s.End || unit(w.Confidence) != w.Confidence ||
			i > 0 && w.Start < s.Words[i-1].Start {
			return false
		}
	}
	return true
}

func (s *Segment) settle() {
	s.Start = max(s.Start, 0)
	s.End = max(s.End, s.Start)
	s.Channel = max(s.Channel, Mixed)
	s.Confidence = unit(s.Confidence)
	s.Words = slices.Clone(s.Words)
	for i := range s.Words {
		w := &s.Words[i]
		w.Start = max(w.Start, 0)
		w.End = max(w.End, w.Start)
		w.Confidence = unit(w.Confidence)
		s.Start = min(s.Start, w.Start)
		s.End = max(s.End, w.End)
	}
	slices.SortStableFunc(s.Words, byStart)
}

func bySegment(a, b Segment) int {
	return cmp.Or(cmp.Compare(a.Start, b.Start), cmp.Compare(a.Channel, b.Channel))
}

func byStart(a, b Word) int { return cmp.Compare(a.Start, b.Start) }

// unit returns c limited to 0..1, and zero for what is not a number.
func unit(c float64) float64 {
	if math.IsNaN(c) {
		return 0
	}
	return min(max(c, 0), 1)
}

// end returns the end of the last segment to end.
func (t *Transcript) end() time.Duration {
	var end time.Duration
	for i := range t.Segments {
		end = max(end, t.Segments[i].End)
	}
	return end
}
