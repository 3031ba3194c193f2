package build

import (
	"context"
	"errors"
	"fmt"
	"os"
	"slices"
	"strings"

	"github.com/asr-backend/asr-backend/lm"
)

// Options says how a model is made of text.
type Options struct {
	// Order is the length of the longest n-grams, 1 to lm.MaxOrder; 0 stands for 3.
	Order int
	// Cutoffs has for each length, words first, how often an n-gram may occur and still be
	// left out. They must not fall, and the first must be 0; the last counts for longer ones.
	Cutoffs []int
	// MinCount leaves out words that occur less often. Their probability goes to <unk>.
	MinCount int
	// Prune leaves out n-grams without which perplexity rises by less than this, relatively.
	// 3e-7 keeps about one in ten of a model of books.
	Prune float64
	// Memory is the size of the buffer that n-grams are sorted in, in bytes; 0 stands for
	// 512 MB.
	Memory int64
	// TempDir is where sorted runs are written; empty stands for the system's folder.
	TempDir string
}

func (o *Options) validate() error {
	if o.Order == 0 {
		o.Order = 3
	}
	if o.Memory == 0 {
		o.Memory = 512e6
	}
	switch {
	case o.Order < 1 || o.Order > lm.MaxOrder:
		return fmt.Errorf("a model of order %d is not supported; orders go from 1 to %d", o.Order, lm.MaxOrder)
	case len(o.Cutoffs) > o.Order:
		return fmt.Errorf("%d cut-offs for %d lengths", len(o.Cutoffs), o.Order)
	case len(o.Cutoffs) > 0 && o.Cutoffs[0] != 0:
		return errors.New("the cut-off of words must be 0; a minimum count leaves rare words out")
	case !slices.IsSorted(o.Cutoffs):
		return errors.New("cut-offs must not fall from one length to the next")
	case !(o.Prune >= 0 && o.Prune < 1):
		return fmt.Errorf("a pruning threshold of %g is not from 0 to 1", o.Prune)
	case o.Memory < 1e6:
		return fmt.Errorf("%d bytes of memory are not enough: at least a million are needed", o.Memory)
	}
	return nil
}

func (o *Options) cutoff(length int) uint32 {
	if len(o.Cutoffs) == 0 {
		return 0
	}
	return uint32(min(o.Cutoffs[min(length, len(o.Cutoffs))-1], cut-1))
}

// Builder counts the n-grams of sentences. It is for one goroutine.
type Builder struct {
	o       Options
	dir     string
	numbers map[string]lm.Word // in the order of their first use
	words   []string
	counts  []uint32
	full    sorter // n-grams of the highest order, words reversed
	window  []lm.Word
	tokens  int64
	lines   int64
}

// New returns a Builder, which must be closed.
func New(o Options) (*Builder, error) {
	if err := o.validate(); err != nil {
		return nil, fmt.Errorf("build language model: %w", err)
	}
	dir, err := os.MkdirTemp(o.TempDir, "asr-backend-lm-")
	if err != nil {
		return nil, fmt.Errorf("build language model: %w", err)
	}
	b := &Builder{o: o, dir: dir, numbers: map[string]lm.Word{}, words: lm.Reserved(), counts: make([]uint32, len(lm.Reserved()))}
	for i, w := range b.words {
		b.numbers[w] = lm.Word(i)
	}
	b.full = sorter{length: o.Order, limit: int(o.Memory / gramSize), dir: dir}
	return b, nil
}

// Close removes temporary files.
func (b *Builder) Close() error {
	return errors.Join(b.full.close(), os.RemoveAll(b.dir))
}

// Numbers of <s> and </s> in every table.
const (
	sentenceStart lm.Word = 1
	sentenceEnd   lm.Word = 2
)

// Add counts a sentence: words separated by blanks. <s> and </s> in it are ignored; a
// sentence without words is, too.
func (b *Builder) Add(sentence string) error {
	w := b.window[:0]
	for range b.o.Order - 1 {
		w = append(w, sentenceStart)
	}
	for s := range strings.FieldsSeq(sentence) {
		n, found := b.numbers[s]
		if !found {
			n = lm.Word(len(b.words))
			s = strings.Clone(s) // do not keep the sentence
			b.numbers[s] = n
			b.words, b.counts = append(b.words, s), append(b.counts, 0)
		}
		if n == sentenceStart || n == sentenceEnd {
			continue
		}
		b.counts[n]++
		w = append(w, n)
	}
	b.window = w
	if len(w) < b.o.Order {
		return nil
	}
	w = append(w, sentenceEnd)
	b.window = w
	b.lines++
	b.tokens += int64(len(w) - b.o.Order + 1)
	for i := b.o.Order; i <= len(w); i++ {
		g := gram{count: 1, raw: 1}
		for k := range b.o.Order {
			g.words[k] = w[i-1-k]
		}
		if err := b.full.add(g); err != nil {
			return fmt.Errorf("build language model: %w", err)
		}
	}
	return nil
}

// Result is a model and how it came about.
type Result struct {
	Table     *lm.Table
	Sentences int64
	Tokens    int64 // words and ends of sentences
	// Discounts are D_1 to D_3 of each length; Fallback says for which the text gave none.
	Discounts [][3]float64
	Fallback  []bool
	// Before are the numbers of n-grams of each length before pruning.
	Before []int
}

// Table makes the model. The Builder can then only be closed.
func (b *Builder) Table(ctx context.Context) (*Result, error) {
	r, err := b.table(ctx)
	if err != nil {
		return nil, fmt.Errorf("build language model: %w", err)
	}
	return r, nil
}

func (b *Builder) table(ctx context.Context) (*Result, error) {
	if b.lines == 0 {
		return nil, errors.New("the text has no words")
	}
	renumber, words := b.vocabulary()
	a := &adjuster{builder: b, renumber: renumber, orders: make([]order, b.o.Order)}
	for k := range a.orders {
		a.orders[k].sorter = sorter{length: k + 1, limit: int(b.o.Memory / gramSize / int64(b.o.Order)), dir: b.dir}
	}
	defer a.close()
	if err := a.run(ctx); err != nil {
		return nil, err
	}
	r := &Result{Table: &lm.Table{Words: words, Levels: make([]lm.Level, b.o.Order)}, Sentences: b.lines, Tokens: b.tokens}
	e := estimator{table: r.Table, raw: make([][]uint32, b.o.Order), sentences: b.lines}
	for k := range a.orders {
		d, ok := a.orders[k].discounts()
		r.Discounts, r.Fallback = append(r.Discounts, d), append(r.Fallback, !ok)
		if err := e.level(ctx, k, &a.orders[k].sorter, d); err != nil {
			return nil, err
		}
		r.Before = append(r.Before, len(r.Table.Levels[k].Prob))
	}
	if b.o.Prune > 0 {
		if err := prune(ctx, r.Table, e.raw, float64(b.tokens), b.o.Prune); err != nil {
			return nil, err
		}
	}
	return r, r.Table.Check()
}

// vocabulary orders the words and returns the new number of each; those that are too rare
// get Unknown.
func (b *Builder) vocabulary() (renumber []lm.Word, words []string) {
	words = lm.Reserved()
	reserved := len(words)
	for i, w := range b.words[reserved:] {
		if int(b.counts[reserved+i]) >= b.o.MinCount {
			words = append(words, w)
		}
	}
	slices.Sort(words[reserved:])
	renumber = make([]lm.Word, len(b.words))
	for i, w := range words {
		renumber[b.numbers[w]] = lm.Word(i)
	}
	return renumber, words
}
