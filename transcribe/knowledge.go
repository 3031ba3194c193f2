package transcribe

import (
	"slices"

	"github.com/asr-backend/asr-backend/asr/beam"
)

// Knowledge is what is known of the language of recordings, such as what a project has learnt
// from its corrections; see package learn.
type Knowledge struct {
	// Version names it. It is all that Options.Version looks at; what has only a Version cannot be
	// transcribed with. An empty one stands for nothing.
	Version string
	// Lexicon is a language model of texts like those of the recordings, and Part its part beside
	// the recognizer's own. It is nil if there is none, and is not used without that one.
	Lexicon *beam.Lexicon
	Part    float32
	// Phrases are expected beside the hotwords.
	Phrases []beam.Phrase
}

func (k *Knowledge) version() string {
	if k == nil {
		return ""
	}
	return k.Version
}

// String says what is known, to follow how texts are found.
func (k *Knowledge) String() string {
	if k.version() == "" {
		return ""
	}
	return ", what the project has learnt (" + k.Version + ")"
}

// phrases returns the graph of all phrases that are expected.
func (o *Options) phrases() (*beam.Phrases, error) {
	if o.Knowledge == nil {
		return beam.NewPhrases(o.Hotwords)
	}
	return beam.NewPhrases(slices.Concat(o.Hotwords, o.Knowledge.Phrases))
}

// apply gives a search the language model. A search of nil stays nil.
func (k *Knowledge) apply(s *beam.Search) (*beam.Search, error) {
	if s == nil || k == nil || k.Lexicon == nil || s.Options().Lexicon == nil {
		return s, nil
	}
	return s.WithOwn(k.Lexicon, k.Part)
}
