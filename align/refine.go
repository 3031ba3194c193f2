package align

import (
	"math"

	"github.com/asr-backend/asr-backend/asr/ctc"
	"github.com/asr-backend/asr-backend/asr/mel"
	"github.com/asr-backend/asr-backend/timeline"
)

const (
	// reach is how far an edge may move into blank: a quarter of a second.
	reach timeline.Sample = timeline.SampleRate / 4
	// pause is the least room between words that is taken for one: a row and a half, as
	// between sure words there are whole rows. Beside it a word may also lose what its rows
	// hold of silence: at its start up to a row, as a network sees what follows, at its end
	// half a row.
	pause timeline.Sample = timeline.SamplesPerRow * 3 / 2
	early timeline.Sample = timeline.SamplesPerRow
	late  timeline.Sample = timeline.SamplesPerRow / 2
	// joined is the least gap that stays between words: a tenth of a second. Shorter ones
	// are stops within speech, and what remains of them between two late spikes.
	joined timeline.Sample = timeline.SampleRate / 10
	// closure is how long a stop at the end of a word may be closed, and release how long
	// the sound after it may be: 50 and 100 ms.
	closure, release timeline.Frame = 5, 10
	// quiet is how much louder than the quietest frame in reach a frame may be and still
	// count as the end of the sound: half a nat, about two decibels, or an eighth of the
	// word's rise above it.
	quiet     mel.Level = mel.LevelsPerNat / 2
	riseShare           = 8
)

// soften returns the span of a word's rows with edges that move smoothly as probability
// moves from a row to its neighbour. The outer rows count as much as the probability of
// their piece, and a blank row beside them as much as it is not blank. Free are the rows
// that belong to no other word.
func (e *Emissions) soften(w *Word, free block) Span {
	s := rowSpan(w.First, w.Last)
	start, end := 1-min(w.edges[0], 1), 1-min(w.edges[1], 1)
	if w.First == w.Last { // what one row lost is lost on both sides
		start, end = start/2, end/2
	}
	s.Start, s.End = s.Start+part(start), s.End-part(end)
	if w.First > free.first {
		s.Start -= part(e.leak(w.First - 1))
	}
	if w.Last+1 < free.end {
		s.End += part(e.leak(w.Last + 1))
	}
	return s
}

// part is a share of a row in samples.
func part(share float64) timeline.Sample {
	return timeline.Sample(math.Round(share * timeline.SamplesPerRow))
}

// mass is the probability of the best piece of a row.
func (e *Emissions) mass(r timeline.Row) float64 {
	return min(math.Exp(float64(e.Rows[r-e.First].LogProb)), 1)
}

// edge is the probability of a token in one of its rows; where the search chose another piece than
// the best of the row, the mean of all of its rows.
func (e *Emissions) edge(t *ctc.Token, r timeline.Row) float64 {
	if e.Rows[r-e.First].Best == t.Piece {
		return e.mass(r)
	}
	return math.Exp(float64(t.LogProb))
}

// leak is the probability that a row won by blank gives to pieces, at most a half; a row
// that another piece won gives nothing.
func (e *Emissions) leak(r timeline.Row) float64 {
	i := r - e.First
	if e.Rows[i].Best != e.Vocabulary.Blank() {
		return 0
	}
	return min(max(1-math.Exp(float64(e.Rows[i].Blank)), 0), 0.5)
}

// sounding returns s, or the row beside it where s is silent and sound is there: a network
// sees what follows, and may name a short word just before it begins.
func (e *Emissions) sounding(s Span, before, after timeline.Sample) Span {
	wide := Span{max(s.Start-timeline.SamplesPerRow, before), min(s.End+timeline.SamplesPerRow, after)}
	limit, ok := e.limit(e.frame(wide.Start), e.frame(wide.End), wide)
	loud := func(from, to timeline.Sample) bool {
		for f := e.frame(from); f <= e.frame(to); f++ {
			if e.level(f) > limit {
				return true
			}
		}
		return false
	}
	switch {
	case !ok || loud(s.Start, s.End):
	case loud(s.End, wide.End):
		return Span{s.End, wide.End}
	case loud(wide.Start, s.Start):
		return Span{wide.Start, s.Start}
	}
	return s
}

// refine moves the edges of a span to where the sound begins and ends. Before and after
// are the ends of what its neighbours (or the recording) leave free.
func (e *Emissions) refine(s Span, before, after timeline.Sample) Span {
	if s.Start > before {
		s.Start = e.onset(s, before)
	}
	if s.End < after {
		s.End = max(e.offset(s, after), s.Start)
	}
	return s
}

// onset returns where the sound of s begins: after the last frame in reach that is quiet.
func (e *Emissions) onset(s Span, before timeline.Sample) timeline.Sample {
	from, to := s.Start-min((s.Start-before)/2, reach), s.Start
	if s.Start-before >= pause {
		to += min(early, (s.End-s.Start)*3/4)
	}
	lo, hi := e.frame(from), e.frame(to)
	limit, ok := e.limit(lo, hi, s)
	if !ok {
		return s.Start
	}
	for f := hi; f > lo; f-- {
		if e.level(f) <= limit {
			return min(max(e.sample(f), from), to)
		}
	}
	return from
}

// offset returns where the sound of s ends: before the first frame in reach that is quiet,
// or, if that begins the closure of a stop, after the release.
func (e *Emissions) offset(s Span, after timeline.Sample) timeline.Sample {
	from, to := s.End, s.End+min((after-s.End)/2, reach)
	if after-s.End >= pause {
		from -= min(late, (s.End-s.Start)/2)
	}
	lo, hi := e.frame(from), e.frame(to)
	limit, ok := e.limit(lo, hi, s)
	if !ok {
		return s.End
	}
	loud := func(f timeline.Frame) bool { return e.level(f) > limit }
	// run returns where at most so many frames end that are loud, or are not.
	run := func(f, most timeline.Frame, is bool) timeline.Frame {
		for most = min(hi, f+most); f < most && loud(f) == is; f++ {
		}
		return f
	}
	for f := lo; f <= e.frame(s.End); f++ {
		if loud(f) { // what is quiet before it is within the word
			lo = f
		}
	}
	end := run(lo, hi-lo, true)
	if end == hi {
		return to
	}
	if open := run(end, closure+1, false); open < hi && open-end <= closure {
		if after := run(open, release+1, true); after-open <= release {
			end = after
		}
	}
	return min(max(e.sample(end), from), to)
}

// join gives words with little room between them a common boundary. They follow each other
// without a pause, and the middle is nearer the truth than either edge. Gaps of up to three
// times joined shrink, the less the longer they are, so that a little more or less room
// nowhere makes a leap of an edge.
func join(words []Word) {
	for i := 1; i < len(words); i++ {
		a, b := &words[i-1].Span, &words[i].Span
		gap := b.Start - a.End
		if rest := max((gap-joined)*3/2, 0); rest < gap {
			a.End += (gap - rest) / 2
			b.Start = a.End + rest
		}
	}
}

// limit is how loud a frame between lo and hi may be to count as quiet: little louder
// than the quietest, seen from the loudest of the word. It is not ok if all is as loud, so
// that loudness says nothing.
func (e *Emissions) limit(lo, hi timeline.Frame, s Span) (limit mel.Level, ok bool) {
	low, top := e.quietest(lo, hi), mel.Level(0)
	for f := e.frame(s.Start); f <= e.frame(s.End); f++ {
		top = max(top, e.level(f))
	}
	if int(top) <= int(low)+int(quiet) {
		return 0, false
	}
	return low + max(quiet, (top-low)/riseShare), true
}

func (e *Emissions) quietest(lo, hi timeline.Frame) mel.Level {
	low := e.level(lo)
	for f := lo + 1; f <= hi; f++ {
		low = min(low, e.level(f))
	}
	return low
}

// frame is the frame of the emissions nearest to a sample of the recording.
func (e *Emissions) frame(s timeline.Sample) timeline.Frame {
	s -= e.First.Sample()
	return min(max(timeline.Frame((s+timeline.SamplesPerFrame/2)/timeline.SamplesPerFrame), 0), timeline.Frame(len(e.Levels)-1))
}

func (e *Emissions) sample(f timeline.Frame) timeline.Sample { return e.First.Sample() + f.Sample() }

// level is the loudness around a frame, over three frames so that one quiet glottal
// pulse does not count as silence.
func (e *Emissions) level(f timeline.Frame) mel.Level {
	n := timeline.Frame(len(e.Levels))
	if n == 0 {
		return 0
	}
	sum, count := 0, 0
	for k := max(f-1, 0); k <= min(f+1, n-1); k++ {
		sum += int(e.Levels[k])
		count++
	}
	return mel.Level(sum / max(count, 1))
}
