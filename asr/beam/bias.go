package beam

import (
	"errors"
	"fmt"
	"math"

	"github.com/asr-backend/asr-backend/asr/ctc"
	"github.com/asr-backend/asr-backend/lm"
)

// Bias is what is known of a text beforehand, for a greedy search over pieces, such as that of a
// transducer: phrases that are expected, and a language model of pieces. It is shallow fusion as
// NeMo does it: where the best piece is not blank, what counts is its score and the bonus of Bias;
// blank stays blank, so that nothing is written where the model finds nothing. It may be used by
// many searches.
//
// References: arXiv:2505.22857 (n-grams in greedy search), arXiv:2508.07014 (phrases).
type Bias struct {
	phrases  *Phrases // or nil
	surfaces []surface
	model    *lm.Model // or nil
	words    []lm.Word // of pieces
	weight   float64
}

// BiasOptions say what a Bias knows.
type BiasOptions struct {
	// Phrases are those that are expected, or nil.
	Phrases *Phrases
	// Model is a language model of pieces, or nil, and Weight its weight.
	Model  *lm.Model
	Weight float32
}

// greedyShare is the part that a phrase's bonus has in a greedy search, which cannot take back a
// piece that led to nothing: measured, see doc/decoding.md.
const greedyShare = 0.3

// DefaultPieceWeight is the weight of a language model of pieces, that of NeMo's examples.
const DefaultPieceWeight = 0.2

// NewBias returns a Bias for a vocabulary, or nil if nothing is known.
func NewBias(v *ctc.Vocabulary, o BiasOptions) (*Bias, error) {
	if o.Phrases == nil && o.Model == nil {
		return nil, nil
	}
	b := &Bias{phrases: o.Phrases, surfaces: surfaces(v), model: o.Model, weight: float64(o.Weight) * math.Ln10}
	if o.Model == nil {
		return b, nil
	}
	if !(o.Weight > 0) {
		return nil, fmt.Errorf("beam: weight %v of a language model; want more than 0", o.Weight)
	}
	known := 0
	for _, p := range v.Pieces() {
		w, ok := o.Model.Word(p)
		if ok {
			known++
		}
		b.words = append(b.words, w)
	}
	if known < len(b.words)/2 {
		return nil, errors.New("beam: the language model has hardly any of the model's pieces; it is of another model's, or of words")
	}
	return b, nil
}

// BiasState is what a Bias needs to know of the pieces so far.
type BiasState struct {
	node  int32 // of the phrases
	begun bool  // the text ends in a letter
	lm    lm.State
}

// Start returns the state before the first piece.
func (b *Bias) Start() BiasState {
	var s BiasState
	if b.phrases != nil {
		s.node = open
	}
	if b.model != nil {
		s.lm = b.model.Begin()
	}
	return s
}

// Best returns the best piece after a state, given the scores of all pieces, which differ from
// log-probabilities by a constant at most; of equals the first.
func (b *Bias) Best(s BiasState, scores []float32) ctc.Piece {
	best, top := 0, math.Inf(-1)
	for i, v := range scores {
		if score := float64(v) + b.bonus(s, i); score > top {
			best, top = i, score
		}
	}
	return ctc.Piece(best)
}

// bonus is what a piece gains after a state, in nats.
func (b *Bias) bonus(s BiasState, piece int) (bonus float64) {
	if x := &b.surfaces[piece]; b.phrases != nil && !x.never {
		_, f := b.phrases.walk(s.node, x, s.begun)
		bonus = greedyShare * math.Log(f)
	}
	if b.model != nil {
		log10, _ := b.model.Score(s.lm, b.words[piece])
		bonus += b.weight * float64(log10)
	}
	return bonus
}

// Next returns the state after a piece.
func (b *Bias) Next(s BiasState, piece ctc.Piece) BiasState {
	if x := &b.surfaces[piece]; b.phrases != nil && !x.never {
		s.node, _ = b.phrases.walk(s.node, x, s.begun)
		s.begun = s.begun && !x.starts || len(x.text) > 0
	}
	if b.model != nil {
		_, s.lm = b.model.Score(s.lm, b.words[piece])
	}
	return s
}
