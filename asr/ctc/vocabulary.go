package ctc

import (
	"bufio"
	"errors"
	"fmt"
	"io"
	"strconv"
	"strings"
	"unicode"
)

// Space is the character with which SentencePiece writes a word boundary, U+2581.
const Space = "▁"

// Vocabulary is the list of pieces a model can print, blank last.
type Vocabulary struct {
	pieces []string
	marks  map[rune]bool
}

// maxVocabulary bounds what a file may claim; published models have 1,024 to 8,192.
const maxVocabulary = 1 << 17

// ReadVocabulary reads a tokens.txt or vocab.txt: a line for each piece, "piece index",
// indices from 0 without gaps, "<blk>" (or "<blank>") last. Without that last line
// blank is added, as NeMo counts.
func ReadVocabulary(r io.Reader) (*Vocabulary, error) {
	var pieces []string
	lines := bufio.NewScanner(r)
	for n := 1; lines.Scan(); n++ {
		line := strings.TrimSuffix(lines.Text(), "\r")
		if line == "" {
			continue
		}
		at := strings.LastIndexAny(line, " \t")
		if at < 0 {
			return nil, fmt.Errorf("vocabulary: line %d: %.40q is not \"piece index\"", n, line)
		}
		index, err := strconv.Atoi(line[at+1:])
		if err != nil || index != len(pieces) {
			return nil, fmt.Errorf("vocabulary: line %d: index %.20q, want %d: pieces must be numbered from 0 without gaps", n, line[at+1:], len(pieces))
		}
		if index == maxVocabulary {
			return nil, fmt.Errorf("vocabulary: more than %d pieces", maxVocabulary)
		}
		pieces = append(pieces, line[:at])
	}
	if err := lines.Err(); err != nil {
		return nil, fmt.Errorf("vocabulary: %w", err)
	}
	return NewVocabulary(pieces)
}

// NewVocabulary returns the vocabulary of pieces, which may or may not end in blank.
func NewVocabulary(pieces []string) (*Vocabulary, error) {
	if n := len(pieces); n > 0 && isBlank(pieces[n-1]) {
		pieces = pieces[:n-1]
	}
	if len(pieces) == 0 {
		return nil, errors.New("vocabulary: no pieces")
	}
	v := &Vocabulary{pieces: pieces, marks: map[rune]bool{}}
	for i, p := range pieces {
		if isBlank(p) {
			return nil, fmt.Errorf("vocabulary: blank is piece %d of %d; CTC models of NeMo have it last", i, len(pieces))
		}
		if strings.HasPrefix(p, Space) || strings.HasPrefix(p, "<") && strings.HasSuffix(p, ">") {
			continue
		}
		for _, c := range p {
			if unicode.IsPunct(c) {
				v.marks[c] = true
			}
		}
	}
	return v, nil
}

func isBlank(piece string) bool { return piece == "<blk>" || piece == "<blank>" }

// Width is the number of columns of the model's output: the pieces and blank.
func (v *Vocabulary) Width() int { return len(v.pieces) + 1 }

// Blank is the index of blank, the last column.
func (v *Vocabulary) Blank() Piece { return Piece(len(v.pieces)) }

// Piece returns the text of piece p, or "<blk>".
func (v *Vocabulary) Piece(p Piece) string {
	if p == v.Blank() {
		return "<blk>"
	}
	return v.pieces[p]
}

// Pieces returns all pieces without blank. The caller must not change them.
func (v *Vocabulary) Pieces() []string { return v.pieces }

// Cased reports whether any piece holds an upper-case letter.
func (v *Vocabulary) Cased() bool {
	for _, p := range v.pieces {
		if strings.ContainsFunc(p, unicode.IsUpper) && !control(p) {
			return true
		}
	}
	return false
}

// Marks reports whether the model writes sentence ends.
func (v *Vocabulary) Marks() bool { return v.marks['.'] }
