package beam

import (
	"fmt"
	"maps"
	"math"
	"slices"
	"strconv"
	"strings"
	"unicode"
	"unicode/utf8"
)

// Phrase is a text that is expected in a recording: a name, a term, several words.
type Phrase struct {
	Text string
	// Weight is the bonus in nats for each letter, and for up to 7 letters more in lists of
	// less than 2,000 phrases; 0 means DefaultPhraseWeight.
	Weight float32
}

// ParsePhrase reads a phrase as lists have it: the text and, if it has a weight of its own, " :"
// and the weight, as sherpa-onnx has it.
func ParsePhrase(line string) (Phrase, error) {
	text, weight, ok := cutLast(strings.TrimSpace(line), " :")
	if !ok {
		return Phrase{Text: text}, nil
	}
	w, err := strconv.ParseFloat(strings.TrimSpace(weight), 32)
	if err != nil || !(w > 0 && w <= MaxPhraseWeight) {
		return Phrase{}, fmt.Errorf("the weight %.40q of %.60q is not a number from 0 to %d", weight, text, MaxPhraseWeight)
	}
	return Phrase{Text: strings.TrimSpace(text), Weight: float32(w)}, nil
}

func cutLast(s, sep string) (before, after string, found bool) {
	if i := strings.LastIndex(s, sep); i >= 0 {
		return s[:i], s[i+len(sep):], true
	}
	return s, "", false
}

// DefaultPhraseWeight is the bonus in nats for each letter of a phrase.
const DefaultPhraseWeight = 1.5

// MaxPhraseWeight bounds the bonus of a letter.
const MaxPhraseWeight = 20

// A phrase counts as if it had moreLetters more in lists of up to shortList phrases, and as it
// is in those of longList or more. Between them it falls with the logarithm of their number: any one
// phrase of a long list is less likely to be said, and false alarms are mostly short words.
const (
	moreLetters = 7
	shortList   = 100
	longList    = 2000
)

// maxBonus bounds the bonus of a phrase, in nats, so that its factor is a float32.
const maxBonus = 80

// bonus returns what a phrase of some letters and a weight is worth in a list of some phrases.
func bonus(weight float32, letters, phrases int) float64 {
	short := math.Log(longList/float64(phrases)) / math.Log(longList/shortList)
	more := moreLetters * min(max(short, 0), 1)
	return min(float64(weight)*(float64(letters)+more), maxBonus)
}

// Phrases is the context graph of a list of phrases: a tree of their letters in which
// every node knows the longest other node that the text also is at (Aho and Corasick,
// CACM 1975). It may be used by many searches.
type Phrases struct {
	tree tree
	fail []int32
	keep []float32 // the factor of what is paid for good on the edge to a node
	loan []float32 // the factor of what is paid back when the node is left
	most float64   // the greatest factor of an edge
}

// maxPhrase bounds the bytes of a phrase.
const maxPhrase = 400

// open is the node of the text " ": a word may begin.
const open = 1

// Check returns what is wrong with a phrase, or nil.
func (p Phrase) Check() error {
	_, _, err := p.folded()
	return err
}

// folded returns the phrase as the graph has it, and its weight.
func (p Phrase) folded() (text string, weight float32, err error) {
	if p.Weight == 0 {
		p.Weight = DefaultPhraseWeight
	}
	if !(p.Weight > 0 && p.Weight <= MaxPhraseWeight) {
		return "", 0, fmt.Errorf("phrase %.60q has weight %v; want more than 0 and at most %d", p.Text, p.Weight, MaxPhraseWeight)
	}
	text = foldPhrase(p.Text)
	switch {
	case text == "":
		return "", 0, fmt.Errorf("phrase %.60q has no letters", p.Text)
	case len(text) > maxPhrase:
		return "", 0, fmt.Errorf("phrase %.60q... has %d bytes; want not more than %d bytes", p.Text, len(text), maxPhrase)
	}
	return " " + text + " ", p.Weight, nil
}

// Canonical returns a list as it counts: folded, with all weights, each phrase once, in order. Lists
// of which it is the same give the same graph. A phrase that cannot be used is left as it is.
func Canonical(list []Phrase) []Phrase {
	weights := map[string]float32{}
	for _, p := range list {
		text, weight, err := p.folded()
		if err != nil {
			text, weight = p.Text, p.Weight
		}
		weights[text] = max(weights[text], weight)
	}
	var out []Phrase
	for _, text := range slices.Sorted(maps.Keys(weights)) {
		out = append(out, Phrase{Text: strings.TrimSpace(text), Weight: weights[text]})
	}
	return out
}

// NewPhrases makes the graph of a list. A list without phrases gives nil, which costs nothing.
func NewPhrases(list []Phrase) (*Phrases, error) {
	weights := map[string]float32{}
	for _, p := range list {
		text, weight, err := p.folded()
		if err != nil {
			return nil, fmt.Errorf("beam: %w", err)
		}
		weights[text] = max(weights[text], weight)
	}
	if len(weights) == 0 {
		return nil, nil
	}
	texts := make([]string, 0, len(weights))
	for text := range weights {
		texts = append(texts, text)
	}
	slices.Sort(texts)
	ends := make([]int32, len(texts))
	g := &Phrases{tree: newTree(texts, func(i int, node int32) { ends[i] = node })}
	g.link()
	g.pay(texts, ends, weights)
	return g, nil
}

// foldPhrase returns the words of a phrase as the graph has them.
func foldPhrase(text string) string {
	letters := func(r rune) bool { return !mark(r) }
	var words []string
	for _, w := range strings.Fields(strings.ToLower(strings.ReplaceAll(text, "\u2019", "'"))) {
		if w = strings.TrimFunc(w, mark); strings.ContainsFunc(w, letters) {
			words = append(words, w)
		}
	}
	return strings.Join(words, " ")
}

// parents returns the parent and the depth of each node.
func (t *tree) parents() (parent, depth []int32) {
	n := len(t.label)
	parent, depth = make([]int32, n), make([]int32, n)
	for node := range int32(n) {
		for c := t.first[node]; c < t.first[node+1]; c++ {
			parent[c], depth[c] = node, depth[node]+1
		}
	}
	return parent, depth
}

// link finds the fail links, in the order of depth, in which the nodes are.
func (g *Phrases) link() {
	g.fail = make([]int32, len(g.tree.label))
	for node := range int32(len(g.fail)) {
		for c := g.tree.first[node]; c < g.tree.first[node+1]; c++ {
			if node > 0 {
				g.fail[c] = g.next(g.fail[node], g.tree.label[c])
			}
		}
	}
}

// next returns the node after one more byte of text.
func (g *Phrases) next(node int32, b byte) int32 {
	for {
		if c := g.tree.child(node, b); c >= 0 {
			return c
		}
		if node == 0 {
			return 0
		}
		node = g.fail[node]
	}
}

// pay sets the factors. The total of a node is the most that phrases which lie within its
// text and do not overlap are worth; the hope of a node is what the phrases that may still
// come of it would add, in proportion to the letters that are there.
func (g *Phrases) pay(texts []string, ends []int32, weights map[string]float32) {
	n := len(g.tree.label)
	parent, depth := g.tree.parents()
	hope, worth, total := make([]float64, n), make([]float64, n), make([]float64, n)
	for i, text := range texts {
		all := letters(text)
		worth[ends[i]] = bonus(weights[text], all, len(texts))
		node := int32(0)
		for at := range len(text) {
			node = g.tree.child(node, text[at])
			hope[node] = max(hope[node], worth[ends[i]]*float64(letters(text[:at+1]))/float64(all))
		}
	}
	g.keep, g.loan, g.most = make([]float32, n), make([]float32, n), 1
	loans := make([]float64, n)
	g.keep[0], g.loan[0] = 1, 1
	for node := int32(1); node < int32(n); node++ {
		up := parent[node]
		total[node] = total[up]
		for end := node; end > 0; end = g.fail[end] {
			if worth[end] == 0 {
				continue
			}
			from := node // the node at which the phrase that ends here began
			for depth[from] > depth[node]-depth[end]+1 {
				from = parent[from]
			}
			total[node] = max(total[node], total[from]+worth[end])
		}
		loans[node] = max(hope[node]-total[node], loans[g.fail[node]], 0)
		paid := total[node] - total[up]
		g.keep[node], g.loan[node] = float32(math.Exp(paid)), float32(math.Exp(loans[node]))
		g.most = max(g.most, math.Exp(paid+loans[node]-loans[up]))
	}
}

// letters counts those of a text, which may end within one.
func letters(text string) int {
	n := 0
	for i := range len(text) {
		if text[i] != ' ' && utf8.RuneStart(text[i]) {
			n++
		}
	}
	return n
}

// walk follows a piece from a node and returns the factor of what that pays. begun says that
// the text before ends in a letter.
func (g *Phrases) walk(node int32, s *surface, begun bool) (int32, float64) {
	f := 1 / float64(g.loan[node])
	if s.starts && begun {
		node, f = g.step(node, ' ', f)
	}
	for at := 0; at < len(s.text); at++ {
		b := s.text[at]
		if s.marks && g.tree.child(node, b) < 0 {
			if r, size := utf8.DecodeRune(s.text[at:]); mark(r) && r != unicode.ReplacementChar {
				at += size - 1
				continue
			}
		}
		node, f = g.step(node, b, f)
	}
	return node, f * float64(g.loan[node])
}

func (g *Phrases) step(node int32, b byte, f float64) (int32, float64) {
	node = g.next(node, b)
	return node, f * float64(g.keep[node])
}

// end returns the factor of what the end of the text pays at a node.
func (g *Phrases) end(node int32, begun bool) float64 {
	f := 1 / float64(g.loan[node])
	if begun {
		_, f = g.step(node, ' ', f)
	}
	return f
}
