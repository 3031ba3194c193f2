package align

import (
	"github.com/asr-backend/asr-backend/align/viterbi"
	"github.com/asr-backend/asr-backend/asr/ctc"
	"github.com/asr-backend/asr-backend/timeline"
)

// Verdict says how a word of a reference text, or a run of words, agrees with the recording,
// in the terms of word error rates.
type Verdict int

// The verdicts. Words are never Insertion, and mismatches never Match.
const (
	// Match: the word was found.
	Match Verdict = iota
	// Substitution: something else was recognized in its place. Its times are a guess.
	Substitution
	// Deletion: the text has it and the recording lacks it. It has no length.
	Deletion
	// Insertion: the recording has it and the text lacks it.
	Insertion
	// Unspellable: the model's vocabulary has no letters for it, so that nothing shows
	// whether it was spoken. Its times are what the words around it leave, its confidence is 0.
	Unspellable
)

// String returns the verdict in the word that reports use.
func (v Verdict) String() string {
	return [...]string{"match", "substitution", "deletion", "insertion", "unspellable"}[v]
}

// Mismatch is a place where a reference text and a recording do not agree.
type Mismatch struct {
	Verdict Verdict
	// Span is the part of the recording: what was recognized there, or, for Deletion, the
	// pause in which the text should be.
	Span Span
	// From and To are the words of the reference, half open. For Insertion they are equal:
	// what was recognized comes before word From.
	From, To int
	// Recognized is the text that the model recognized there.
	Recognized string
}

// gap is a run of words that were not placed, or of rows without words.
type gap struct {
	viterbi.Skip
	room block       // rows and words between the placed neighbours
	hyp  []ctc.Token // what was recognized in the skipped rows
}

// gaps joins what was skipped between the same two placed words.
func (a *aligner) gaps() []gap {
	var out []gap
	for _, s := range a.skips {
		if n := len(out); n > 0 && out[n-1].To == s.From {
			last := &out[n-1]
			last.First, last.End = min(last.First, s.First), max(last.End, s.End)
			last.To = s.To
			continue
		}
		out = append(out, gap{Skip: s})
	}
	next := 0
	for i := range out {
		g := &out[i]
		g.room = block{0, timeline.Row(len(a.e.Rows)), g.From, g.To}
		if g.From > 0 {
			before := a.spans[g.From-1]
			g.room.first = before[len(before)-1].Last + 1
		}
		if g.To < len(a.ref) {
			g.room.end = a.spans[g.To][0].First
		}
		first, end := g.First, g.End
		if g.From < g.To { // the path may have passed over some of what was recognized there
			first, end = g.room.first, g.room.end
		}
		for next < len(a.hyp) && a.hyp[next].First < first {
			next++
		}
		from := next
		for next < len(a.hyp) && a.hyp[next].First < end {
			next++
		}
		g.hyp = a.hyp[from:next]
	}
	return out
}

// verdict returns what the gap is; Match means that nothing is missing on either side.
func (g *gap) verdict() Verdict {
	switch {
	case g.From < g.To && len(g.hyp) > 0:
		return Substitution
	case g.From < g.To:
		return Deletion
	case len(g.hyp) > 0:
		return Insertion
	}
	return Match
}

// mismatch describes a gap, once the words around it have their times.
func (a *aligner) mismatch(g *gap, words []Word) Mismatch {
	m := Mismatch{Verdict: g.verdict(), From: g.From, To: g.To, Span: a.e.bounds()}
	if g.From > 0 {
		m.Span.Start = words[g.From-1].Span.End
	}
	if g.To < len(words) {
		m.Span.End = words[g.To].Span.Start
	}
	if len(g.hyp) == 0 {
		return m
	}
	rows := rowSpan(g.rows(a.e.First)).moved(timeline.SampleAt(a.e.Shift)).within(a.e.bounds())
	sound := a.e.refine(rows, m.Span.Start, m.Span.End)
	m.Span = Span{max(rows.Start, sound.Start), min(rows.End, sound.End)} // silence is no part of it
	m.Recognized = a.written(g.hyp)
	return m
}

// rows returns the first and the last row of what was recognized in the gap, as rows of the
// recording if begin is the first row of the emissions. The last piece may go on into the
// rows of the word behind it; those are that word's.
func (g *gap) rows(begin timeline.Row) (first, last timeline.Row) {
	return begin + g.hyp[0].First, begin + min(g.hyp[len(g.hyp)-1].Last, g.room.end-1)
}

// single reports whether the gap is one word in whose place something else was recognized,
// without a pause.
func (g *gap) single() bool {
	for i := 1; i < len(g.hyp); i++ {
		if g.hyp[i].First-g.hyp[i-1].Last > ctc.LongestPause {
			return false
		}
	}
	return g.To == g.From+1
}

// forceMargin is how far words of a gap may be from what was recognized in it, 0.4 s.
const forceMargin timeline.Row = 5

// force places the words of a gap as well as they fit in and around what was recognized
// there, so that a person who corrected the model's mistakes still gets times. Words that do
// not fit stay without a place.
func (a *aligner) force(g *gap) error {
	b := g.room
	first, last := g.rows(0)
	b.first, b.end = max(b.first, first-forceMargin), min(b.end, last+1+forceMargin)
	t := a.ref.tokens(b.from, b.to, a.chosen)
	rows := b.end - b.first
	if int64(rows) < int64(len(t.pieces)+viterbi.Repeats(t.pieces)) || int64(rows)*int64(len(t.pieces)) > a.limits.cells {
		return nil
	}
	p := a.problem(b.first, b.end, t)
	p.Skips = nil
	path, err := viterbi.Align(p)
	if err != nil {
		return err
	}
	a.keep(b, path)
	return nil
}
