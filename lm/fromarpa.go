package lm

import (
	"bytes"
	"fmt"
	"io"
	"slices"
	"strings"
	"unicode"

	"github.com/asr-backend/asr-backend/lm/arpa"
)

// missing is the log10 probability of an unknown word in models that have no <unk>, and of
// <s>, as KenLM has it.
const missing = -100

// ReadARPA reads a model in ARPA format, compressed with gzip or not. The format does not
// say what its words are, so the Facts are derived from them: pieces if one begins with
// U+2581, as those of SentencePiece; otherwise words, folded by FoldWords if none has a
// capital, and by FoldNone if one does.
func ReadARPA(r io.Reader) (*Table, error) {
	a, err := arpa.NewReader(r)
	if err != nil {
		return nil, err
	}
	t := &Table{Levels: make([]Level, len(a.Counts()))}
	b := arpaBuilder{table: t, reader: a, numbers: map[string]Word{}}
	for k, n := range a.Counts() {
		if k == 0 {
			err = b.unigrams(n)
		} else {
			err = b.grams(k, n)
		}
		if err != nil {
			return nil, err
		}
	}
	if _, err = a.Next(); err != io.EOF {
		return nil, err
	}
	t.Facts = derive(t.Words[len(reserved):])
	for k := range t.Levels[:len(t.Levels)-1] {
		if l := &t.Levels[k]; l.First == nil {
			l.First = make([]uint32, len(l.Prob)+1)
		}
	}
	return t, t.Check()
}

func derive(words []string) Facts {
	f := Facts{Folding: FoldWords, Units: Words}
	for _, w := range words {
		if strings.HasPrefix(w, "\u2581") {
			return Facts{Folding: FoldNone, Units: Pieces}
		}
		if strings.ContainsFunc(w, unicode.IsUpper) {
			f.Folding = FoldNone
		}
	}
	return f
}

type arpaBuilder struct {
	table   *Table
	reader  *arpa.Reader
	numbers map[string]Word
}

// unigrams reads the words and sorts them.
func (b *arpaBuilder) unigrams(n int) error {
	type unigram struct {
		word          string
		prob, backoff float32
	}
	known := map[string]unigram{"<unk>": {"<unk>", missing, 0}, "<s>": {"<s>", missing, 0}}
	had := map[string]bool{}
	for range n {
		g, err := b.reader.Next()
		if err != nil {
			return err
		}
		w := string(g.Words[0])
		if w == "<UNK>" {
			w = "<unk>"
		}
		if had[w] {
			return fmt.Errorf("the word %q is listed twice", w)
		}
		had[w], known[w] = true, unigram{w, g.Prob, g.Backoff}
	}
	if _, found := known["</s>"]; !found {
		return fmt.Errorf("the model has no end of sentence, </s>")
	}
	t := b.table
	t.Words = Reserved()
	for w := range known {
		if !slices.Contains(reserved[:], w) {
			t.Words = append(t.Words, w)
		}
	}
	slices.Sort(t.Words[len(reserved):])
	l := &t.Levels[0]
	for i, w := range t.Words {
		b.numbers[w] = Word(i)
		l.Prob = append(l.Prob, known[w].prob)
		if len(t.Levels) > 1 {
			l.Backoff = append(l.Backoff, known[w].backoff)
		}
	}
	return nil
}

// grams reads level k.
func (b *arpaBuilder) grams(k, n int) error {
	type gram struct {
		words         [MaxOrder]Word
		prob, backoff float32
	}
	var grams []gram // n may be the invention of a damaged file
	for range n {
		g, err := b.reader.Next()
		if err != nil {
			return err
		}
		one := gram{prob: g.Prob, backoff: g.Backoff}
		for i, s := range g.Words {
			w, found := b.numbers[string(s)]
			if !found && !bytes.Equal(s, []byte("<UNK>")) {
				return fmt.Errorf("%q has the word %q, which is not among those of length 1", bytes.Join(g.Words, []byte(" ")), s)
			}
			one.words[i] = w
		}
		grams = append(grams, one)
	}
	slices.SortFunc(grams, func(x, y gram) int { return slices.Compare(x.words[:k+1], y.words[:k+1]) })
	t := b.table
	upper, l := &t.Levels[k-1], &t.Levels[k]
	upper.First = make([]uint32, 1, len(upper.Prob)+1)
	for i := range grams {
		g := &grams[i]
		if i > 0 && g.words == grams[i-1].words {
			return fmt.Errorf("%q is listed twice", t.spell(g.words[:k+1]))
		}
		parent, found := t.Find(g.words[:k])
		if !found {
			return fmt.Errorf("%q is listed without its beginning, %q", t.spell(g.words[:k+1]), t.spell(g.words[:k]))
		}
		for len(upper.First) <= int(parent) {
			upper.First = append(upper.First, uint32(i))
		}
		l.Words = append(l.Words, g.words[k])
		l.Prob = append(l.Prob, g.prob)
		if k+1 < len(t.Levels) {
			l.Backoff = append(l.Backoff, g.backoff)
		}
	}
	for len(upper.First) <= len(upper.Prob) {
		upper.First = append(upper.First, uint32(len(grams)))
	}
	return nil
}

func (t *Table) spell(words []Word) string {
	var s []string
	for _, w := range words {
		s = append(s, t.Words[w])
	}
	return strings.Join(s, " ")
}
