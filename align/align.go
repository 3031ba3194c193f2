// Package align places words on the time line of a recording and groups them into
// regions. It is made of pure functions over rows of CTC output.
//
// # Times
//
// Row r is centred on sample 1280·r and stands for [1280·r-640, 1280·r+640). NeMo prints
// [1280·r, 1280·(r+1)) instead, which is 40 ms late; see NeMoSpan. A CTC model spikes
// once in a piece, a little late, and fills the rest with blank, so the rows a word won
// (its spike) are inside the word but do not reach its edges. Edges are therefore moved:
//
//  1. by what the probabilities of the rows at the edge say, so that a row which is barely
//     won counts for half and times do not jump by whole rows;
//  2. by the model's constant, which makes up for its lateness;
//  3. where its rows are silent and the row beside them is not, into that row;
//  4. outwards into the blank beside it, by at most half the gap to the neighbour and at
//     most a quarter of a second, to where the sound ends; beside a pause also inwards;
//  5. between words that follow each other without a pause, to a common boundary.
//
// A substituted word gets the times of what was recognized in its place.
//
// Words never overlap and stay in order. doc/accuracy.md says how exact that is.
//
// # Regions
//
// A region ends after a sentence, at a pause, and where it would grow too long; all
// three rules hold at once, and a word is never cut.
package align

import (
	"cmp"
	"slices"
	"time"

	"github.com/asr-backend/asr-backend/asr/ctc"
	"github.com/asr-backend/asr-backend/timeline"
)

// Emissions are a model's output for a part of one channel.
type Emissions struct {
	ctc.Output
	// LogProbs returns the log-probabilities of Rows[i], if they were kept. The slice is
	// valid until the next call. Align needs them.
	LogProbs func(i timeline.Row) []float32
}

// Span is a part of a recording, half open.
type Span struct {
	Start, End timeline.Sample
}

// Word is a word on the time line.
type Word struct {
	Text string
	// First and Last are the rows, inclusive, in which the model recognized the word.
	First, Last timeline.Row
	// Spike is what those rows stand for, and Span the word with its edges refined.
	Spike, Span Span
	// Confidence is in 0..1. For a recognized word it says how sure the model was. For a
	// word of a Reference it is the probability of its pieces in the rows where it was
	// placed, without those that the model cannot write.
	Confidence float32
	// Verdict is how a word of a Reference agrees with the recording.
	Verdict Verdict

	edges [2]float64 // probability of its first piece in First and of its last in Last
}

// Part returns the emissions between two times: the rows whose centre lies there.
func (e *Emissions) Part(start, end time.Duration) *Emissions {
	row := func(d time.Duration) timeline.Row {
		at := timeline.SampleAt(d-e.Shift) + timeline.SamplesPerRow/2
		return min(max(timeline.Row(at/timeline.SamplesPerRow)-e.First, 0), timeline.Row(len(e.Rows)))
	}
	from, to := row(start), row(end)
	to = max(to, from)
	p := *e
	p.First, p.Rows = e.First+from, e.Rows[from:to]
	if e.Searched {
		begun := func(row timeline.Row) int {
			i, _ := slices.BinarySearchFunc(e.Tokens, row, func(t ctc.Token, r timeline.Row) int { return cmp.Compare(t.First, r) })
			return i
		}
		p.Tokens = e.Tokens[begun(p.First):begun(e.First+to)]
	}
	frames := timeline.Frame(len(e.Levels))
	p.Levels = e.Levels[min(from.Frame(), frames):min(to.Frame(), frames)]
	p.Samples = min(to.Sample(), e.Samples) - min(from.Sample(), e.Samples)
	if e.LogProbs != nil {
		p.LogProbs = func(i timeline.Row) []float32 { return e.LogProbs(from + i) }
	}
	return &p
}

// NeMoSpan returns the span that NeMo's tools print for rows first to last.
func NeMoSpan(first, last timeline.Row) Span {
	return Span{first.Sample(), (last + 1).Sample()}
}

// rowSpan returns what rows first to last stand for.
func rowSpan(first, last timeline.Row) Span {
	const half = timeline.SamplesPerRow / 2
	return Span{first.Sample() - half, last.Sample() + half}
}

// Words returns the words of the text with their times: of what a search found, or of the
// greedy text. The best label of every row is also the best alignment of the greedy text, so
// nothing needs to be searched for that.
func (e *Emissions) Words() []Word {
	tokens := e.TextTokens()
	texts := e.Output.Words(tokens)
	words := make([]Word, len(texts))
	for i, t := range texts {
		w := Word{Text: t.Text, First: tokens[t.First].First, Last: tokens[t.Last].Last, Confidence: 1}
		w.edges = [2]float64{e.edge(&tokens[t.First], w.First), e.edge(&tokens[t.Last], w.Last)}
		for _, token := range tokens[t.First : t.Last+1] {
			w.Confidence = min(w.Confidence, token.Confidence)
		}
		words[i] = w
	}
	e.place(words)
	return words
}

// bounds is the part as a span of the recording.
func (e *Emissions) bounds() Span {
	return Span{e.First.Sample(), e.First.Sample() + e.Samples}
}

// place sets the spans of words from their rows.
func (e *Emissions) place(words []Word) {
	bounds, shift := e.bounds(), timeline.SampleAt(e.Shift)
	for i := range words {
		words[i].Spike = rowSpan(words[i].First, words[i].Last).moved(shift).within(bounds)
		free := block{e.First, e.First + timeline.Row(len(e.Rows)), 0, 0}
		if i > 0 {
			free.first = words[i-1].Last + 1
		}
		if i+1 < len(words) {
			free.end = words[i+1].First
		}
		words[i].Span = e.soften(&words[i], free).moved(shift).within(bounds)
	}
	divide(words)
	room := func(i int) (before, after timeline.Sample) {
		before, after = bounds.Start, bounds.End
		if i > 0 {
			before = words[i-1].Span.End
		}
		if i+1 < len(words) {
			after = words[i+1].Span.Start
		}
		return before, after
	}
	for i := range words {
		before, after := room(i)
		words[i].Span = e.sounding(words[i].Span, before, after)
	}
	edges := make([]Span, len(words))
	for i := range words {
		before, after := room(i)
		edges[i] = e.refine(words[i].Span, before, after)
	}
	for i := range words {
		words[i].Span = edges[i]
	}
	join(words)
}

// divide gives words that share a row each a part of it: a transducer may write several in one.
func divide(words []Word) {
	for i := 1; i < len(words); i++ {
		before, s := &words[i-1].Span, &words[i].Span
		if s.Start < before.End {
			middle := min(max((s.Start+before.End)/2, before.Start), s.End)
			before.End, s.Start = middle, middle
		}
	}
}

func (s Span) moved(by timeline.Sample) Span { return Span{s.Start + by, s.End + by} }

// within clips s to bounds; a span outside becomes an empty one at the nearer end.
func (s Span) within(bounds Span) Span {
	clip := func(x timeline.Sample) timeline.Sample { return min(max(x, bounds.Start), bounds.End) }
	return Span{clip(s.Start), clip(s.End)}
}
