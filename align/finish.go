package align

import (
	"cmp"
	"math"
	"slices"
	"strings"
	"unicode/utf8"

	"github.com/asr-backend/asr-backend/align/viterbi"
	"github.com/asr-backend/asr-backend/asr/ctc"
	"github.com/asr-backend/asr-backend/timeline"
)

// finish gives all words their times and verdicts.
func (a *aligner) finish() (*Alignment, error) {
	out := &Alignment{Words: make([]Word, len(a.ref))}
	for i := range out.Words {
		out.Words[i].Text = a.ref[i].Text
	}
	a.splitWords()
	a.insertions()
	gaps := a.gaps()
	a.substituted = make(map[int]*gap)
	for i := range gaps {
		g := &gaps[i]
		v := g.verdict()
		for w := g.From; w < g.To; w++ {
			out.Words[w].Verdict = v
		}
		if v != Substitution {
			continue
		}
		if g.single() {
			a.substituted[g.From] = g
		} else if err := a.force(g); err != nil {
			return nil, err
		}
	}
	a.place(out.Words)
	for i := range gaps {
		g := &gaps[i]
		if g.verdict() == Match {
			continue
		}
		m := a.mismatch(g, out.Words)
		out.Mismatches = append(out.Mismatches, m)
		if g.From < g.To && a.spans[g.From] == nil && a.substituted[g.From] == nil {
			distribute(out.Words, m, a.e.bounds())
		}
	}
	a.unspellable(out)
	return out, nil
}

// splitWords removes words whose pieces were placed on both sides of a pause: nobody pauses
// for so long within a word, so part of it is something else.
func (a *aligner) splitWords() {
	for w, spans := range a.spans {
		if from, to := longestPart(spans); to-from == len(spans) {
			continue
		}
		s := viterbi.Skip{First: spans[0].First, End: spans[len(spans)-1].Last + 1, From: w, To: w + 1}
		at, _ := slices.BinarySearchFunc(a.skips, w, func(s viterbi.Skip, w int) int { return cmp.Compare(s.To, w+1) })
		a.skips = slices.Insert(a.skips, at, s)
		a.spans[w] = nil
	}
}

// minInsertion is how much less probable than what was recognized between two words silence
// must be, in nats, for an insertion to be reported.
const minInsertion = 6.0

// insertions finds short words between two others that the text lacks. The best path treats
// them as blank, because a skip would cost more.
func (a *aligner) insertions() {
	var found []viterbi.Skip
	known := make([]bool, len(a.ref)+1) // skips before a word
	for _, s := range a.skips {
		for w := s.From; w <= s.To; w++ {
			known[w] = true
		}
	}
	next := 0
	for w := range known {
		room, ok := a.between(w)
		if !ok || known[w] {
			continue
		}
		for next < len(a.hyp) && a.hyp[next].First < room.first {
			next++
		}
		evidence, from := 0.0, next
		for ; next < len(a.hyp) && a.hyp[next].Last < room.end; next++ {
			row := &a.e.Rows[a.hyp[next].First]
			evidence += float64(row.LogProb - row.Blank)
		}
		if evidence >= minInsertion && strings.HasPrefix(a.e.Vocabulary.Piece(a.hyp[from].Piece), ctc.Space) {
			found = append(found, viterbi.Skip{First: a.hyp[from].First, End: a.hyp[next-1].Last + 1, From: w, To: w})
		}
	}
	a.skips = append(a.skips, found...)
	slices.SortStableFunc(a.skips, func(x, y viterbi.Skip) int { return cmp.Or(cmp.Compare(x.From, y.From), cmp.Compare(x.To, y.To)) })
}

// between returns the rows between word w and the one before it, if both are placed.
func (a *aligner) between(w int) (b block, ok bool) {
	b = block{0, timeline.Row(len(a.e.Rows)), w, w}
	if w > 0 {
		before := a.spans[w-1]
		if before == nil {
			return b, false
		}
		b.first = before[len(before)-1].Last + 1
	}
	if w < len(a.ref) {
		if a.spans[w] == nil {
			return b, false
		}
		b.end = a.spans[w][0].First
	}
	return b, true
}

// longestPart returns the pieces of a word that no pause divides: all of them, or the longest
// run, the first of equals.
func longestPart(spans []viterbi.Span) (from, to int) {
	begin := 0
	for i := 1; i <= len(spans); i++ {
		if i < len(spans) && spans[i].First-spans[i-1].Last <= ctc.LongestPause {
			continue
		}
		if i-begin > to-from {
			from, to = begin, i
		}
		begin = i
	}
	return from, to
}

// place gives placed words their times and scores. A substituted word takes its place among
// them, so that its neighbours keep their edges.
func (a *aligner) place(words []Word) {
	var placed []Word
	var at []int // of placed words among all
	for i := range words {
		if g := a.substituted[i]; g != nil {
			a.placeSubstitution(&words[i], g)
		} else if a.spans[i] != nil {
			a.setRows(&words[i], i)
		} else {
			continue
		}
		placed = append(placed, words[i])
		at = append(at, i)
	}
	a.e.place(placed)
	for n, i := range at {
		words[i] = placed[n]
	}
}

// placeSubstitution gives a word the rows of what was recognized in its place.
func (a *aligner) placeSubstitution(w *Word, g *gap) {
	w.First, w.Last = g.rows(a.e.First)
	w.edges = [2]float64{a.e.mass(w.First), a.e.mass(w.Last)}
}

// setRows sets the rows and the confidence of a placed word.
func (a *aligner) setRows(w *Word, i int) {
	from, to := longestPart(a.spans[i])
	spans, pieces := a.spans[i][from:to], a.ref[i].Variants[a.chosen[i]][from:to]
	wild := Wildcard(a.e.Vocabulary)
	blank := a.e.Vocabulary.Blank()
	if last := len(spans) - 1; pieces[last] == wild { // a wildcard reaches into silence for nothing
		for spans[last].Last > spans[last].First && a.e.Rows[spans[last].Last].Best == blank {
			spans[last].Last--
		}
	}
	if pieces[0] == wild {
		for spans[0].First < spans[0].Last && a.e.Rows[spans[0].First].Best == blank {
			spans[0].First++
		}
	}
	sum, scored := 0.0, 0
	for k, s := range spans {
		logProb := 0.0
		for t := s.First; t <= s.Last; t++ {
			row := a.scores(t)
			logProb += float64(row[pieces[k]])
			if k == 0 && t == s.First {
				w.edges[0] = a.share(t, row, pieces[k], a.before(i))
			}
			if k == len(spans)-1 && t == s.Last {
				w.edges[1] = a.share(t, row, pieces[k], a.after(i))
			}
		}
		if pieces[k] != wild { // that fits everything is no evidence
			sum += math.Exp(logProb / float64(s.Last-s.First+1))
			scored++
		}
	}
	w.First, w.Last = a.e.First+spans[0].First, a.e.First+spans[len(spans)-1].Last
	w.Confidence = float32(sum / float64(max(scored, 1)))
}

// before returns the last piece before word i, of the text or of what was recognized in its
// place, and blank at the start.
func (a *aligner) before(i int) ctc.Piece {
	switch g := a.substituted[i-1]; {
	case i == 0:
		return a.e.Vocabulary.Blank()
	case g != nil:
		return g.hyp[len(g.hyp)-1].Piece
	}
	pieces := a.ref[i-1].Variants[a.chosen[i-1]]
	return pieces[len(pieces)-1]
}

// after returns the first piece after word i, of the text or of what was recognized in its
// place, and blank at the end.
func (a *aligner) after(i int) ctc.Piece {
	switch g := a.substituted[i+1]; {
	case i+1 == len(a.ref):
		return a.e.Vocabulary.Blank()
	case g != nil:
		return g.hyp[0].Piece
	}
	return a.ref[i+1].Variants[a.chosen[i+1]][0]
}

// share is how much of a row at the edge of a word belongs to the word: the probability of
// its piece if that is the row's best, else all that is neither blank nor the neighbouring
// word, since what was misrecognized there is this word.
func (a *aligner) share(t timeline.Row, row []float32, piece, neighbour ctc.Piece) float64 {
	p := math.Exp(float64(row[piece]))
	if a.e.Rows[t].Best == piece {
		return p
	}
	rest := 1 - math.Exp(float64(row[a.e.Vocabulary.Blank()]))
	if neighbour != a.e.Vocabulary.Blank() && neighbour != piece {
		rest -= math.Exp(float64(row[neighbour]))
	}
	return max(p, rest)
}

// distribute divides the time of a mismatch among its words by the length of their texts.
// Deleted words get none and stand at its beginning. Room is the whole recording.
func distribute(words []Word, m Mismatch, room Span) {
	part := words[m.From:m.To]
	if m.Verdict == Deletion {
		m.Span.End = m.Span.Start
	}
	if m.From > 0 { // the span of a mismatch may overlap its neighbours' refined edges
		room.Start = words[m.From-1].Span.End
	}
	if m.To < len(words) {
		room.End = words[m.To].Span.Start
	}
	span := m.Span.within(room)
	total, done := 0, 0
	for i := range part {
		total += utf8.RuneCountInString(part[i].Text) + 1
	}
	at := func(n int) timeline.Sample {
		return span.Start + (span.End-span.Start)*timeline.Sample(n)/timeline.Sample(total)
	}
	for i := range part {
		start := at(done)
		done += utf8.RuneCountInString(part[i].Text) + 1
		part[i].Span = Span{start, at(done)}
		part[i].Spike = part[i].Span
	}
}
