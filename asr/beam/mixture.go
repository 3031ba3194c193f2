package beam

import (
	"math"

	"github.com/asr-backend/asr-backend/lm"
)

// A search may have two language models: a general one, and one of texts like those of the
// recordings, which is small. Their mixture is made while texts are scored, so that the small one
// can be another for each project while the general one is shared:
//
//	p(w|h) = (1-λ) · general(w|h) + λ · own(w|h)                where own knows w
//	p(w|h) = general(w|h) · (1-λ + λ · own(<unk>|h))            elsewhere
//
// so that the own model leaves the words that it does not know to the general one.

// place is where the letters of a word are in the trees of both lexicons, see Lexicon.walk.
type place struct{ general, own int32 }

// history is what both models need to know of the words so far.
type history struct{ general, own lm.State }

// WithOwn returns a Search that differs in Options.Own and OwnWeight; both share their tables.
func (s *Search) WithOwn(own *Lexicon, weight float32) (*Search, error) {
	with := *s
	with.o.Own, with.o.OwnWeight = own, weight
	if err := with.o.validate(); err != nil {
		return nil, err
	}
	with.mix()
	return &with, nil
}

// mix prepares the own lexicon.
func (s *Search) mix() {
	l := s.o.Own
	if l == nil {
		s.ownLook, s.ownPart = nil, 0
		return
	}
	s.ownPart = float64(s.o.OwnWeight)
	part := float32(math.Log10(s.ownPart))
	s.ownLook = make([]float32, len(l.best))
	for i, b := range l.best {
		s.ownLook[i] = float32(s.expect(part + b))
	}
}

// begin returns the history of a text without words.
func (s *Search) begin() (h history) {
	if s.o.Lexicon != nil {
		h.general = s.o.Lexicon.model.Begin()
	}
	if s.o.Own != nil {
		h.own = s.o.Own.model.Begin()
	}
	return h
}

// walk follows the letters of a piece from a place.
func (s *Search) walk(p place, f *surface) place {
	p.general = s.o.Lexicon.walk(p.general, f)
	if s.o.Own != nil {
		p.own = s.o.Own.walk(p.own, f)
	}
	return p
}

// ahead is the factor of what is expected of a word that is not complete.
func (s *Search) ahead(p place, phrase int32) float64 {
	var factor float64
	switch {
	case s.look == nil:
		return 1
	case p.general >= 0:
		factor = float64(s.look[p.general])
	case p.general == apart || phrase > open:
		factor = s.listed
	default:
		factor = s.unknown
	}
	if s.ownLook != nil && p.own > 0 {
		factor = max(factor, float64(s.ownLook[p.own]))
	}
	return factor
}

// score returns the base-10 logarithm of the probability of the word that ends at a place, and the
// history after it. Listed says that a phrase has the word.
func (s *Search) score(h history, p place, listed bool) (log10 float32, next history) {
	l := s.o.Lexicon
	word := l.wordAt(p.general)
	log10, next.general = l.model.Score(h.general, word)
	known := word != lm.Unknown || p.general == apart || listed
	if s.o.Own == nil {
		if !known {
			log10 += s.o.Unknown
		}
		return log10, next
	}
	own := s.o.Own.wordAt(p.own)
	var ownLog10 float32
	ownLog10, next.own = s.o.Own.model.Score(h.own, own)
	if !known && own == lm.Unknown {
		log10 += s.o.Unknown
	}
	if own == lm.Unknown {
		return log10 + float32(math.Log10(1-s.ownPart+s.ownPart*power(ownLog10))), next
	}
	general := 0.0
	if word != lm.Unknown {
		general = (1 - s.ownPart) * power(log10)
	}
	return float32(math.Log10(general + s.ownPart*power(ownLog10))), next
}

func power(log10 float32) float64 { return math.Pow(10, float64(log10)) }

// after returns the history after a word.
func (s *Search) after(h history, word string) history {
	for _, m := range []struct {
		l *Lexicon
		h *lm.State
	}{{s.o.Lexicon, &h.general}, {s.o.Own, &h.own}} {
		if m.l != nil {
			id, _ := m.l.model.Word(m.l.model.Fold(word)) // an unknown word is one too
			_, *m.h = m.l.model.Score(*m.h, id)
		}
	}
	return h
}

// endOfSentence returns the base-10 logarithm of the probability that a sentence ends.
func (s *Search) endOfSentence(h history) float32 {
	log10 := s.o.Lexicon.model.End(h.general)
	if s.o.Own == nil {
		return log10
	}
	return float32(math.Log10((1-s.ownPart)*power(log10) + s.ownPart*power(s.o.Own.model.End(h.own))))
}
