package align

import (
	"asr-backend/asr/mel"
	"asr-backend/timeline"
)

// reach is how far an edge may move into blank: a quarter of a second.
const reach timeline.Sample = timeline.SampleRate / 4

// quiet is how much louder than the quietest frame in reach a frame may be and still
// count as the end of the sound: half a nat, about two decibels.
const quiet mel.Level = mel.LevelsPerNat / 2

// refine moves the edges of a word outwards. Before and after are the ends of what its
// neighbours' spikes (or the recording) leave free.
func (h *Heard) refine(w *Word, before, after timeline.Sample) {
	if room := min((w.Spike.Start-before)/2, reach); room > 0 {
		w.Span.Start = h.onset(w.Spike.Start-room, w.Spike.Start)
	}
	if room := min((after-w.Spike.End)/2, reach); room > 0 {
		w.Span.End = h.offset(w.Spike.End, w.Spike.End+room)
	}
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
