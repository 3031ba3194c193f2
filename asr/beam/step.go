package beam

import (
	"math"

	"github.com/asr-backend/asr-backend/asr/ctc"
)

// scored is a piece of a row.
type scored struct {
	piece      ctc.Piece
	prob       float64
	logProb    float32
	confidence float32
}

// candidate is a text of the next row, before the best are chosen.
type candidate struct {
	hash, word   uint64
	last         ctc.Piece
	node         place
	phrase       int32
	from         int32 // the text whose state it takes,
	ended        bool  // after the end of that one's word
	begun        bool
	fresh        bool // run begins a token in this row, after path before
	before       int32
	blank, piece float64
	rest, run    path
}

// step takes a row of blank and pieces, which are in the order of their probabilities.
func (d *Decoder) step(pieces []scored, blank float64) {
	d.table.clear()
	for i := range pieces {
		d.inRow[pieces[i].piece] = int32(i + 1)
	}
	d.least = d.surely(pieces, blank) * d.search.prune
	least := d.least / d.slack(pieces)
	for i := range d.texts {
		t := &d.texts[i]
		sum := t.sum()
		for k := range pieces {
			p := &pieces[k]
			if sum*p.prob < least {
				break
			}
			if p.piece != t.last {
				from, number := t.likelier(i)
				d.extend(i, p, sum, from, number)
			} else if t.blank*p.prob >= least {
				d.extend(i, p, t.blank, &t.rest, int32(2*i))
			}
		}
		var again *scored
		if t.last != d.search.blank && d.inRow[t.last] > 0 {
			again = &pieces[d.inRow[t.last]-1]
		}
		d.stay(i, blank, again)
	}
	for i := range pieces {
		d.inRow[pieces[i].piece] = 0
	}
	d.choose()
}

// slack bounds the factor of one step beyond what its row says. A piece may pay for each of its
// letters, and for the space before it.
func (d *Decoder) slack(pieces []scored) float64 {
	bound := d.search.surprise()
	if g := d.search.o.Phrases; g != nil {
		longest := 0
		for i := range pieces {
			longest = max(longest, len(d.search.surfaces[pieces[i].piece].text))
		}
		bound *= min(math.Pow(g.most, float64(longest+1)), math.Exp(maxBonus))
	}
	return bound
}

// surely returns what a text of the next row is worth at least: the best one without its loan as
// it stays.
func (d *Decoder) surely(pieces []scored, blank float64) float64 {
	best, own := 0, 0.0
	for i := range d.texts {
		if v := d.texts[i].sum() / d.search.owed(d.texts[i].phrase); v > own {
			best, own = i, v
		}
		if d.search.o.Phrases == nil {
			break
		}
	}
	t := &d.texts[best]
	v := t.sum() * blank
	if k := d.inRow[t.last]; k > 0 {
		v += t.piece * pieces[k-1].prob
	}
	return v / d.search.owed(t.phrase)
}

// stay adds the text itself, after blank or after its last piece again.
func (d *Decoder) stay(i int, blank float64, again *scored) {
	t := &d.texts[i]
	c, _ := d.table.get(t.hash, t.last, t.begun)
	c.word, c.node, c.phrase = t.word, t.node, t.phrase
	c.from, c.ended = int32(i), false
	c.blank += t.sum() * blank
	best, _ := t.likelier(i)
	if p := best.prob * blank * d.search.unpenalised; p > c.rest.prob {
		c.rest = *best
		c.rest.prob = p
	}
	if again == nil {
		return
	}
	c.piece += t.piece * again.prob
	if p := t.run.prob * again.prob; p > c.run.prob {
		c.run = t.run
		c.run.prob, c.fresh = p, false
		c.run.again(d.at, again)
	}
}

// extend adds the text followed by a piece.
func (d *Decoder) extend(i int, p *scored, prob float64, from *path, number int32) {
	s, t := d.search, &d.texts[i]
	f := &s.surfaces[p.piece]
	node, phrase, factor := t.node, t.phrase, 1.0
	if s.o.Phrases != nil {
		phrase, factor = s.o.Phrases.walk(phrase, f, t.begun)
		if prob*p.prob*factor*d.search.surprise() < d.least {
			return
		}
	}
	ended := f.starts && t.begun
	begun := t.begun && !f.starts || len(f.text) > 0
	if f.starts {
		if ended {
			factor *= d.endOf(t).factor
		}
		node = place{}
	}
	if s.o.Lexicon != nil && begun {
		if !f.starts && t.begun {
			factor /= s.ahead(node, t.phrase)
		}
		node = s.walk(node, f)
		factor *= s.ahead(node, phrase)
	}
	if factor *= prob * p.prob; factor < d.least/several {
		return
	}
	hash, word := f.follow(t.hash, t.word, t.begun)
	c, added := d.table.get(hash, p.piece, begun)
	if added {
		c.word, c.node, c.phrase, c.from, c.ended = word, node, phrase, int32(i), ended
	}
	c.piece += factor
	if v := from.prob * p.prob; v > c.run.prob {
		c.run = path{prob: v, first: d.at, last: d.at, sum: p.logProb, confidence: p.confidence}
		c.before, c.fresh = number, true
	}
}

// several is how many ways to one text may be too weak each and strong enough together.
const several = 4

// endOf returns what the end of a text's last word is worth.
func (d *Decoder) endOf(t *text) *ending {
	e, s := &t.end, d.search
	if e.known {
		return e
	}
	*e = ending{known: true, factor: s.bonus, state: t.state}
	if s.o.Lexicon == nil {
		return e
	}
	if t.node == (place{}) { // marks alone are no word
		e.factor = 1
		return e
	}
	listed := s.o.Phrases != nil && s.o.Phrases.next(t.phrase, ' ') > open
	var log10 float32
	log10, e.state = s.score(t.state, t.node, listed)
	e.factor *= math.Exp(s.nats*float64(log10)) / s.ahead(t.node, t.phrase)
	return e
}
