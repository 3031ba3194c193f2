package learn

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"slices"

	"github.com/asr-backend/asr-backend/asr/beam"
	"github.com/asr-backend/asr-backend/lm"
	"github.com/asr-backend/asr-backend/lm/build"
)

// Knowledge is what is known of the language of a project. The zero value is nothing.
type Knowledge struct {
	// Model is a language model of words in the format of package lm, compressed; empty: there
	// is none.
	Model []byte `json:"model,omitempty"`
	// Part is that of the model in the mixture with the general one, between 0 and 1.
	Part float32 `json:"part,omitempty"`
	// Phrases are those that are expected, and PhraseWeight the bonus of each; see beam.Phrase. With
	// a weight of 0 they are not expected.
	Phrases      []Phrase `json:"phrases,omitempty"`
	PhraseWeight float32  `json:"phrase_weight,omitempty"`
}

// Digest names what changes texts, in twelve hex digits. It is empty if nothing does.
func (k *Knowledge) Digest() string {
	expected := k.Expected()
	if len(k.Model) == 0 && len(expected) == 0 {
		return ""
	}
	h := sha256.New()
	if err := json.NewEncoder(h).Encode(struct {
		Model   []byte
		Part    float32
		Phrases []beam.Phrase
	}{k.Model, k.Part, beam.Canonical(expected)}); err != nil {
		panic(err) // only plain values
	}
	return hex.EncodeToString(h.Sum(nil)[:6])
}

// Expected returns the phrases as a search takes them.
func (k *Knowledge) Expected() []beam.Phrase {
	if k.PhraseWeight <= 0 {
		return nil
	}
	out := make([]beam.Phrase, 0, len(k.Phrases))
	for _, p := range k.Phrases {
		if one := (beam.Phrase{Text: p.Text, Weight: k.PhraseWeight}); one.Check() == nil {
			out = append(out, one)
		}
	}
	return out
}

// Lexicon opens the language model; it is nil if there is none.
func (k *Knowledge) Lexicon() (*beam.Lexicon, error) {
	if len(k.Model) == 0 {
		return nil, nil
	}
	m, err := lm.OpenBytes(k.Model)
	if err != nil {
		return nil, fmt.Errorf("open the language model of a project: %w", err)
	}
	return beam.NewLexicon(m), nil // its memory is the model's own, and needs no Close
}

// SearchWith returns a search with what is known and more phrases.
func (k *Knowledge) SearchWith(s *beam.Search, hotwords []beam.Phrase) (*beam.Search, error) {
	phrases, err := beam.NewPhrases(slices.Concat(hotwords, k.Expected()))
	if err != nil {
		return nil, err
	}
	s = s.WithPhrases(phrases)
	own, err := k.Lexicon()
	if err != nil || own == nil || s.Options().Lexicon == nil {
		return s, err
	}
	return s.WithOwn(own, k.Part)
}

// order is that of the language models.
const order = 3

// model makes a language model of sentences, or nil of none.
func (o *Options) model(ctx context.Context, texts []string) (_ []byte, err error) {
	if o.General == nil {
		return nil, nil // there is nothing to mix it with
	}
	folding := o.General.Folding()
	b, err := build.New(build.Options{Order: order, Memory: 16 << 20})
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, b.Close()) }()
	words := 0
	for _, text := range texts {
		for _, sentence := range sentences(text) {
			folded, ok := folding.Text(sentence)
			if !ok {
				folded, _ = lm.FoldWords.Text(sentence)
			}
			n := bytes.Count([]byte(folded), []byte(" ")) + 1
			if words += n; words > MaxWords {
				break
			}
			if err := b.Add(folded); err != nil {
				return nil, err
			}
		}
	}
	if words == 0 {
		return nil, nil
	}
	made, err := b.Table(ctx)
	if err != nil {
		return nil, err
	}
	made.Table.Facts = lm.Facts{Units: lm.Words, Folding: folding}
	var out bytes.Buffer
	z, err := lm.Compress(&out)
	if err != nil {
		return nil, err
	}
	if err := errors.Join(made.Table.Encode(z, lm.EncodeOptions{Bits: 16}), z.Close()); err != nil {
		return nil, err
	}
	return out.Bytes(), nil
}
