package ctc

import (
	"math"
	"strings"
	"unicode"
	"unicode/utf8"

	"github.com/asr-backend/asr-backend/timeline"
)

// Word is a word of the text and the tokens it was made of.
type Word struct {
	Text string
	// First and Last are the indices, inclusive, of its first and last token.
	First, Last int
}

// unknown is what SentencePiece prints for <unk>.
const unknown = " \u2047 "

// Text returns what NeMo prints for the pieces: SentencePiece's decoding, with one space
// taken out before each punctuation mark.
func (v *Vocabulary) Text(pieces []Piece) string {
	return string(v.decode(pieces).text)
}

// TokenText is Text, of the pieces of tokens.
func (v *Vocabulary) TokenText(tokens []Token) string { return v.Text(piecesOf(tokens)) }

func piecesOf(tokens []Token) []Piece {
	pieces := make([]Piece, len(tokens))
	for i := range tokens {
		pieces[i] = tokens[i].Piece
	}
	return pieces
}

// LongestPause is the longest pause within a word, 0.8 s. Pieces further apart are of two
// words, even if the model wrote no space between them: nobody pauses in a word for so long.
const LongestPause timeline.Row = 10

// Words splits the text of tokens at white space and at long pauses. A mark belongs to the
// word before it, but one that comes long after it is not among its tokens.
func (v *Vocabulary) Words(tokens []Token) []Word { return v.words(tokens, LongestPause) }

// WrittenWords is Words, but splits the text at white space only: a transducer knows what it
// has written, and may leave long pauses in a word.
func (v *Vocabulary) WrittenWords(tokens []Token) []Word {
	return v.words(tokens, math.MaxInt)
}

func (v *Vocabulary) words(tokens []Token, longest timeline.Row) []Word {
	s := v.decode(piecesOf(tokens))
	var words []Word
	for at := 0; at < len(s.text); {
		r, size := utf8.DecodeRune(s.text[at:])
		if space(r) {
			at += size
			continue
		}
		first, last, end := int(s.owner[at]), int(s.owner[at]), at
		for end < len(s.text) {
			r, size := utf8.DecodeRune(s.text[end:])
			if space(r) {
				break
			}
			if owner := int(s.owner[end]); tokens[owner].First-tokens[last].Last <= longest {
				last = owner
			} else if !v.onlyMarks(tokens[owner].Piece) {
				break
			}
			end += size
		}
		words = append(words, Word{string(s.text[at:end]), first, last})
		at = end
	}
	return words
}

// onlyMarks reports whether a piece is made of punctuation.
func (v *Vocabulary) onlyMarks(p Piece) bool {
	return !strings.ContainsFunc(v.Piece(p), func(r rune) bool { return !unicode.IsPunct(r) })
}

// surface is a text that knows of every byte which token wrote it.
type surface struct {
	text  []byte
	owner []int32
}

func (s *surface) add(text string, owner int) {
	s.text = append(s.text, text...)
	for range len(text) {
		s.owner = append(s.owner, int32(owner))
	}
}

// decode follows sentencepiece's Decode: the word-boundary character becomes a space,
// and the ones before the first visible character are dropped; control pieces print
// nothing; byte pieces join to UTF-8.
func (v *Vocabulary) decode(pieces []Piece) surface {
	var s surface
	for i := 0; i < len(pieces); i++ {
		p := v.Piece(pieces[i])
		if _, ok := ByteOf(p); ok {
			i = v.decodeBytes(&s, pieces, i) - 1
			continue
		}
		switch {
		case p == "<unk>":
			p = unknown
		case control(p):
			continue
		case len(s.text) == 0:
			p = strings.TrimPrefix(p, Space)
		}
		s.add(strings.ReplaceAll(p, Space, " "), i)
	}
	return v.joinMarks(s)
}

// decodeBytes adds the run of byte pieces that starts at i and returns where it ends.
// Bytes that are not UTF-8 become U+FFFD, one for one.
func (v *Vocabulary) decodeBytes(s *surface, pieces []Piece, i int) int {
	var run []byte
	end := i
	for ; end < len(pieces); end++ {
		b, ok := ByteOf(v.Piece(pieces[end]))
		if !ok {
			break
		}
		run = append(run, b)
	}
	for at := 0; at < len(run); {
		r, size := utf8.DecodeRune(run[at:])
		s.add(string(r), i+at)
		at += size
	}
	return end
}

// joinMarks takes out one white-space character before each punctuation mark that the
// vocabulary has as (part of) a piece of its own, as NeMo does after decoding.
func (v *Vocabulary) joinMarks(s surface) surface {
	if len(v.marks) == 0 {
		return s
	}
	out := surface{s.text[:0], s.owner[:0]}
	for at := 0; at < len(s.text); {
		r, size := utf8.DecodeRune(s.text[at:])
		if space(r) && at+size < len(s.text) {
			next, n := utf8.DecodeRune(s.text[at+size:])
			if v.marks[next] {
				at += size
				r, size = next, n
			}
		}
		out.text = append(out.text, s.text[at:at+size]...)
		out.owner = append(out.owner, s.owner[at:at+size]...)
		at += size
	}
	return out
}

// space is white space as Python's re and str.split see it, with which NeMo's text is
// made: Unicode's, and four ASCII separators.
func space(r rune) bool { return unicode.IsSpace(r) || r >= 0x1c && r <= 0x1f }

// control reports whether SentencePiece prints nothing for the piece.
func control(p string) bool { return p == "<s>" || p == "</s>" || p == "<pad>" }

// ByteOf returns the byte that a piece such as <0xE2> stands for.
func ByteOf(p string) (byte, bool) {
	if len(p) != 6 || p[:3] != "<0x" || p[5] != '>' {
		return 0, false
	}
	hi, lo := strings.IndexByte(hexDigits, p[3]), strings.IndexByte(hexDigits, p[4])
	if hi < 0 || lo < 0 {
		return 0, false
	}
	return byte(hi<<4 | lo), true
}

const hexDigits = "0123456789ABCDEF"
