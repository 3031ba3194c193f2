package transcript

import (
	"cmp"
	"math"
	"slices"
	"strings"
	"time"
	"unicode/utf8"
)

// A cue is what a subtitle shows at once. Times are in milliseconds, as both subtitle
// formats have them, and end is after start, as WebVTT demands.
type cue struct {
	start, end int64
	channel    int
	lines      [][]atom
}

// eachCue calls emit for the cues of t in order of their start. Where segments overlap,
// on two channels, their cues interleave. With prefixed, the first line of each cue
// leaves room for the name of its channel.
func eachCue(t *Transcript, o *WriteOptions, prefixed bool, emit func(*cue)) {
	c := cutter{o: o, prefixed: prefixed}
	var waiting []cue
	flush := func(until int64) {
		n := 0
		for n < len(waiting) && waiting[n].start <= until {
			emit(&waiting[n])
			n++
		}
		waiting = slices.Delete(waiting, 0, n)
	}
	for i := range t.Segments {
		s := &t.Segments[i]
		flush(millis(s.Start))
		if more := c.cues(s); len(more) > 0 {
			waiting = append(waiting, more...)
			slices.SortStableFunc(waiting, func(a, b cue) int { return cmp.Compare(a.start, b.start) })
		}
	}
	flush(math.MaxInt64)
}

// A cutter cuts segments into cues that read well: the fewest that keep to the limits,
// of even length, ended at the end of a sentence or at a pause where there is one. Among
// all ways to cut, it takes the one with the least cost, by dynamic programming.
type cutter struct {
	o        *WriteOptions
	prefixed bool
}

func (c *cutter) cues(s *Segment) []cue {
	atoms := appendAtoms(nil, s, c.o)
	if len(atoms) == 0 {
		return nil
	}
	prefix := 0
	if c.prefixed {
		prefix = textWidth(c.o.channelName(s.Channel)) + 2
	}
	var cues []cue
	cuts := c.cut(atoms, prefix)
	for i, from := range cuts[:len(cuts)-1] {
		part := atoms[from:cuts[i+1]]
		q := cue{
			start:   millis(part[0].start),
			end:     millis(part[len(part)-1].end),
			channel: s.Channel,
			lines:   wrap(part, c.o.LineWidth, prefix),
		}
		// The first and the last cue reach to the ends of the segment, as far as they may;
		// better after the words than before.
		limit := millis(c.o.CueDuration)
		if i+2 == len(cuts) {
			q.end = min(millis(s.End), max(q.end, q.start+limit))
		} else {
			q.end = min(q.end, millis(atoms[cuts[i+1]].start)) // words may overlap
		}
		if i == 0 {
			q.start = max(millis(s.Start), min(q.start, q.end-limit))
		}
		q.end = max(q.end, q.start+1)
		cues = append(cues, q)
	}
	return cues
}

// cut returns the indices at which cues begin, and len(atoms).
func (c *cutter) cut(atoms []atom, prefix int) []int {
	best := make([]float64, len(atoms)+1) // the cost of all cues before an index
	from := make([]int, len(atoms)+1)     // where the last of them begins
	for i := range best[1:] {
		best[i+1] = math.Inf(1)
	}
	for i := range atoms {
		if math.IsInf(best[i], 1) {
			continue // no cue can begin here
		}
		l := liner{max: c.o.LineWidth, width: prefix, lines: 1}
		for j, tried := i, false; j < len(atoms); j++ {
			l.add(&atoms[j], j == i)
			end := j + 1
			if end < len(atoms) && !atoms[end].cut {
				continue
			}
			over := l.lines > c.o.CueLines || l.widest > l.max || atoms[j].end-atoms[i].start > c.o.CueDuration
			if over && tried {
				break
			}
			tried = true
			cost := best[i] + c.cost(atoms[i:end], atoms[end:], l.total)
			if over {
				cost += tooLarge // but nothing smaller begins here
			}
			if cost < best[end] {
				best[end], from[end] = cost, i
			}
			if over {
				break
			}
		}
	}
	cuts := []int{len(atoms)}
	for i := len(atoms); i > 0; i = from[i] {
		cuts = append(cuts, from[i])
	}
	slices.Reverse(cuts)
	return cuts
}

// tooLarge is the cost of a cue beyond the limits, which only a word without end takes.
const tooLarge = 1e6

// cost says how badly a cue reads; rest is what follows it in the segment. The weights
// are a matter of taste: one cue more costs 1, a cue almost empty up to 1, an end amid a
// phrase up to 0.75, and a cue too short to be read up to 1.
func (c *cutter) cost(part, rest []atom, width int) float64 {
	empty := 1 - min(1, float64(width)/float64(c.o.LineWidth*c.o.CueLines))
	cost := 1 + empty*empty
	last := part[len(part)-1]
	if len(rest) > 0 && rest[0].start-last.end < 300*time.Millisecond {
		switch mark := lastMark(last.text); {
		case strings.ContainsRune(".?!…。？！؟۔।", mark):
		case strings.ContainsRune(",;:–—、，；：،؛", mark):
			cost += 0.25
		default:
			cost += 0.75
		}
	}
	if d := last.end - part[0].start; d < time.Second {
		cost += 1 - d.Seconds()
	}
	return cost
}

// lastMark returns the last character of s, closing quotes and brackets aside.
func lastMark(s string) rune {
	r, _ := utf8.DecodeLastRuneInString(strings.TrimRight(s, `"'”’»)]」』）`))
	return r
}
