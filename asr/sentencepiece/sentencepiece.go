// Package sentencepiece turns text into the pieces of a SentencePiece tokenizer: what NeMo feeds
// to a model in training, and what forced alignment looks for in its rows.
//
// # Model
//
// tokenizer.model is a protocol buffer (sentencepiece_model.proto): a list of pieces with
// scores and types, a normaliser, and how pieces are chosen. Only encoding is done here,
// and only what it needs is read. Pieces are numbered as they stand in the file, which
// are the columns of a NeMo CTC model; blank comes after them.
//
// # Normalisation
//
// Rules such as nmt_nfkc lie in the file in compiled form: a double-array trie of byte
// strings (Darts) whose values are places in a list of replacements. At each position the
// longest string in the trie is replaced. Then white space is collapsed and trimmed, each
// space becomes U+2581, and one is put in front.
//
// # Encoding
//
// BPE begins with characters and joins, again and again, the two neighbours whose joint
// piece has the highest score, the leftmost of equals. Unigram takes the sequence of
// pieces with the greatest sum of scores, in single precision as the reference does, so
// that ties fall the same way. What no piece covers becomes <unk>, one for a run, or the
// pieces of its bytes if the model has them.
//
// A vocabulary without its tokenizer does not say how text was cut. [FromPieces] then
// takes the longest piece at each position, which is a guess: see [Model.Exact].
//
// Reference: github.com/google/sentencepiece, with whose own encoding the tests compare.
package sentencepiece

import (
	"errors"
	"fmt"
	"strings"
	"unicode/utf8"

	"github.com/asr-backend/asr-backend/asr/ctc"

	"golang.org/x/text/unicode/norm"
)

// Model is a tokenizer. It may be used by many goroutines.
type Model struct {
	kind       kind
	pieces     []piece
	ids        map[string]ctc.Piece // of normal, user-defined and unused pieces
	bytes      [256]ctc.Piece       // of byte pieces
	byByte     bool                 // unknown text becomes byte pieces
	unknown    ctc.Piece
	longest    int // bytes in the longest piece
	symbols    map[string]bool
	symbolSize int // bytes in the longest user-defined symbol
	low, high  float32
	normal     normalizer
}

// kind is how pieces are chosen; the first two are numbered as in the file.
type kind int

const (
	unigram kind = 1
	bpe     kind = 2
	guess   kind = -1
)

// piece is one entry of the vocabulary.
type piece struct {
	text  string
	score float32
	class class
}

// class is the type of a piece, numbered as in the file.
type class int

const (
	normal      class = 1
	unknown     class = 2
	control     class = 3
	userDefined class = 4
	unused      class = 5
	byteValue   class = 6
)

// Exact reports whether text is encoded as in the training of the model. It is false for
// a Model made by FromPieces.
func (m *Model) Exact() bool { return m.kind != guess }

// Unknown returns the piece that stands for what the vocabulary does not have.
func (m *Model) Unknown() ctc.Piece { return m.unknown }

// Len returns the number of pieces.
func (m *Model) Len() int { return len(m.pieces) }

// Piece returns the text of piece p.
func (m *Model) Piece(p ctc.Piece) string { return m.pieces[p].text }

// Check returns an error unless the pieces are those of a vocabulary.
func (m *Model) Check(v *ctc.Vocabulary) error {
	want := v.Pieces()
	if len(want) != len(m.pieces) {
		return fmt.Errorf("the tokenizer has %d pieces and the model's vocabulary %d: they do not belong together", len(m.pieces), len(want))
	}
	for i := range want {
		if want[i] != m.pieces[i].text {
			return fmt.Errorf("piece %d is %q in the tokenizer and %q in the model's vocabulary: they do not belong together", i, m.pieces[i].text, want[i])
		}
	}
	return nil
}

// Encode returns the pieces of a text.
func (m *Model) Encode(text string) []ctc.Piece {
	if m.kind == guess { // most tokenizers do about the same, by rules that are not at hand
		text = strings.Join(strings.Fields(norm.NFKC.String(text)), " ")
	}
	s := m.normal.normalize(text, m)
	if s == "" {
		return nil
	}
	var out []ctc.Piece
	emit := func(surface string, p ctc.Piece) {
		switch {
		case p != m.unknown:
			out = append(out, p)
		case m.byByte:
			for i := range len(surface) {
				out = append(out, m.bytes[surface[i]])
			}
		case len(out) == 0 || out[len(out)-1] != m.unknown:
			out = append(out, p)
		}
	}
	switch m.kind {
	case bpe:
		m.encodeBPE(s, emit)
	case unigram:
		m.encodeUnigram(s, emit)
	default:
		m.encodeLongest(s, emit)
	}
	return out
}

// Knows reports whether every character of a text can be written with the pieces.
func (m *Model) Knows(text string) bool {
	for _, p := range m.Encode(text) {
		if p == m.unknown || m.pieces[p].class == byteValue {
			return false
		}
	}
	return true
}

// FromPieces returns a Model for a vocabulary whose tokenizer is not known. It takes the
// longest piece at each position.
func FromPieces(v *ctc.Vocabulary) *Model {
	m := &Model{kind: guess, normal: normalizer{prefix: true, collapse: true, escape: true}}
	for _, text := range v.Pieces() {
		p := piece{text: text, class: normal}
		switch {
		case text == "<unk>":
			p.class = unknown
		case text == "<s>", text == "</s>", text == "<pad>":
			p.class = control
		case len(text) == 6 && strings.HasPrefix(text, "<0x") && text[5] == '>':
			p.class = byteValue
		}
		m.pieces = append(m.pieces, p)
	}
	if err := m.index(); errors.Is(err, errNoUnknown) {
		m.unknown = v.Blank() // no piece; never found among the pieces
	}
	m.byByte = false
	return m
}

var errNoUnknown = errors.New("no piece of the type unknown")

// index makes the tables from the pieces.
func (m *Model) index() error {
	m.ids, m.symbols = make(map[string]ctc.Piece, len(m.pieces)), map[string]bool{}
	m.unknown = -1
	m.low, m.high = maxFloat32, minFloat32
	for i := range m.pieces {
		p := &m.pieces[i]
		switch p.class {
		case normal, userDefined, unused:
			if _, twice := m.ids[p.text]; twice {
				return fmt.Errorf("piece %d: %q is there twice", i, p.text)
			}
			m.ids[p.text] = ctc.Piece(i)
			m.longest = max(m.longest, len(p.text))
		case unknown:
			if m.unknown >= 0 {
				return errors.New("two pieces of the type unknown")
			}
			m.unknown = ctc.Piece(i)
		case byteValue:
			var b byte
			if _, err := fmt.Sscanf(p.text, "<0x%02X>", &b); err != nil {
				return fmt.Errorf("piece %d: %q is no byte", i, p.text)
			}
			m.bytes[b] = ctc.Piece(i)
			m.byByte = true
		}
		switch p.class {
		case normal:
			m.low, m.high = min(m.low, p.score), max(m.high, p.score)
		case userDefined:
			m.symbols[p.text] = true
			m.symbolSize = max(m.symbolSize, len(p.text))
		}
	}
	if m.unknown < 0 {
		return errNoUnknown
	}
	return nil
}

// The bounds of float32, with which the reference begins its search for the lowest and
// the highest score; the second is the smallest positive number, so that no highest score
// is negative.
const (
	maxFloat32 = 0x1p127 * (1 + (1 - 0x1p-23))
	minFloat32 = 0x1p-126
)

// symbol returns the length of the user-defined symbol at the start of s, or 0.
func (m *Model) symbol(s string) int {
	for n := min(len(s), m.symbolSize); n > 0; n-- {
		if m.symbols[s[:n]] {
			return n
		}
	}
	return 0
}

// character returns the length of the character at the start of s.
func character(s string) int {
	_, n := utf8.DecodeRuneInString(s)
	return n
}
