package beam

import (
	"math/rand/v2"
	"slices"
	"strings"
	"testing"

	"github.com/asr-backend/asr-backend/lm"
)

// The tree has the words of the model, and nothing else ends in it.
func TestTheLexiconHasTheWordsOfItsModel(t *testing.T) {
	l := words(t)
	count := 0
	for id, text := range l.model.Vocabulary() {
		count++
		s := surface{text: []byte(text)}
		node := l.walk(0, &s)
		if node < 0 || l.word[node] != id {
			t.Fatalf("%q leads to node %d", text, node)
		}
		if l.best[node] < l.model.Unigram(id) || l.best[0] < l.best[node] {
			t.Errorf("%q: the best below is %v, it is %v itself", text, l.best[node], l.model.Unigram(id))
		}
		s.text, s.marks = append([]byte("\""), text+".,"...), true
		if marked := l.walk(0, &s); marked != node {
			t.Fatalf("%q with punctuation leads to node %d, want %d", text, marked, node)
		}
		s.text = []byte(text + "qqq")
		if l.walk(0, &s) != outside {
			t.Errorf("%sqqq is a word", text)
		}
	}
	ends := 0
	for _, id := range l.word {
		if id != 0 {
			ends++
		}
	}
	if count < 300 || ends != count {
		t.Errorf("%d words end in the tree, of %d", ends, count)
	}
}

// A language model may have its words in capitals: pieces find them all the same.
func TestCapitalsDoNotMatter(t *testing.T) {
	table, err := lm.ReadARPA(strings.NewReader("\\data\\\nngram 1=6\n\n\\1-grams:\n-2\t<unk>\n-99\t<s>\n-1\t</s>\n-0.5\tONE\n-0.9\tone\n-0.7\tIT\u2019S\n\n\\end\\\n"))
	if err != nil {
		t.Fatal(err)
	}
	m, err := table.Model()
	if err != nil {
		t.Fatal(err)
	}
	l := NewLexicon(m)
	for text, want := range map[string]string{"one": "ONE", "it's": "IT\u2019S"} {
		node := l.walk(0, &surface{text: []byte(text)})
		if id, _ := m.Word(want); node < 0 || l.word[node] != id {
			t.Errorf("%q leads to node %d", text, node)
		}
	}
}

// Words with digits and hyphens are no unknown words like others.
func TestDigitsAndHyphensStandApart(t *testing.T) {
	l := NewLexicon(tinyModel(t))
	for text, want := range map[string]int32{"q": outside, "a1": apart, "20": apart, "a-b": apart, "a\u2013b": apart, "aq": outside, "a9q": apart, "-": 0, "-q": outside} {
		s := surface{text: []byte(text), marks: strings.ContainsFunc(text, mark)}
		if got := l.walk(0, &s); got != want {
			t.Errorf("%q leads to %d, want %d", text, got, want)
		}
	}
	s, err := New(vocabulary(t, tiny), Options{Lexicon: l})
	if err != nil {
		t.Fatal(err)
	}
	known, unknown := s.ahead(place{general: apart}, 0), s.ahead(place{general: outside}, 0)
	if known <= unknown || known != s.listed {
		t.Errorf("a word apart is expected to be worth %v, an unknown one %v", known, unknown)
	}
}

func TestTopIsTheBeginningOfTheOrder(t *testing.T) {
	r := rand.New(rand.NewPCG(1, 3))
	for range 2000 {
		all := make([]ranked, r.IntN(60))
		for i := range all {
			all[i] = ranked{float64(r.IntN(20)), int32(i)}
		}
		r.Shuffle(len(all), func(i, j int) { all[i], all[j] = all[j], all[i] })
		want := slices.SortedFunc(slices.Values(all), compareRanked)
		n := 1 + r.IntN(60)
		if got := top(all, n); !slices.Equal(got, want[:min(n, len(want))]) {
			t.Fatalf("got %v, want %v", got, want[:min(n, len(want))])
		}
	}
}

// The hash of a text is that of its characters: pieces and spaces without a letter after
// them do not matter.
func TestTextsAreTheSameIfTheirCharactersAre(t *testing.T) {
	all := surfaces(vocabulary(t, []string{"▁the", "▁t", "he", "▁", "the", "t", "h", "e", "▁The"}))
	hashOf := func(pieces ...int) uint64 {
		text, word, begun := uint64(0), uint64(0), false
		for _, p := range pieces {
			s := &all[p]
			text, word = s.follow(text, word, begun)
			begun = begun && !s.starts || len(s.text) > 0
		}
		return text ^ word<<1
	}
	same := [][]int{{0, 0}, {1, 2, 0}, {4, 3, 3, 0}, {3, 5, 6, 7, 1, 2}, {0, 3, 4}}
	for _, pieces := range same[1:] {
		if hashOf(pieces...) != hashOf(same[0]...) {
			t.Errorf("%v differs from %v", pieces, same[0])
		}
	}
	for _, pieces := range [][]int{{0, 4}, {0}, {0, 8}, {0, 0, 0}} {
		if hashOf(pieces...) == hashOf(same[0]...) {
			t.Errorf("%v is the same as %v", pieces, same[0])
		}
	}
}
