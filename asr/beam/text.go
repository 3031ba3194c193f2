package beam

import "github.com/asr-backend/asr-backend/asr/ctc"

// text is one text that is followed, with the piece that ends it. Probabilities of
// all its paths are summed up, those that end in blank and those that end in the piece,
// and multiplied by the factors of the language model and the phrases. Of each kind the
// best path is followed too: it says when the text was said.
type text struct {
	hash, word   uint64 // of all of it and of its last word
	last         ctc.Piece
	node         place // in the lexicons
	phrase       int32 // place in the graph of phrases
	begun        bool  // its last word has letters
	blank, piece float64
	rest, run    path  // the best paths of the two kinds
	words        int32 // the node of its complete words
	state        history
	end          ending
}

// ending is what the end of the last word is worth, once it was asked for.
type ending struct {
	known  bool
	factor float64
	state  history
}

func (t *text) sum() float64 { return t.blank + t.piece }

// likelier returns the better of the two paths and its number among those of the row.
func (t *text) likelier(i int) (*path, int32) {
	if t.run.prob > t.rest.prob {
		return &t.run, int32(2*i + 1)
	}
	return &t.rest, int32(2 * i)
}

// lastWord returns the word that is not complete, or zero.
func (t *text) lastWord() uint64 {
	if !t.begun {
		return 0
	}
	return t.word
}
