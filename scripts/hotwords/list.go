package main

import (
	"cmp"
	"fmt"
	"hash/fnv"
	"math/rand/v2"
	"slices"
	"strings"
	"unicode/utf8"

	"github.com/asr-backend/asr-backend/lm"
)

// What is rare, in ranks of words by their probability, and among what others are drawn.
const (
	common    = 5000
	rarest    = 40000
	minLength = 3
)

// rare knows which words are common, and others to draw from.
type rare struct {
	common map[string]bool
	others []string
}

func newRare(m *lm.Model) *rare {
	type ranked struct {
		text string
		prob float32
	}
	var all []ranked
	for w, text := range m.Vocabulary() {
		all = append(all, ranked{text, m.Unigram(w)})
	}
	slices.SortFunc(all, func(a, b ranked) int {
		return cmp.Or(cmp.Compare(b.prob, a.prob), strings.Compare(a.text, b.text))
	})
	r := &rare{common: map[string]bool{}}
	for i, w := range all[:min(rarest, len(all))] {
		switch {
		case i < common:
			r.common[w.text] = true
		case utf8.RuneCountInString(w.text) >= minLength && !strings.Contains(w.text, "'"):
			r.others = append(r.others, w.text)
		}
	}
	return r
}

// list is that of a recording.
type list struct {
	words []string
	has   map[string]bool
}

// list returns the rare words of a recording and others, size in all, in random order that is
// the same every time.
func (r *rare) list(rec *recording, size int) list {
	l := list{has: map[string]bool{}}
	said := map[string]bool{}
	add := func(w string) {
		if !l.has[w] {
			l.has[w] = true
			l.words = append(l.words, w)
		}
	}
	for _, w := range rec.words {
		said[w] = true
		if !r.common[w] && utf8.RuneCountInString(w) >= minLength {
			add(w)
		}
	}
	h := fnv.New64a()
	fmt.Fprint(h, rec.name, size)
	random := rand.New(rand.NewPCG(h.Sum64(), 1))
	for len(l.words) < min(size, len(r.others)) {
		if w := r.others[random.IntN(len(r.others))]; !said[w] {
			add(w)
		}
	}
	random.Shuffle(len(l.words), func(i, j int) { l.words[i], l.words[j] = l.words[j], l.words[i] })
	return l
}
