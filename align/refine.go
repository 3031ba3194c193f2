package align

import (
	"math"

	"asr-backend/asr/mel"
	"asr-backend/timeline"
)

// reach is how far an edge may move into blank: a quarter of a second.
const reach timeline.Sample = timeline.SampleRate / 4

// quiet is how much louder than the quietest frame in reach a frame may be and still
// count as the end of the sound: half a nat, about two decibels.
const quiet mel.Level = mel.LevelsPerNat / 2

// soften returns the span of a word's rows with edges that move smoothly as probability
// moves from a row to its neighbour. The outer rows count as much as the probability of
// their piece, and a blank row beside them as much as it is not blank. Free are the rows
// that belong to no other word.
func (h *Heard) soften(w *Word, free block) Span {
	s := rowSpan(w.First, w.Last)
	start, end := 1-min(w.edges[0], 1), 1-min(w.edges[1], 1)
	if w.First == w.Last { // what one row lost is lost on both sides
		start, end = start/2, end/2
	}
	s.Start, s.End = s.Start+part(start), s.End-part(end)
	if w.First > free.first {
		s.Start -= part(h.leak(w.First - 1))
	}
	if w.Last+1 < free.end {
		s.End += part(h.leak(w.Last + 1))
	}
	return s
}

// part is a share of a row in samples.
func part(share float64) timeline.Sample {
	return timeline.Sample(math.Round(share * timeline.SamplesPerRow))
}

// mass is the probability of the best piece of a row.
func (h *Heard) mass(r timeline.Row) float64 {
	return min(math.Exp(float64(h.Rows[r-h.First].LogProb)), 1)
}

// leak is the probability that a row won by blank gives to pieces, at most a half; a row
// that another piece won gives nothing.
func (h *Heard) leak(r timeline.Row) float64 {
	i := r - h.First
	if h.Rows[i].Best != h.Vocabulary.Blank() {
		return 0
	}
	return min(max(1-math.Exp(float64(h.Rows[i].Blank)), 0), 0.5)
}

// refine moves the edges of a span outwards. Before and after are the ends of what its
// neighbours (or the recording) leave free.
func (h *Heard) refine(s Span, before, after timeline.Sample) Span {
	out := s
	if room := min((s.Start-before)/2, reach); room > 0 {
		out.Start = h.onset(s.Start-room, s.Start)
	}
	if room := min((after-s.End)/2, reach); room > 0 {
		out.End = h.offset(s.End, s.End+room)
	}
	return out
}

// onset returns the last place in [from, to] that is as quiet as it gets there, or from
// if it is all the same.
func (h *Heard) onset(from, to timeline.Sample) timeline.Sample {
	lo, hi := h.frame(from), h.frame(to)
	limit := h.quietest(lo, hi) + quiet
	for f := hi; f > lo; f-- {
		if h.level(f) <= limit {
			return min(max(h.sample(f), from), to)
		}
	}
	return from
}

// offset returns the first place in [from, to] that is as quiet as it gets there.
func (h *Heard) offset(from, to timeline.Sample) timeline.Sample {
	lo, hi := h.frame(from), h.frame(to)
	limit := h.quietest(lo, hi) + quiet
	for f := lo; f < hi; f++ {
		if h.level(f) <= limit {
			return min(max(h.sample(f), from), to)
		}
	}
	return to
}

func (h *Heard) quietest(lo, hi timeline.Frame) mel.Level {
	low := h.level(lo)
	for f := lo + 1; f <= hi; f++ {
		low = min(low, h.level(f))
	}
	return low
}

// frame is the frame of the stretch nearest to a sample of the recording.
func (h *Heard) frame(s timeline.Sample) timeline.Frame {
	s -= h.First.Sample()
	return min(max(timeline.Frame((s+timeline.SamplesPerFrame/2)/timeline.SamplesPerFrame), 0), timeline.Frame(len(h.Levels)-1))
}

func (h *Heard) sample(f timeline.Frame) timeline.Sample { return h.First.Sample() + f.Sample() }

// level is the loudness around a frame, over three frames so that one quiet glottal
// pulse does not count as silence.
func (h *Heard) level(f timeline.Frame) mel.Level {
	n := timeline.Frame(len(h.Levels))
	if n == 0 {
		return 0
	}
	sum, count := 0, 0
	for k := max(f-1, 0); k <= min(f+1, n-1); k++ {
		sum += int(h.Levels[k])
		count++
	}
	return mel.Level(sum / max(count, 1))
}
