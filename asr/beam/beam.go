package beam

import (
	"errors"
	"fmt"
	"math"

	"github.com/asr-backend/asr-backend/asr/ctc"
	"github.com/asr-backend/asr-backend/timeline"
)

// Options say how to search. The zero value searches without a language model and phrases.
type Options struct {
	// Lexicon is the language model, or nil.
	Lexicon *Lexicon
	// Own is a language model of texts like those of the recordings, or nil. It needs a Lexicon
	// beside it, and OwnWeight is its part of the mixture, between 0 and 1.
	Own       *Lexicon
	OwnWeight float32
	// Phrases are what is expected, or nil.
	Phrases *Phrases

	// Weight is that of the language model, whose natural logarithms it multiplies; 0 means
	// DefaultWeight.
	Weight float32
	// Bonus is added for each word, in nats.
	Bonus float32
	// Unknown is added for each word that the language model does not have, in log10 and
	// before Weight; it is not positive. 0 means DefaultUnknown.
	Unknown float32
	// BlankPenalty is subtracted from the log-probability of blank in rows in which pieces are
	// tried, in nats. Models leave out sounds that they are unsure of; with a language model to
	// choose among pieces it is better to try them.
	BlankPenalty float32

	// Width is how many texts are followed; 0 means DefaultWidth.
	Width int
	// Prune is how many nats a text may be behind the best; 0 means DefaultPrune.
	Prune float32
	// RowPrune is the least log-probability of a piece that is tried, unless it is the best
	// of its row; 0 means DefaultRowPrune.
	RowPrune float32
	// Pieces is how many pieces of a row are tried, the most probable ones, beside blank; 0
	// means all.
	Pieces int
	// Histories follows texts whose future is the same side by side. Without it only the
	// best of them is, and the others are not among the results.
	Histories bool
	// Lookback is how many rows a token may be undecided; 0 means DefaultLookback.
	Lookback timeline.Row
}

// Defaults of Options.
const (
	DefaultWeight   = 0.5
	DefaultBonus    = 0.5 // for a search with a language model
	DefaultUnknown  = -8
	DefaultWidth    = 64
	DefaultPrune    = 12
	DefaultRowPrune = -6
	DefaultLookback = 375 // 30 s
)

// maxWidth bounds Options.Width.
const maxWidth = 1 << 14

// Check returns what is wrong with the options, or nil.
func (o Options) Check() error { return o.validate() }

func (o *Options) validate() error {
	set := func(v *float32, otherwise float32) {
		if *v == 0 {
			*v = otherwise
		}
	}
	set(&o.Weight, DefaultWeight)
	set(&o.Unknown, DefaultUnknown)
	set(&o.Prune, DefaultPrune)
	set(&o.RowPrune, DefaultRowPrune)
	if o.Width == 0 {
		o.Width = DefaultWidth
	}
	if o.Lookback == 0 {
		o.Lookback = DefaultLookback
	}
	switch {
	case o.Own != nil && o.Lexicon == nil:
		return errors.New("beam: a language model of the recordings' own texts without a general one")
	case o.Own != nil && !(o.OwnWeight > 0 && o.OwnWeight < 1):
		return fmt.Errorf("beam: the recordings' own texts have part %v of the language model; want more than 0 and less than 1", o.OwnWeight)
	case !(o.Weight > 0 && o.Weight <= 10):
		return fmt.Errorf("beam: weight %v of the language model; want more than 0 and at most 10", o.Weight)
	case !(o.Bonus >= -20 && o.Bonus <= 20):
		return fmt.Errorf("beam: bonus of %v for a word; want -20 to 20", o.Bonus)
	case !(o.Unknown >= -100 && o.Unknown < 0):
		return fmt.Errorf("beam: %v for an unknown word; want less than 0 and at least -100", o.Unknown)
	case !(o.BlankPenalty >= 0 && o.BlankPenalty <= 20):
		return fmt.Errorf("beam: penalty of %v for blank; want 0 to 20", o.BlankPenalty)
	case o.Width < 1 || o.Width > maxWidth:
		return fmt.Errorf("beam: width %d; want 1 to %d", o.Width, maxWidth)
	case !(o.Prune > 0 && o.Prune <= 200):
		return fmt.Errorf("beam: pruning at %v nats; want more than 0 and at most 200", o.Prune)
	case !(o.RowPrune < 0):
		return fmt.Errorf("beam: pieces of a row from %v on; want less than 0", o.RowPrune)
	case o.Pieces < 0:
		return fmt.Errorf("beam: %d pieces of a row; want 0 or more", o.Pieces)
	case o.Lookback < 1:
		return fmt.Errorf("beam: lookback of %d rows; want 1 or more", o.Lookback)
	}
	return nil
}

// Search is what all recordings of a model share. It may be used by many goroutines.
type Search struct {
	o        Options
	blank    ctc.Piece
	surfaces []surface
	nats     float64   // of a unit of log10 of the language model
	look     []float32 // the factor of the best word at or below each node of the lexicon
	ownLook  []float32 // the same of the own lexicon, with its part
	ownPart  float64   // of the mixture
	unknown  float64   // the factor of an unknown word, expected
	listed   float64   // the same if a phrase has it
	prune    float64
	bonus    float64 // the factor of a word
	// unpenalised takes back the penalty of blank: when something was said is what the rows say.
	unpenalised float64
}

// New returns a Search for the pieces of a vocabulary.
func New(v *ctc.Vocabulary, o Options) (*Search, error) {
	if err := o.validate(); err != nil {
		return nil, err
	}
	s := &Search{o: o, blank: v.Blank(), surfaces: surfaces(v), prune: math.Exp(-float64(o.Prune)), bonus: math.Exp(float64(o.Bonus)),
		unpenalised: math.Exp(float64(o.BlankPenalty))}
	if l := o.Lexicon; l != nil {
		s.nats = float64(o.Weight) * math.Ln10
		s.look = make([]float32, len(l.best))
		for i, b := range l.best {
			s.look[i] = float32(s.expect(b))
		}
		s.look[0] = 1
		s.listed = s.expect(l.model.Unigram(0))
		s.unknown = s.expect(l.model.Unigram(0) + o.Unknown)
	}
	s.mix()
	return s, nil
}

// expect returns the factor of a probability in log10. It is never zero, so that it can be
// taken back; what is less probable counts fully once its word is complete.
func (s *Search) expect(log10 float32) float64 {
	return math.Exp(max(s.nats*float64(log10), -80))
}

// Options returns the options of the search, with the defaults of those that were zero.
func (s *Search) Options() Options { return s.o }

// WithPhrases returns a Search that differs in the phrases; both share their tables.
func (s *Search) WithPhrases(p *Phrases) *Search {
	with := *s
	with.o.Phrases = p
	return &with
}

// WithHistories returns a Search with Options.Histories that decides nothing before the end; both
// share their tables.
func (s *Search) WithHistories() *Search {
	with := *s
	with.o.Histories, with.o.Lookback = true, math.MaxInt32
	return &with
}

// surprise bounds the factor of one step beyond what its row and the phrases say. A word may be
// likelier than it was expected to be; more than this is rare.
func (s *Search) surprise() float64 {
	bound := max(1, s.bonus)
	if s.o.Lexicon != nil {
		bound *= 8
	}
	return bound
}

// owed is the factor of what a text pays back that leaves the phrases.
func (s *Search) owed(phrase int32) float64 {
	if s.o.Phrases == nil {
		return 1
	}
	return float64(s.o.Phrases.loan[phrase])
}
