package lm

import (
	"encoding/binary"
	"fmt"
	"iter"
	"sort"
)

// blockSize is how many words share the text of the first of them.
const blockSize = 16

// vocabulary are words in ascending order of their bytes, after <unk>, <s> and </s>. Each
// block of 16 has the first word whole; another word is the number of bytes that it shares
// with the one before, and the rest. Both are preceded by their length as varint.
type vocabulary struct {
	text   []byte
	blocks numbers // where each begins; one more than there are
	n      uint32
}

// reserved are the first words of every model.
var reserved = [...]string{"<unk>", "<s>", "</s>"}

func (v *vocabulary) block(i uint32) []byte {
	return v.text[v.blocks.at(i):v.blocks.at(i+1)]
}

func (v *vocabulary) find(s string) (Word, bool) {
	for i, r := range reserved {
		if s == r {
			return Word(i), i != int(Unknown)
		}
	}
	blocks := int((v.n - uint32(firstWord) + blockSize - 1) / blockSize)
	i := sort.Search(blocks, func(i int) bool {
		head, _, _ := whole(v.block(uint32(i)), nil)
		return string(head) > s
	}) - 1
	if i < 0 {
		return Unknown, false
	}
	w := Word(i)*blockSize + firstWord
	var buffer [64]byte
	rest, text, first := v.block(uint32(i)), buffer[:0], true
	for ; len(rest) > 0; w++ {
		text, rest, _ = next(rest, text, first)
		if string(text) == s {
			return w, true
		}
		first = false
	}
	return Unknown, false
}

// all yields every word, the reserved ones first.
func (v *vocabulary) all() iter.Seq2[Word, string] {
	return func(yield func(Word, string) bool) {
		for i, r := range reserved {
			if !yield(Word(i), r) {
				return
			}
		}
		w := firstWord
		var text []byte
		for b := uint32(0); uint32(w) < v.n; b++ {
			rest, first := v.block(b), true
			for ; len(rest) > 0; w++ {
				text, rest, _ = next(rest, text, first)
				if !yield(w, string(text)) {
					return
				}
				first = false
			}
		}
	}
}

// next replaces text, the word before, by the word that rest begins with.
func next(rest, text []byte, first bool) (spelling, after []byte, ok bool) {
	shared := uint64(0)
	if !first {
		n := 0
		if shared, n = binary.Uvarint(rest); n <= 0 || shared > uint64(len(text)) {
			return nil, nil, false
		}
		rest = rest[n:]
	}
	return whole(rest, text[:shared])
}

// whole appends the text that rest begins with, after its length.
func whole(rest, into []byte) (text, after []byte, ok bool) {
	length, n := binary.Uvarint(rest)
	if n <= 0 || length > uint64(len(rest)-n) {
		return nil, nil, false
	}
	return append(into, rest[n:n+int(length)]...), rest[n+int(length):], true
}

// check returns an error if words are damaged or not in ascending order.
func (v *vocabulary) check() error {
	w := uint32(firstWord)
	last := ""
	for b := uint32(0); w < v.n; b++ {
		lo, hi := v.blocks.at(b), v.blocks.at(b+1)
		if lo > hi || uint64(hi) > uint64(len(v.text)) {
			return fmt.Errorf("block %d of the words is out of bounds", b)
		}
		var text []byte
		rest, first := v.text[lo:hi], true
		for range min(blockSize, v.n-w) {
			var ok bool
			if text, rest, ok = next(rest, text, first); !ok || string(text) <= last {
				return fmt.Errorf("word %d is damaged", w)
			}
			last, first = string(text), false
			w++
		}
		if len(rest) > 0 {
			return fmt.Errorf("block %d of the words has too many", b)
		}
	}
	return nil
}

// packWords writes words, which are in ascending order and do not include the reserved ones.
func packWords(words []string) (text []byte, blocks []uint32) {
	for i, w := range words {
		shared := 0
		if i%blockSize == 0 {
			blocks = append(blocks, uint32(len(text)))
		} else {
			before := words[i-1]
			for shared < len(w) && shared < len(before) && w[shared] == before[shared] {
				shared++
			}
			text = binary.AppendUvarint(text, uint64(shared))
		}
		text = binary.AppendUvarint(text, uint64(len(w)-shared))
		text = append(text, w[shared:]...)
	}
	return text, append(blocks, uint32(len(text)))
}
