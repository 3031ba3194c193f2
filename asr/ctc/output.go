package ctc

import (
	"time"

	"github.com/asr-backend/asr-backend/asr/mel"
	"github.com/asr-backend/asr-backend/timeline"
)

// Output is what a model outputs for a part of one channel of a recording.
type Output struct {
	Vocabulary *Vocabulary
	// First is the recording's row at which the part begins: Rows[i] is row First+i.
	First timeline.Row
	// Samples is the length of the part.
	Samples timeline.Sample
	Rows    []Row
	// Searched says that Tokens, numbered like the rows of the recording, are the result of a
	// search. Otherwise the tokens are the greedy ones, and Tokens is nil.
	Searched bool
	Tokens   []Token
	// Transducer says that the tokens are those of a transducer.
	Transducer bool
	// Evidence is that of each of the Tokens of a hybrid, which still have the rows of the
	// transducer; see align.Retime. Otherwise it is nil.
	Evidence []Evidence
	// Levels is the loudness of each mel frame of the part.
	Levels []mel.Level
	// Shift is the model's measured constant, to be added to the time of every row.
	Shift time.Duration
}

// Words returns the words of tokens of the text.
func (o *Output) Words(tokens []Token) []Word {
	if o.Transducer {
		return o.Vocabulary.WrittenWords(tokens)
	}
	return o.Vocabulary.Words(tokens)
}

// TextTokens returns the tokens of the text.
func (o *Output) TextTokens() []Token {
	if o.Searched {
		return o.Tokens
	}
	return Greedy(o.Rows, o.Vocabulary.Blank(), o.First)
}
