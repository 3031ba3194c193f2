package transcript

import "fmt"

// faults are the places of a file that its reader could not use. One rule holds for all
// readers: a bad line costs that line, cue, segment or word and is named, and where only
// its times are bad it keeps its text and stands between its neighbours. A file with more
// bad places than good ones is damaged or of another format, and is an error.
type faults struct {
	n     int
	first error
	named []string
}

// mostNamed is how many faults are named one by one.
const mostNamed = 5

// add notes a fault; what happens to the place is part of the sentence.
func (f *faults) add(line int, err error) {
	if f.n++; f.n == 1 {
		f.first = fmt.Errorf("line %d: %w", line, err)
	}
	if f.n <= mostNamed {
		f.named = append(f.named, fmt.Sprintf("Line %d of the text: %v.", line, err))
	}
}

func (f *faults) addf(line int, format string, args ...any) {
	f.add(line, fmt.Errorf(format, args...))
}

// judge puts the faults into the warnings of t, or returns the first of them if they
// outnumber what was used.
func (f *faults) judge(t *Transcript, used int) error {
	if f.n > used {
		return f.first
	}
	warnings := f.named
	if more := f.n - mostNamed; more > 0 {
		warnings = append(warnings, fmt.Sprintf("%d more lines of the text could not be used.", more))
	}
	t.Diagnostics.ReadWarnings = append(t.Diagnostics.ReadWarnings, warnings...)
	return nil
}

// unknown marks a time that a file does not give.
const unknown = -1

// placeUntimed gives segments without times a place without length between those that
// stand before and after them in the file.
func placeUntimed(segments []Segment) {
	next := 0 // the next segment with a start
	for i := range segments {
		s := &segments[i]
		if s.Start == unknown {
			var before Segment
			if i > 0 {
				before = segments[i-1]
			}
			for next = max(next, i+1); next < len(segments) && segments[next].Start == unknown; {
				next++
			}
			s.Start = before.End
			if next < len(segments) && segments[next].Start >= before.Start {
				s.Start = min(s.Start, segments[next].Start)
			}
			if s.End != unknown {
				s.Start = min(s.Start, s.End)
			}
		}
		if s.End == unknown {
			s.End = s.Start
		}
		for j := range s.Words {
			s.End = max(s.End, s.Words[j].End)
		}
	}
}
