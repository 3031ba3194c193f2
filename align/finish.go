package align

import (
	"cmp"
	"math"
	"slices"
	"strings"
	"unicode/utf8"

	"asr-backend/align/viterbi"
	"asr-backend/asr/ctc"
	"asr-backend/timeline"
)

// finish gives all words their times and verdicts.
func (a *aligner) finish() (*Alignment, error) {
	out := &Alignment{Words: make([]Word, len(a.script))}
	for i := range out.Words {
		out.Words[i].Text = a.script[i].Text
	}
	a.tear()
	a.overheard()
	holes := a.holes()
	a.stead = make(map[int]*hole)
	for i := range holes {
		g := &holes[i]
		v := g.verdict()
		for w := g.From; w < g.To; w++ {
			out.Words[w].Verdict = v
		}
		if v != Differs {
			continue
		}
		if g.single() {
			a.stead[g.From] = g
		} else if err := a.force(g); err != nil {
			return nil, err
		}
	}
	a.place(out.Words)
	for i := range holes {
		g := &holes[i]
		if g.verdict() == Matches {
			continue
		}
		s := a.stretch(g, out.Words)
		out.Stretches = append(out.Stretches, s)
		if g.From < g.To && a.spans[g.From] == nil && a.stead[g.From] == nil {
			shareOut(out.Words, s, a.h.bounds())
		}
	}
	a.unspellable(out)
	return out, nil
}

// tear takes words whose pieces were found on both sides of a pause out again: part of
// such a word is something else, as nobody pauses in a word for so long.
func (a *aligner) tear() {
	for w, spans := range a.spans {
		if from, to := whole(spans); to-from == len(spans) {
			continue
		}
		d := viterbi.Dropped{First: spans[0].First, End: spans[len(spans)-1].Last + 1, From: w, To: w + 1}
		at, _ := slices.BinarySearchFunc(a.dropped, w, func(d viterbi.Dropped, w int) int { return cmp.Compare(d.To, w+1) })
		a.dropped = slices.Insert(a.dropped, at, d)
		a.spans[w] = nil
	}
}

// overheardPrice is how much less probable than what was heard between two words it must
// be that nothing was said there, in nats, for that to be told.
const overheardPrice = 6.0

// overheard finds words between two others that the text lacks. They are so short that the
// best path passes them over as if nothing had been said: an exception would cost more.
func (a *aligner) overheard() {
	var found []viterbi.Dropped
	told := make([]bool, len(a.script)+1)
	for _, d := range a.dropped {
		for w := d.From; w <= d.To; w++ {
			told[w] = true
		}
	}
	next := 0
	for w := range told {
		room, ok := a.between(w)
		if !ok || told[w] {
			continue
		}
		for next < len(a.heard) && a.heard[next].First < room.first {
			next++
		}
		price, from := 0.0, next
		for ; next < len(a.heard) && a.heard[next].Last < room.end; next++ {
			row := &a.h.Rows[a.heard[next].First]
			price += float64(row.LogProb - row.Blank)
		}
		if price >= overheardPrice && strings.HasPrefix(a.h.Vocabulary.Piece(a.heard[from].Piece), ctc.Space) {
			found = append(found, viterbi.Dropped{First: a.heard[from].First, End: a.heard[next-1].Last + 1, From: w, To: w})
		}
	}
	a.dropped = append(a.dropped, found...)
	slices.SortStableFunc(a.dropped, func(x, y viterbi.Dropped) int { return cmp.Or(cmp.Compare(x.From, y.From), cmp.Compare(x.To, y.To)) })
}

// between returns the rows between word w and the one before it, if both are placed.
func (a *aligner) between(w int) (b block, ok bool) {
	b = block{0, timeline.Row(len(a.h.Rows)), w, w}
	if w > 0 {
		before := a.spans[w-1]
		if before == nil {
			return b, false
		}
		b.first = before[len(before)-1].Last + 1
	}
	if w < len(a.script) {
		if a.spans[w] == nil {
			return b, false
		}
		b.end = a.spans[w][0].First
	}
	return b, true
}

// whole returns which pieces of a word stand together: all of them, or, where pauses divide
// them, most of them, and of as many the first.
func whole(spans []viterbi.Span) (from, to int) {
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

// place gives the words that were placed their times and scores. What was heard in the stead
// of a word stands between the others, so that these keep their edges.
func (a *aligner) place(words []Word) {
	var placed []Word
	var at []int // of placed words among all
	for i := range words {
		if g := a.stead[i]; g != nil {
			a.mishear(&words[i], g)
		} else if a.spans[i] != nil {
			a.settle(&words[i], i)
		} else {
			continue
		}
		placed = append(placed, words[i])
		at = append(at, i)
	}
	a.h.place(placed)
	for n, i := range at {
		words[i] = placed[n]
	}
}

// mishear sets the rows of a word to those in which something else was heard.
func (a *aligner) mishear(w *Word, g *hole) {
	w.First, w.Last = g.rows(a.h.First)
	w.edges = [2]float64{a.h.mass(w.First), a.h.mass(w.Last)}
}

// settle sets rows and score of a placed word.
func (a *aligner) settle(w *Word, i int) {
	from, to := whole(a.spans[i])
	spans, pieces := a.spans[i][from:to], a.script[i].Readings[a.chosen[i]][from:to]
	wild := Wildcard(a.h.Vocabulary)
	blank := a.h.Vocabulary.Blank()
	if last := len(spans) - 1; pieces[last] == wild { // a wildcard reaches into silence for nothing
		for spans[last].Last > spans[last].First && a.h.Rows[spans[last].Last].Best == blank {
			spans[last].Last--
		}
	}
	if pieces[0] == wild {
		for spans[0].First < spans[0].Last && a.h.Rows[spans[0].First].Best == blank {
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
	w.First, w.Last = a.h.First+spans[0].First, a.h.First+spans[len(spans)-1].Last
	w.Confidence = float32(sum / float64(max(scored, 1)))
}

// before returns the piece that ends in front of word i, of what stands there, and blank if
// nothing does.
func (a *aligner) before(i int) ctc.Piece {
	switch g := a.stead[i-1]; {
	case i == 0:
		return a.h.Vocabulary.Blank()
	case g != nil:
		return g.heard[len(g.heard)-1].Piece
	}
	pieces := a.script[i-1].Readings[a.chosen[i-1]]
	return pieces[len(pieces)-1]
}

// after returns the piece that begins behind word i, of what stands there, and blank if
// nothing does.
func (a *aligner) after(i int) ctc.Piece {
	switch g := a.stead[i+1]; {
	case i+1 == len(a.script):
		return a.h.Vocabulary.Blank()
	case g != nil:
		return g.heard[0].Piece
	}
	return a.script[i+1].Readings[a.chosen[i+1]][0]
}

// share is how much of a row at the edge of a word is the word: the probability of its
// piece if the model heard that, else what is neither blank nor the word beside it, since
// what the model misheard there is this word.
func (a *aligner) share(t timeline.Row, row []float32, piece, beside ctc.Piece) float64 {
	p := math.Exp(float64(row[piece]))
	if a.h.Rows[t].Best == piece {
		return p
	}
	rest := 1 - math.Exp(float64(row[a.h.Vocabulary.Blank()]))
	if beside != a.h.Vocabulary.Blank() && beside != piece {
		rest -= math.Exp(float64(row[beside]))
	}
	return max(p, rest)
}

// shareOut shares the time of a stretch out among its words, by the length of their
// texts; words that were not said get none, at its beginning. Room is the whole recording.
func shareOut(words []Word, s Stretch, room Span) {
	part := words[s.From:s.To]
	if s.Verdict == Unspoken {
		s.Span.End = s.Span.Start
	}
	if s.From > 0 { // what is heard next to a word may lie within its refined edge
		room.Start = words[s.From-1].Span.End
	}
	if s.To < len(words) {
		room.End = words[s.To].Span.Start
	}
	s.Span = s.Span.within(room)
	total, done := 0, 0
	for i := range part {
		total += utf8.RuneCountInString(part[i].Text) + 1
	}
	at := func(n int) timeline.Sample {
		return s.Span.Start + (s.Span.End-s.Span.Start)*timeline.Sample(n)/timeline.Sample(total)
	}
	for i := range part {
		start := at(done)
		done += utf8.RuneCountInString(part[i].Text) + 1
		part[i].Span = Span{start, at(done)}
		part[i].Spike = part[i].Span
	}
}
