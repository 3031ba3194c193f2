package beam

import (
	"math"

	"github.com/asr-backend/asr-backend/asr/ctc"
)

// choose makes the best candidates the texts of the next row.
func (d *Decoder) choose() {
	best, own, most := 0.0, 0.0, 0.0
	for i := range d.table.all {
		c := &d.table.all[i]
		best = max(best, c.blank+c.piece)
		own = max(own, (c.blank+c.piece)/d.search.owed(c.phrase))
	}
	if !(best > 0) { // no text can be written
		d.pass(0)
		return
	}
	d.order = d.order[:0]
	for i := range d.table.all {
		c := &d.table.all[i]
		if sum := c.blank + c.piece; sum >= own*d.search.prune && (c.rest.prob > 0 || c.run.prob > 0) {
			d.order = append(d.order, ranked{sum, int32(i)})
		}
	}
	for i := range d.closed {
		d.closed[i] = none
	}
	d.spare = d.spare[:0]
	d.fill(best)
	for i := range d.spare {
		most = max(most, d.spare[i].rest.prob, d.spare[i].run.prob)
	}
	for i := range d.spare {
		d.spare[i].rest.prob /= most
		d.spare[i].run.prob /= most
	}
	for i := range d.texts {
		d.traces.release(&d.texts[i].rest)
		d.traces.release(&d.texts[i].run)
		d.words.release(d.texts[i].words)
	}
	d.texts, d.spare = d.spare, d.texts
	d.score += math.Log(best)
}

// One in reserve of the beam is filled without regard to loans: texts that have not
// begun a phrase would else find no place beside many that have.
const reserve = 4 // a quarter

// fill makes the best candidates of d.order texts of the next row.
func (d *Decoder) fill(best float64) {
	width := d.search.o.Width
	if d.search.o.Phrases == nil {
		d.take(d.order, width, best)
		return
	}
	left := d.order[d.take(d.order, width-width/reserve, best):]
	for i := range left {
		left[i].sum /= d.search.owed(d.table.all[left[i].index].phrase)
	}
	d.take(left, width, best)
}

// take makes candidates texts of the next row, in their order, until there are as many as width. It
// returns how many it looked at; they are the first of the slice then.
func (d *Decoder) take(order []ranked, width int, best float64) int {
	// Half of them may turn out to be alike.
	first := top(order, 2*d.search.o.Width)
	for i, r := range first {
		c := &d.table.all[r.index]
		if k := d.alike(c); k >= 0 {
			d.giveUp(c, &d.spare[k], (c.blank+c.piece)/best)
			continue
		}
		if len(d.spare) == width {
			return i
		}
		d.spare = append(d.spare, d.survivor(c, 1/best))
	}
	return len(first)
}

// alike returns the place of a better text whose future is that of the candidate, or -1: what
// follows is worth the same for both.
func (d *Decoder) alike(c *candidate) int {
	if d.search.o.Histories {
		return -1
	}
	state := d.stateOf(c)
	for i := range d.spare {
		t := &d.spare[i]
		if t.word == c.word && t.last == c.last && t.begun == c.begun && t.phrase == c.phrase && t.state == state {
			return i
		}
	}
	return -1
}

func (d *Decoder) stateOf(c *candidate) history {
	if c.ended {
		return d.texts[c.from].end.state
	}
	return d.texts[c.from].state
}

// survivor makes a text of a candidate.
func (d *Decoder) survivor(c *candidate, scale float64) text {
	from := &d.texts[c.from]
	t := text{
		hash: c.hash, word: c.word, last: c.last, node: c.node, phrase: c.phrase, begun: c.begun,
		blank: c.blank * scale, piece: c.piece * scale, rest: c.rest, run: c.run,
	}
	switch {
	case c.ended:
		t.state = from.end.state
	case c.hash == from.hash && c.begun == from.begun:
		t.state, t.end = from.state, from.end
	default:
		t.state = from.state
	}
	if c.fresh && c.run.prob > 0 {
		t.run.trace = d.close(c.before)
	}
	d.traces.retain(&t.rest)
	d.traces.retain(&t.run)
	if t.words = from.words; c.ended {
		t.words = d.words.after(from.words, from.word)
	}
	d.words.retain(t.words)
	return t
}

// close returns the trace of a path of the row before whose last token is complete.
func (d *Decoder) close(number int32) int32 {
	t := &d.texts[number/2]
	p := &t.rest
	if number%2 == 1 {
		p = &t.run
	}
	if t.last == d.search.blank {
		return p.trace // nothing was said yet
	}
	if d.closed[number] == none {
		d.closed[number] = d.traces.add(ctc.Token{
			Piece: t.last, First: p.first, Last: p.last,
			LogProb: p.sum / float32(p.last-p.first+1), Confidence: p.confidence,
		}, p.trace)
	}
	return d.closed[number]
}
