package transcript

import (
	"bufio"
	"cmp"
	"fmt"
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
// where two overlap the first yields. Segments without text cannot be distinguished from silence.
func writeTextGrid(w *bufio.Writer, t *Transcript, o *WriteOptions) {
	var tiers []tier
	channels := t.channels()
	if len(channels) == 0 {
		channels = []int{Mixed}
	}
	end := max(t.Duration, minInterval)
	for _, c := range channels {
		words, regions := tier{name: "words"}, tier{name: "regions"}
		if len(channels) > 1 {
			words.name = o.channelName(c) + " - " + words.name
			regions.name = o.channelName(c) + " - " + regions.name
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

	fmt.Fprintf(w, "File type = \"ooTextFile\"\nObject class = \"TextGrid\"\n\nxmin = 0\nxmax = %s\ntiers? <exists>\nsize = %d\nitem []:\n", exact(end), len(tiers))
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
	fmt.Fprintf(w, "    item [%d]:\n        class = \"IntervalTier\"\n        name = %s\n        xmin = 0\n        xmax = %s\n        intervals: size = %d\n",
		number, quotePraat(t.name), exact(end), size)
	n := 0
	put := func(start, end time.Duration, text string) {
		n++
		fmt.Fprintf(w, "        intervals [%d]:\n            xmin = %s\n            xmax = %s\n            text = %s\n", n, exact(start), exact(end), quotePraat(text))
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

// quotePraat returns a string as Praat writes it: in quotes, with the quotes in it doubled.
func quotePraat(s string) string { return `"` + strings.ReplaceAll(s, `"`, `""`) + `"` }
