package align

import (
	"asr-backend/align/viterbi"
	"asr-backend/asr/ctc"
	"asr-backend/timeline"
)

// Verdict says how a word of a script, or a stretch of one, agrees with the recording.
type Verdict int

// The verdicts. Words are never Untold, and stretches never Matches.
const (
	// Matches: the word was found.
	Matches Verdict = iota
	// Differs: something else was heard in its place. Its times are a guess.
	Differs
	// Unspoken: the text has it and the recording has not. It has no length.
	Unspoken
	// Untold: the recording has it and the text has not.
	Untold
	// Unspellable: the model's vocabulary has no letters for it, so that whether it was said
	// cannot be known. Its times are what the words around it leave, its confidence is 0.
	Unspellable
)

// String returns the verdict in the word that reports use.
func (v Verdict) String() string {
	return [...]string{"matches", "differs", "unspoken", "untold", "unspellable"}[v]
}

// Stretch is a place where a script and a recording do not agree.
type Stretch struct {
	Verdict Verdict
	// Span is where in the recording: what was heard there, or, for Unspoken, the pause in
	// which the text should be.
	Span Span
	// From and To are the words of the script, half open. For Untold they are equal: what
	// was heard comes before word From.
	From, To int
	// Heard is what the model heard there.
	Heard string
}

// hole is a run of words that were not placed, or of rows without words.
type hole struct {
	viterbi.Dropped
	room  block       // rows and words between the placed neighbours
	heard []ctc.Token // what was heard in the rows that were left out
}

// holes joins what was dropped between the same two placed words.
func (a *aligner) holes() []hole {
	var out []hole
	for _, d := range a.dropped {
		if n := len(out); n > 0 && out[n-1].To == d.From {
			last := &out[n-1]
			last.First, last.End = min(last.First, d.First), max(last.End, d.End)
			last.To = d.To
			continue
		}
		out = append(out, hole{Dropped: d})
	}
	next := 0
	for i := range out {
		g := &out[i]
		g.room = block{0, timeline.Row(len(a.h.Rows)), g.From, g.To}
		if g.From > 0 {
			before := a.spans[g.From-1]
			g.room.first = before[len(before)-1].Last + 1
		}
		if g.To < len(a.script) {
			g.room.end = a.spans[g.To][0].First
		}
		first, end := g.First, g.End
		if g.From < g.To { // the path may have passed over some of what was heard there
			first, end = g.room.first, g.room.end
		}
		for next < len(a.heard) && a.heard[next].First < first {
			next++
		}
		from := next
		for next < len(a.heard) && a.heard[next].First < end {
			next++
		}
		g.heard = a.heard[from:next]
	}
	return out
}

// verdict says what the hole is; Matches means that there is nothing to say.
func (g *hole) verdict() Verdict {
	switch {
	case g.From < g.To && len(g.heard) > 0:
		return Differs
	case g.From < g.To:
		return Unspoken
	case len(g.heard) > 0:
		return Untold
	}
	return Matches
}

// stretch returns the hole as it is told, once the words around have their times.
func (a *aligner) stretch(g *hole, words []Word) Stretch {
	s := Stretch{Verdict: g.verdict(), From: g.From, To: g.To, Span: a.h.bounds()}
	if g.From > 0 {
		s.Span.Start = words[g.From-1].Span.End
	}
	if g.To < len(words) {
		s.Span.End = words[g.To].Span.Start
	}
	if len(g.heard) == 0 {
		return s
	}
	rows := rowSpan(g.rows(a.h.First)).moved(timeline.SampleAt(a.h.Shift)).within(a.h.bounds())
	sound := a.h.refine(rows, s.Span.Start, s.Span.End)
	s.Span = Span{max(rows.Start, sound.Start), min(rows.End, sound.End)} // silence is not what was heard
	s.Heard = a.written(g.heard)
	return s
}

// rows returns the first and the last row in which something was heard, of the recording
// whose stretch begins at row begin. The last piece may have been heard on into the rows of
// the word behind; those are that word's.
func (g *hole) rows(begin timeline.Row) (first, last timeline.Row) {
	return begin + g.heard[0].First, begin + min(g.heard[len(g.heard)-1].Last, g.room.end-1)
}

// single tells whether the hole is one word in whose place something else was heard, without
// a pause.
func (g *hole) single() bool {
	for i := 1; i < len(g.heard); i++ {
		if g.heard[i].First-g.heard[i-1].Last > ctc.LongestPause {
			return false
		}
	}
	return g.To == g.From+1
}

// beside is how far words of a hole may be from what was heard in it, 0.4 s.
const beside timeline.Row = 5

// force places the words of a hole as well as they fit in and around what was heard there,
// so that a person who wrote what the model cannot hear still gets times. Words that do not
// fit stay without a place.
func (a *aligner) force(g *hole) error {
	b := g.room
	first, last := g.rows(0)
	b.first, b.end = max(b.first, first-beside), min(b.end, last+1+beside)
	t := a.script.tokens(b.from, b.to, a.chosen)
	rows := b.end - b.first
	if int64(rows) < int64(len(t.pieces)+viterbi.Repeats(t.pieces)) || int64(rows)*int64(len(t.pieces)) > a.limits.cells {
		return nil
	}
	p := a.problem(b.first, b.end, t)
	p.Exceptions = nil
	path, err := viterbi.Align(p)
	if err != nil {
		return err
	}
	a.keep(b, path)
	return nil
}
