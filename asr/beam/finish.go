package beam

import (
	"math"
	"slices"

	"github.com/asr-backend/asr-backend/asr/ctc"
)

// Hypothesis is a text at the end of a recording.
type Hypothesis struct {
	// Tokens are those of its best path that were not decided before.
	Tokens []ctc.Token
	// Score is the natural logarithm of the probability of all its paths, together with
	// the weighted language model and all bonuses.
	Score float64
}

// All asks Finish for all texts.
const All = math.MaxInt

// Best ends the recording and returns those tokens of the best text that Take has not returned.
// The slice is valid until the next Reset, without which the Decoder must not be used again.
func (d *Decoder) Best() []ctc.Token {
	best := d.Finish(1)[0]
	return append(d.Take(), best.Tokens...)
}

// Finish ends the recording and returns up to n texts, the best first. The Decoder must be
// Reset before it is used again.
func (d *Decoder) Finish(n int) []Hypothesis {
	d.commit()
	var finals []final
	for i := range d.texts {
		t := &d.texts[i]
		f := final{text: i, sum: t.sum() * d.endOfText(t), last: t.last}
		f.best, _ = t.likelier(i)
		at := slices.IndexFunc(finals, func(o final) bool { return d.texts[o.text].hash == t.hash })
		if at < 0 {
			finals = append(finals, f)
			continue
		}
		o := &finals[at]
		o.sum += f.sum
		if f.best.prob > o.best.prob {
			o.best, o.last = f.best, f.last
		}
	}
	slices.SortStableFunc(finals, func(a, b final) int { return compareRanked(ranked{sum: a.sum}, ranked{sum: b.sum}) })
	d.compare(finals)
	out := make([]Hypothesis, 0, min(n, len(finals)))
	for _, f := range finals[:min(n, len(finals))] {
		h := Hypothesis{Score: d.score + math.Log(f.sum)}
		for _, id := range d.traces.undecided(f.best) {
			h.Tokens = append(h.Tokens, d.traces.all[id].token)
		}
		if f.last != d.search.blank {
			p := f.best
			h.Tokens = append(h.Tokens, ctc.Token{Piece: f.last, First: p.first, Last: p.last, LogProb: p.sum / float32(p.last-p.first+1), Confidence: p.confidence})
		}
		said := d.said
		d.judge(h.Tokens, &said, d.node(&d.texts[f.text]))
		out = append(out, h)
	}
	return out
}

// endOfText returns the factor of the end of a text.
func (d *Decoder) endOfText(t *text) float64 {
	s, factor, state := d.search, 1.0, t.state
	if t.begun {
		e := d.endOf(t)
		factor, state = e.factor, e.state
	}
	if s.o.Phrases != nil {
		factor *= s.o.Phrases.end(t.phrase, t.begun)
	}
	if s.o.Lexicon != nil {
		factor *= math.Exp(s.nats * float64(s.endOfSentence(state)))
	}
	return factor
}
