package beam

import (
	"github.com/asr-backend/asr-backend/asr/ctc"
	"github.com/asr-backend/asr-backend/timeline"
)

// Decoder reads the rows of one channel of a recording, in order. It is for one goroutine.
// Its memory does not depend on the length of the recording.
type Decoder struct {
	search  *Search
	measure *ctc.Measure
	least   float64 // what a candidate of the row must be worth
	at      timeline.Row
	score   float64 // natural log of what texts' sums are relative to
	texts   []text  // the most probable first
	spare   []text
	table   table
	order   []ranked
	closed  []int32 // of each path of texts, its trace with its last token, or none
	inRow   []int32 // of each piece, its number among the row's, from 1 on
	pieces  []scored
	traces  traces
	words   wordTree
	said    progress // of the tokens in out
	out     []ctc.Token
}

// commitEvery is how often, in rows, it is asked what is decided.
const commitEvery = 32

// Decoder returns a Decoder for a recording whose first row is numbered start.
func (s *Search) Decoder(start timeline.Row) *Decoder {
	d := &Decoder{search: s, measure: ctc.NewMeasure(len(s.surfaces) + 1)}
	d.inRow = make([]int32, len(s.surfaces)+1)
	d.closed = make([]int32, 2*s.o.Width)
	d.Reset(start)
	return d
}

// Reset makes the Decoder ready for another recording. Its memory is used again.
func (d *Decoder) Reset(start timeline.Row) {
	s := d.search
	d.at, d.score, d.out = start, 0, d.out[:0]
	d.traces.reset()
	d.words.reset()
	d.said = progress{}
	t := text{last: s.blank, blank: 1, rest: path{prob: 1}, phrase: open}
	t.state = s.begin()
	if s.o.Phrases == nil {
		t.phrase = 0
	}
	d.texts = append(d.texts[:0], t)
	d.traces.retain(&d.texts[0].rest)
	d.words.retain(0)
}

// After makes a Decoder that was just Reset go on after words that were said before.
func (d *Decoder) After(words []string) {
	for _, w := range words {
		d.texts[0].state = d.search.after(d.texts[0].state, w)
	}
}

// pass takes a row in which nothing but blank is tried.
func (d *Decoder) pass(blank float64) {
	d.score += blank
	for i := range d.texts {
		t := &d.texts[i]
		t.blank, t.piece = t.sum(), 0
		if best, _ := t.likelier(i); best == &t.run {
			d.traces.release(&t.rest)
			t.rest = t.run
		} else {
			d.traces.release(&t.run)
		}
		t.run = path{}
	}
}

// commit decides the tokens of the words that all texts have in common. What has been undecided
// for too long is decided for the best text, and others that disagree are dropped.
func (d *Decoder) commit() {
	for {
		best, _ := d.texts[0].likelier(0)
		said, words := d.said, d.words.common()
		d.decide(best, d.texts[0].words, func(t *ctc.Token) bool {
			said.pass(&d.search.surfaces[t.Piece])
			return said.words < words
		})
		rest := d.traces.undecided(best)
		if len(rest) == 0 || d.traces.all[rest[0]].token.Last >= d.at-d.search.o.Lookback {
			return
		}
		d.insist(rest[0])
	}
}

// decide commits the settled tokens of a path, which is of the text of a node.
func (d *Decoder) decide(p *path, node int32, settled func(*ctc.Token) bool) {
	from := len(d.out)
	d.out = d.traces.commit(d.out, p, settled)
	d.judge(d.out[from:], &d.said, node)
	d.words.trim(d.said.words)
}

// insist decides the trace x, a child of the root, and drops all paths that do not go through it.
func (d *Decoder) insist(x int32) {
	node := d.node(&d.texts[0])
	d.words.retain(node)
	sum := d.texts[0].sum()
	kept := d.texts[:0]
	for i := range d.texts {
		t := d.texts[i]
		for _, p := range []*path{&t.rest, &t.run} {
			if p.prob > 0 && !d.traces.through(p, x) {
				d.traces.release(p)
				*p = path{}
			}
		}
		if t.rest.prob > 0 || t.run.prob > 0 {
			kept = append(kept, t)
			continue
		}
		d.words.differ(node, t.words, t.lastWord(), float32(t.sum()/sum))
		d.words.release(t.words)
	}
	d.texts = kept
	best, _ := d.texts[0].likelier(0)
	one := true
	d.decide(best, node, func(*ctc.Token) bool {
		first := one
		one = false
		return first
	})
	d.words.release(node)
}

// Take returns the tokens that were decided since the last call. The slice is valid until
// the next row.
func (d *Decoder) Take() []ctc.Token {
	out := d.out
	d.out = d.out[:0]
	return out
}
