package align

import (
	"github.com/asr-backend/asr-backend/asr/mel"
	"github.com/asr-backend/asr-backend/timeline"
)

const (
	// unrecognizedGap is the shortest part without words that counts.
	unrecognizedGap timeline.Sample = 3 * timeline.SampleRate / 2
	// unrecognizedBelow is how far below the usual level of words sound still counts as
	// loud: 1.5 nat, about 6.5 dB.
	unrecognizedBelow = 3 * mel.LevelsPerNat / 2
)

// Unrecognized returns how much sound as loud as the words lies in long parts without words:
// speech that the model missed, or music or noise. It is 0 if there are no words.
func (e *Emissions) Unrecognized(words []Word) timeline.Sample {
	if len(words) == 0 {
		return 0
	}
	var counts [256]int
	total := 0
	for _, w := range words {
		for _, l := range e.levels(w.Span) {
			counts[l]++
			total++
		}
	}
	median := mel.Level(0)
	for below := 0; total > 0 && int(median) < len(counts)-1; median++ {
		if below += counts[median]; below*2 >= total {
			break
		}
	}
	loud := max(median, unrecognizedBelow) - unrecognizedBelow
	var frames timeline.Frame
	count := func(s Span) {
		if s.End-s.Start < unrecognizedGap {
			return
		}
		for _, l := range e.levels(s) {
			if l >= loud && l > 0 {
				frames++
			}
		}
	}
	free := e.bounds()
	for _, w := range words {
		count(Span{free.Start, w.Span.Start})
		free.Start = w.Span.End
	}
	count(free)
	return frames.Sample()
}

// levels returns the loudness of the frames in a span.
func (e *Emissions) levels(s Span) []mel.Level {
	frame := func(x timeline.Sample) timeline.Frame {
		f := timeline.Frame(x/timeline.SamplesPerFrame) - e.First.Frame()
		return min(max(f, 0), timeline.Frame(len(e.Levels)))
	}
	from, to := frame(s.Start), frame(s.End)
	return e.Levels[from:max(from, to)]
}
