package asr

import (
	"errors"
	"fmt"
	"io/fs"

	"github.com/asr-backend/asr-backend/asr/sentencepiece"
)

// Tokenizer returns what cuts text into the model's pieces: the tokenizer.model beside
// the graph. Without that file it is a guess, see sentencepiece.FromPieces.
func (b *Bundle) Tokenizer() (*sentencepiece.Model, error) {
	const name = "tokenizer.model"
	f, err := b.files.Open(name)
	if errors.Is(err, fs.ErrNotExist) {
		return sentencepiece.FromPieces(b.Vocabulary), nil
	}
	if err != nil {
		return nil, &ModelError{b.Card.Name, fmt.Errorf("%s: %w", name, err)}
	}
	defer f.Close()
	m, err := sentencepiece.Read(f)
	if err == nil {
		err = m.Check(b.Vocabulary)
	}
	if err != nil {
		return nil, &ModelError{b.Card.Name, fmt.Errorf("%s: %w", name, err)}
	}
	return m, nil
}
