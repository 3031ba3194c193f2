package transcript

import (
	"bufio"
	"cmp"
	"slices"
	"strings"
	"time"
)

// writeTextGrid writes Praat's TextGrid in its long text form, UTF-8: for each channel an
// interval tier "words" and one "regions", which with several channels are called
// "Channel 1 - words" and so on. Times are exact.
//
// A tier covers the recording without gap or overlap, so silence is an interval without
// text. An interval must have a length: what has none is made a millisecond long, and
// where two overlap the first yields. Segments without text cannot be told from silence.
func writeTextGrid(w *bufio.Writer, t *Transcript, _ *WriteOptions) {
	var tiers []tier
	channels := t.channels()
	if len(channels) == 0 {
		channels = []int{Mixed}
	}
	end := max(t.Duration, minInterval)
	for _, c := range channels {
		words, regions := tier{name: "words"}, tier{name: "regions"}
		if len(channels) > 1 {
			words.name = channelName(c) + " - " + words.name
			regions.name = channelName(c) + " - " + regions.name
		}
		for i := range t.Segments {
			s := &t.Segments[i]
			if s.Channel != c {
				continue
			}
			regions.add(s.Start, s.End, s.text())
			for _, word := range s.Words {
				words.add(word.Start, word.End, oneLine(word.Text))
			}
		}
		tiers = append(tiers, words, regions)
	}
	for i := range tiers {
		end = max(end, tiers[i].spread())
	}
	for i := range tiers {
		tiers[i].squeeze(end)
	}

	w.WriteString("File type = \"ooTextFile\"\nObject class = \"TextGrid\"\n\nxmin = 0\nxmax = ")
	putExact(w, end)
	w.WriteString("\ntiers? <exists>\nsize = ")
	putInt(w, int64(len(tiers)))
	w.WriteString("\nitem []:\n")
	for i := range tiers {
		tiers[i].write(w, i+1, end)
	}
}

const minInterval = time.Millisecond

type tier struct {
	name      string
	intervals []interval
}

type interval struct {
	start, end time.Duration
	text       string
}

func (t *tier) add(start, end time.Duration, text string) {
	if text != "" {
		t.intervals = append(t.intervals, interval{start, end, text})
	}
}

// spread moves ends and starts forward until no two intervals overlap and all have a
// length, and returns a time by which they can all be over.
func (t *tier) spread() time.Duration {
	slices.SortStableFunc(t.intervals, func(a, b interval) int { return cmp.Compare(a.start, b.start) })
	var at, last time.Duration
	for i := range t.intervals {
		v := &t.intervals[i]
		last = max(last, v.end)
		if i+1 < len(t.intervals) {
			v.end = min(v.end, t.intervals[i+1].start)
		}
		v.start = max(v.start, at)
		v.end = max(v.end, v.start+minInterval)
		at = v.end
	}
	return max(last, time.Duration(len(t.intervals))*minInterval)
}

// squeeze moves back what spread pushed beyond end.
func (t *tier) squeeze(end time.Duration) {
	for i := len(t.intervals) - 1; i >= 0 && t.intervals[i].end > end; i-- {
		v := &t.intervals[i]
		v.end = end
		v.start = min(v.start, end-minInterval)
		end = v.start
	}
}

func (t *tier) write(w *bufio.Writer, number int, end time.Duration) {
	size, at := 0, time.Duration(0)
	for _, v := range t.intervals {
		if v.start > at {
			size++
		}
		size++
		at = v.end
	}
	if at < end {
		size++
	}
	w.WriteString("    item [")
	putInt(w, int64(number))
	w.WriteString("]:\n        class = \"IntervalTier\"\n        name = ")
	putQuoted(w, t.name)
	w.WriteString("\n        xmin = 0\n        xmax = ")
	putExact(w, end)
	w.WriteString("\n        intervals: size = ")
	putInt(w, int64(size))
	w.WriteString("\n")
	n := 0
	put := func(start, end time.Duration, text string) {
		n++
		w.WriteString("        intervals [")
		putInt(w, int64(n))
		w.WriteString("]:\n            xmin = ")
		putExact(w, start)
		w.WriteString("\n            xmax = ")
		putExact(w, end)
		w.WriteString("\n            text = ")
		putQuoted(w, text)
		w.WriteString("\n")
	}
	at = 0
	for _, v := range t.intervals {
		if v.start > at {
			put(at, v.start, "")
		}
		put(v.start, v.end, v.text)
		at = v.end
	}
	if at < end {
		put(at, end, "")
	}
}

// putQuoted writes a string as Praat does: in quotes, with the quotes in it doubled.
func putQuoted(w *bufio.Writer, s string) {
	w.WriteByte('"')
	w.WriteString(strings.ReplaceAll(s, `"`, `""`))
	w.WriteByte('"')
}
