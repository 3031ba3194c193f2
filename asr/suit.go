package asr

import (
	"fmt"

	"github.com/asr-backend/asr-backend/lm"
)

// For returns the settings that mean something for a bundle, for a program that uses several models
// with one set of settings: a transducer has no beam, no word bonus and no penalty of blank, and a
// language model must be of its units. What is left out for that is said in a few words.
func (d Decoding) For(b *Bundle) (_ Decoding, leftOut string, err error) {
	units := lm.Words
	if b.Transducer != nil {
		d.WordBonus, d.BlankPenalty, d.Beam = nil, nil, 0
		units = lm.Pieces
	}
	l := d.LanguageModel(b)
	if l == nil || l.Own {
		return d, "", nil
	}
	m, err := l.Open()
	if err != nil {
		return d, "", err
	}
	if found := m.Facts().Units; found != units {
		d.LM = LMNone
		leftOut = fmt.Sprintf("the language model %s is one of %s, and %s needs one of %s", l, found, b.Card.Name, units)
	}
	if err := m.Close(); err != nil {
		return d, "", fmt.Errorf("close the language model: %w", err)
	}
	return d, leftOut, nil
}
