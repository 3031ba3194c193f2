package sentencepiece

import (
	"bytes"
	"encoding/binary"
	"errors"
	"strings"
	"unicode/utf8"

	"github.com/asr-backend/asr-backend/asr/ctc"
)

// maxRule bounds the bytes of a string that is replaced, and of what replaces it; the
// longest of the usual rules has 33.
const maxRule = 256

// normalizer converts text to the form that the model was trained on.
type normalizer struct {
	trie     []uint32 // units of a Darts double array
	replaced []byte   // replacements, each ended by a zero
	prefix   bool     // put a space in front (or at the end, with suffix)
	suffix   bool
	collapse bool // of several spaces keep one, and none at the ends
	escape   bool // write spaces as U+2581
}

// readRules reads the compiled rules: the length of the trie in bytes, the trie, and the
// replacements.
func (n *normalizer) readRules(data []byte) error {
	if len(data) == 0 {
		return nil
	}
	if len(data) < 4 {
		return errCut
	}
	size := binary.LittleEndian.Uint32(data)
	data = data[4:]
	if uint64(size) > uint64(len(data)) || size%4 != 0 || size == 0 {
		return errors.New("the rules of normalisation are broken")
	}
	n.trie = make([]uint32, size/4)
	for i := range n.trie {
		n.trie[i] = binary.LittleEndian.Uint32(data[4*i:])
	}
	n.replaced = bytes.Clone(data[size:])
	return nil
}

// normalize returns the text as the encoders take it.
func (n *normalizer) normalize(text string, m *Model) string {
	space := " "
	if n.escape {
		space = ctc.Space
	}
	var b strings.Builder
	b.Grow(len(text) + 16)
	if n.collapse {
		text = n.trimLeft(text, m)
	}
	if text == "" {
		return ""
	}
	if n.prefix && !n.suffix {
		b.WriteString(space)
	}
	after := n.collapse // a space that follows adds nothing
	for text != "" {
		part, size := n.next(text, m)
		text = text[size:]
		for after && strings.HasPrefix(part, " ") {
			part = part[1:]
		}
		if part != "" {
			if n.escape && strings.Contains(part, " ") {
				b.WriteString(strings.ReplaceAll(part, " ", ctc.Space))
			} else {
				b.WriteString(part)
			}
			after = n.collapse && strings.HasSuffix(part, " ")
		}
	}
	out := b.String()
	if n.collapse {
		for strings.HasSuffix(out, space) {
			out = out[:len(out)-len(space)]
		}
	}
	if n.prefix && n.suffix {
		out += space
	}
	return out
}

func (n *normalizer) trimLeft(text string, m *Model) string {
	for text != "" {
		part, size := n.next(text, m)
		if part != " " {
			break
		}
		text = text[size:]
	}
	return text
}

// next returns what stands for the beginning of text, and how many bytes that is.
func (n *normalizer) next(text string, m *Model) (part string, size int) {
	if k := m.symbol(text); k > 0 {
		return text[:k], k
	}
	if part, size := n.rule(text); size > 0 {
		return part, size
	}
	r, size := utf8.DecodeRuneInString(text)
	if r == utf8.RuneError && size <= 1 {
		return "\uFFFD", 1
	}
	return text[:size], size
}

// rule returns the replacement of the longest string in the trie with which text begins.
//
// A unit of the trie holds, from the lowest bit: the label of the edge that leads to it
// (8 bits), whether a string ends here, whether the offset is in units of 256, and the
// offset to its children (22 bits); a leaf has its highest bit set and holds the value.
func (n *normalizer) rule(text string) (part string, size int) {
	if len(n.trie) == 0 {
		return "", 0
	}
	unit := n.trie[0]
	at := offset(unit)
	value := uint32(0)
	for i := range min(len(text), maxRule) {
		at ^= uint32(text[i])
		if uint64(at) >= uint64(len(n.trie)) {
			break
		}
		unit = n.trie[at]
		if unit&(1<<31|0xff) != uint32(text[i]) {
			break
		}
		at ^= offset(unit)
		if uint64(at) >= uint64(len(n.trie)) {
			break
		}
		if unit>>8&1 != 0 {
			value, size = n.trie[at]&(1<<31-1), i+1
		}
	}
	if size == 0 || uint64(value) > uint64(len(n.replaced)) {
		return "", 0
	}
	s := n.replaced[value:min(int(value)+maxRule, len(n.replaced))]
	if end := bytes.IndexByte(s, 0); end >= 0 {
		s = s[:end]
	}
	return string(s), size
}

func offset(unit uint32) uint32 { return unit >> 10 << (unit >> 9 & 1 * 8) }
